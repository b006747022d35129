"""How much GPU and main memory a training needs, in terms that add up, and what would make it fit.

`models` and `parts` are knowledge as data, `weights`, `adapter` and `activations` turn a config into bytes, `estimate` adds them
up by phase, `fit` looks for the cheapest changes, `section` prints. What is measured, read or guessed is said with each term.
"""
