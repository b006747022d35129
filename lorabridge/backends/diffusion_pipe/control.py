"""What diffusion-pipe can be asked: the files `save` and `save_quit` in its run folder, read once per step (utils/saver.py:139-166)."""

from __future__ import annotations

from collections.abc import Sequence

from lorabridge.backends.control import Ask, Control, Place, Refusal, touch
from lorabridge.backends.diffusion_pipe.layout import run_folders


def _file(name: str, place: Place) -> str:
    folders = run_folders(place.output, place.name)
    return touch(folders[-1] / name) if folders else "it makes its folder when caching and loading are done; ask again when it trains"


def _on_port(argv: Sequence[str], port: int) -> list[str]:
    """The trainer's own option; the launcher's is overwritten by its default, 29500 (train.py:253)."""
    return [*argv, *([] if "--master_port" in argv else ["--master_port", str(port)])]


CONTROL = Control(
    stop=Ask(
        lambda place: _file("save_quit", place),
        "it ends after the current step with a training state, from which `lorabridge resume` goes on; it writes no LoRA file then",
    ),
    save=Ask(
        lambda place: _file("save", place),
        "it writes a training state after the current step; LoRA files come by `save.every` only",
        ("state",),
    ),
    sample=Refusal("diffusion-pipe draws no samples", "`evaluate` gives a loss on held-out pictures"),
    signals="a signal to its process group ends it at once; nothing is saved",
    on_port=_on_port,
)
