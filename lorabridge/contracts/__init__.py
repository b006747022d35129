"""Facts about the trainers by commit: options, types, choices and defaults, read from their source without importing it."""
