"""What lorabridge says to a person: codes, positions, fixes and the formats they are printed in."""

from lorabridge.diagnostics.codes import CODES, Code
from lorabridge.diagnostics.model import Diagnostic, Edit, Severity, Span, sort_key

__all__ = ["CODES", "Code", "Diagnostic", "Edit", "Severity", "Span", "sort_key"]
