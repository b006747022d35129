"""lorabridge: one YAML of LoRA training intent, compiled for several trainers."""

__version__ = "0.1.0"
