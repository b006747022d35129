"""LoRA files and training states, read without trust: headers, key dialects, identity, inspection, verification.

`header` reads what a safetensors file says of itself, `dialects` and `modules` make adapters of key names, `tables` and
`identity` tell what model it is, `read` and `norms` look at the numbers (numpy, imported when it is used), `inspect` and
`verify` put it together. Nothing here runs code that a file contains.
"""
