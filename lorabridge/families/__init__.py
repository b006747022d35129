"""Model families and variants as data: paths they need, what pairs with what, what is distilled."""

from lorabridge.families.base import Defaults, Family, Needs, Variant
from lorabridge.families.table import FAMILIES, find_family

__all__ = ["FAMILIES", "Defaults", "Family", "Needs", "Variant", "find_family"]
