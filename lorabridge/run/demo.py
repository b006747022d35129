"""The material of `lorabridge demo`: eight generated pictures, and a config for the toy model in the package."""

from __future__ import annotations

import subprocess
from pathlib import Path

import jinja2

from lorabridge.backends import embedded
from lorabridge.config.spell import flow
from lorabridge.files import write_atomic
from lorabridge.plan.schema import SCHEMA_ID
from lorabridge.resources import template_dir


class DemoError(RuntimeError):
    """The demo cannot be made here; the message says what to do."""


def make_demo(folder: Path, steps: int) -> Path:
    """Write pictures, captions and `stars.yaml` below `folder`; existing files are replaced.

    Raises DemoError when the embedded trainer is not installed or the folder cannot be written.
    """
    found = embedded.locate({})
    if found is None or found.problems:
        raise DemoError("; ".join(found.problems) if found else "the embedded trainer was not found")
    drawn = subprocess.run(
        [str(found.python), "-m", "lorabridge.backends.embedded.trainer.shapes", str(folder / "images")],
        capture_output=True,
        text=True,
        check=False,
    )
    if drawn.returncode:
        raise DemoError(f"the pictures could not be drawn: {(drawn.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    model = Path(embedded.__file__).resolve().parent / "toy_base"
    template = jinja2.Template(
        (template_dir() / "demo.yaml.jinja").read_text("utf-8"), keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    text = template.render(schema=SCHEMA_ID, model=flow(model.as_posix()), steps=steps, every=max(1, steps // 3))
    config = folder / "stars.yaml"
    try:
        write_atomic(config, text)
    except OSError as error:
        raise DemoError(f"cannot write `{config}`: {error.strerror or error}") from error
    return config
