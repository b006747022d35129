"""What a person types: one small module per command, no logic of its own."""
