"""The lock: what a run is made of, written down so that it can be repeated and any drift be named.

`inputs` finds what a config names, `content` hashes it, `build` makes a lock of it all, `compare` tells two locks apart.
"""
