"""Datasets on disk: what exists, what trainers would find."""
