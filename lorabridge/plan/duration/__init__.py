"""How long a training takes and what it costs: from runs that were recorded here with the same settings, or from a stated speed. Never made up.

`recorded` reads the speed out of run folders, `section` turns it into hours and money.
"""
