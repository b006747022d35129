"""The sections of the language as typed declarations, one module per group of sections."""

from lorabridge.config.schema.root import Config

__all__ = ["Config"]
