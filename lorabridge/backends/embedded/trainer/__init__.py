"""The embedded trainer: a small LoRA trainer for diffusers models, run as a child process.

`python -m lorabridge.backends.embedded.trainer job.json`. Only `job`, `events` and `shapes` may be imported without
torch; nothing outside this folder imports anything else from it.
"""
