"""What runs inside a trainer's own Python: standard library only, no import of the rest of lorabridge.

`prepare` (on our side) copies these files and a backend's `probe.py` into a folder of its own, so that nothing of
our environment reaches the trainer's.
"""
