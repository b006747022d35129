"""What the embedded trainer can be asked: all of it, by files in its output folder (`trainer/control.py`)."""

from __future__ import annotations

from lorabridge.backends.control import Ask, Control, Place, touch


def _go_on(place: Place) -> str:
    (place.output / ".pause").unlink(missing_ok=True)
    return ""


CONTROL = Control(
    stop=Ask(lambda place: touch(place.output / ".stop"), "it ends after the current step, with a checkpoint and a state"),
    save=Ask(
        lambda place: touch(place.output / ".checkpoint"), "it writes a checkpoint and a state after the current step", ("save", "state")
    ),
    sample=Ask(lambda place: touch(place.output / ".sample"), "it draws the samples after the current step", ("sample",)),
    signals="SIGINT and SIGTERM end it after the current step, with a checkpoint and a state",
    pause=Ask(lambda place: touch(place.output / ".pause"), "it saves and holds after the current step; its GPU memory stays taken"),
    go_on=Ask(_go_on, "it goes on"),
)
