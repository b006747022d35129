"""The language: what can be written, what each value means, where it came from."""
