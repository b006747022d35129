"""What the embedded trainer keeps in memory."""

from __future__ import annotations

from lorabridge.backends.footprint import Footprint

FOOTPRINT = Footprint(adapter_bytes=4, encoder_stays=True, source="trainer/lora.py: adapters stay in float32")
