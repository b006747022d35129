"""What musubi-tuner can be asked while it trains: nothing. Its loop reads no file and no socket (training/trainer_base.py:1922-2150)."""

from __future__ import annotations

from collections.abc import Sequence

from lorabridge.backends.control import Control, Refusal


def _on_port(argv: Sequence[str], port: int) -> list[str]:
    """accelerate's option, for the processes of several GPUs; the caching scripts have none."""
    at = next((index for index, word in enumerate(argv) if word == "accelerate.commands.launch"), None)
    if at is None or "--main_process_port" in argv:
        return list(argv)
    return [*argv[: at + 1], "--main_process_port", str(port), *argv[at + 1 :]]


CONTROL = Control(
    stop=Refusal("it listens to signals only, and saves nothing when one ends it", "what `save.every` has written stays"),
    save=Refusal(
        "musubi-tuner cannot be asked for a checkpoint while it trains", "set `save: {every: …, state: true}`; `pause` holds it as it is"
    ),
    sample=Refusal("musubi-tuner cannot be asked for samples while it trains", "set `sample: {every: …}`"),
    signals="SIGINT and SIGTERM end it at once; nothing is saved",
    on_port=_on_port,
)
