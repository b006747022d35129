"""Arithmetic and promises: from a configuration to the plan of one trainer."""
