"""A backend whose trainer is a script; importable by name, because the supervisor of a run is a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lorabridge.backends.base import Artifacts, File, Installation, Plan, Stage
from lorabridge.backends.control import Ask, Control, Place, Refusal, touch
from lorabridge.backends.events import Event
from lorabridge.backends.resume import Point, Resume, said
from lorabridge.diagnostics import Diagnostic


class LineCutter:
    """Cuts a byte stream into text lines at \\n and \\r, whatever the chunks; bad UTF-8 is replaced."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines completed by `data`."""
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines if line]

    def close(self) -> list[str]:
        """The last line, when the stream ended without a line end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []


NAME, TITLE, COMMIT, ROWS, HANDLED = "fake", "The fake trainer", "", (), {}

CONFIG = """\
# my first LoRA
lorabridge: 1
name: cat-toy
trigger: ohwx
model: {family: qwen-image, paths: {transformer: m/t.safetensors, vae: m/v.safetensors, text_encoder: m/q.safetensors}}
datasets: [{images: pictures}]
train: {for: 10 steps, seed: SEED}
output: {dir: results}
"""

SETTINGS: dict[str, Any] = {"script": "steps(1, 10); lora()", "problems": (), "found": True, "caches": (), "refuses": False}
"""What the trainer does; tests change it in their own process, where `lower` and `locate` run."""

PRELUDE = """\
import json, os, signal, struct, subprocess, sys, time
from pathlib import Path
OUT, RANK = Path(os.environ["FAKE_OUT"]), 16
def say(**event): print(json.dumps(event), flush=True)
def steps(first, last, total=10, loss=1.0):
    for step in range(first, last + 1): say(event="progress", step=step, total=total, loss=loss / step, lr=1e-4)
def lora(name="cat-toy.safetensors", body=None, step=10):
    at, here = {}, 0
    for module in ("attn_to_q", "img_mlp_net_2"):
        for key, shape in (("down", [RANK, 2]), ("up", [2, RANK])):
            at[f"lora_unet_transformer_blocks_0_{module}.lora_{key}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [here, here + 4 * RANK]}
            here += 4 * RANK
    header = json.dumps(at).encode()
    (OUT / name).write_bytes(struct.pack("<Q", len(header)) + header + b"12" * (here // 2) if body is None else body)
    say(event="save", path=str(OUT / name), step=step)
def asked(name):
    path = OUT / ("ask-" + name)
    if path.exists():
        path.unlink()
        return True
def loop(first=1, last=1_000_000, pause=0.05, total=1_000_000):
    for step in range(first, last + 1):
        steps(step, step, total)
        if asked("save"): lora(f"cat-toy-{step:08d}.safetensors", step=step)
        if asked("stop"):
            lora(step=step); say(event="end", text="stopped"); sys.exit(0)
        time.sleep(pause)
"""


class JsonParser:
    """Event lines of the fake trainers; all else is ignored."""

    def __init__(self) -> None:
        self._cutter = LineCutter()

    def feed(self, data: bytes) -> list[Event]:
        return self._events(self._cutter.feed(data))

    def close(self) -> list[Event]:
        return self._events(self._cutter.close())

    def _events(self, lines: list[str]) -> list[Event]:
        return [Event(**json_event(line)) for line in lines if line.startswith('{"event"') and json_event(line)]


def json_event(line: str) -> dict[str, Any]:
    import json

    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def parser(stage: str) -> JsonParser:
    return JsonParser()


def artifacts(output: Path, name: str) -> Artifacts:
    return Artifacts(
        tuple(sorted(output.glob("*.safetensors"))), tuple(sorted(output.glob("state-*"))), tuple(sorted(output.glob("*.png")))
    )


RESUME = Resume(
    {"weights": "", "optimizer": "", "step counter": "begins anew", "schedule": "", "data order": ""},
    False,
    lambda output, name: tuple(Point(path, int(path.name[6:])) for path in artifacts(output, name).states),
    lambda point: "" if point.path.read_bytes() == b"whole" else f"`{point.path.name}` is not whole",
    lambda point, output, name: (said("train.resume_from", point.path.as_posix()),),
)


def lower(resolved: Any, loaded: Any, site: Any) -> Plan:
    env = {"FAKE_OUT": site.output or ""}
    scripts = {**{f"cache-{n}": script for n, script in enumerate(SETTINGS["caches"], 1)}, "train": SETTINGS["script"]}
    seed = f"\n# seed {site.seed or resolved.config.train.seed}\n"
    files = tuple(File(f"{name}.py", PRELUDE + script + seed) for name, script in scripts.items())
    stages = tuple(Stage(name, ("{python}", f"{{files}}/{name}.py"), env, "{files}") for name in scripts)
    if SETTINGS["refuses"] and _saves_memory(resolved.config, loaded):
        return Plan("musubi", diagnostics=(Diagnostic("LB702", "the fake trainer cannot do that", None, "error"),))
    length = resolved.config.train.length
    return Plan("musubi", files, stages, (), (), int(length.value))


def _saves_memory(config: Any, loaded: Any) -> bool:
    memory = config.memory
    asked = memory.gradient_checkpointing or memory.checkpoint_offload or memory.blocks_to_swap != "off" or memory.layer_offload != "off"
    return bool(asked or config.model.quantize.transformer != "off" or "resolution" in loaded.data["datasets"][0])


def locate(environ: Mapping[str, str]) -> Installation | None:
    return Installation(Path("/"), Path(sys.executable), "abc", None, tuple(SETTINGS["problems"])) if SETTINGS["found"] else None


def _ask(name: str) -> Any:
    def send(place: Place) -> str:
        return touch(place.output / f"ask-{name}")

    return send


CONTROL = Control(
    stop=Ask(_ask("stop"), "it saves and ends after the step"),
    save=Ask(_ask("save"), "it saves after the step", ("save",)),
    sample=Refusal("it draws nothing"),
    signals="a signal ends it at once",
)
