"""Each finding of a plan happens, at its place, and ends the command with 1 when it is an error."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lorabridge.backends.base import Site
from lorabridge.config.load import load
from lorabridge.data.buckets import Media
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.foretell import PLANNED
from lorabridge.plan.sections import run_sections
from lorabridge.plan.subject import subject_of

CONFIG = """\
lorabridge: 1
name: cat-toy
model: {family: z-image, paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/q.safetensors}}
datasets: [{images: pictures, resolution: [512]}]
adapter: {rank: 8}
train: {for: 100 steps}
"""
VIDEO = CONFIG.replace("family: z-image", "family: wan21, variant: t2v-1.3b").replace(
    "{images: pictures, resolution: [512]}", "{videos: clips, resolution: [512], video: {frames: [17]}}"
)


def planned(folder: Path, text: str, media: Sequence[Media], backend: str = "musubi") -> list[Diagnostic]:
    path = folder / "x.yaml"
    path.write_text(text, "utf-8")
    subject, found = subject_of(load(path), backend, Site(root=folder.as_posix()), lambda name, extension: media)
    assert subject is not None, found
    return [item for _, section in run_sections(subject) for item in section.diagnostics if item.code in PLANNED]


def pictures(*sizes: tuple[int, int]) -> list[Media]:
    return [Media(f"{number}.png", *size) for number, size in enumerate(sizes)]


TEN = pictures(*[(512, 512)] * 10)


class Case(NamedTuple):
    text: str
    media: list[Media]
    severity: str = "warning"
    backend: str = "musubi"


def with_(old: str, new: str, text: str = CONFIG) -> str:
    assert old in text
    return text.replace(old, new)


CASES = {
    "LB460": Case(with_("resolution: [512]", "resolution: [512], upscale: false"), pictures((9, 400)), "error"),
    "LB461": Case(with_("100 steps", "100 steps, batch_size: 4"), [*TEN, *pictures((512, 1000))], "warning", "diffusion-pipe"),
    "LB462": Case(with_("100 steps", "100 steps, batch_size: 4"), pictures((512, 512)), "error", "diffusion-pipe"),
    "LB463": Case(with_("100 steps", "100 steps, batch_size: 4"), TEN, "warning", "diffusion-pipe"),
    "LB464": Case(with_("resolution: [512]", "resolution: [512], bucket: false"), pictures((512, 1500))),
    "LB465": Case(CONFIG, pictures((100, 100))),
    "LB466": Case(CONFIG, [Media("a.png", 512, 512), Media("a.jpg", 512, 512)]),
    "LB467": Case(VIDEO, [Media("a.mp4", 512, 512, 9, 16.0)]),
    "LB469": Case(CONFIG, [Media("a.png", 512, 512, captions=0)], "error"),
    "LB601": Case(with_("100 steps", "2 epochs"), [Media("a.png", 512, 512, captions=0)], "error"),
    "LB602": Case(CONFIG + "save: {every: 101 steps}\n", TEN, "error"),
    "LB603": Case(CONFIG + "sample: {every: 101 steps, prompts: [a cat]}\n", TEN),
    "LB604": Case(
        CONFIG + "evaluate: {datasets: [{images: held, resolution: [512]}], every: 101 steps}\n", TEN, "warning", "diffusion-pipe"
    ),
    "LB605": Case(with_("100 steps", "2 epochs") + "scheduler: {type: constant, warmup: 20 steps}\n", TEN, "error"),
    "LB606": Case(with_("100 steps", "9 steps"), TEN),
}


@pytest.mark.parametrize("code", CASES)
def test_it_happens(code: str, tmp_path: Path) -> None:
    case = CASES[code]
    found = {item.code: item for item in planned(tmp_path, case.text, case.media, case.backend)}
    assert code in found, found
    assert found[code].severity == case.severity
    assert found[code].span is not None
    assert found[code].fix


@pytest.mark.parametrize("code", CASES)
def test_a_usual_plan_has_no_finding(code: str, tmp_path: Path) -> None:
    text = CONFIG + "save: {every: 50 steps}\nscheduler: {type: constant, warmup: 10 steps}\n"
    assert planned(tmp_path, text, TEN, CASES[code].backend) == []


@pytest.mark.parametrize(("every", "bad"), [("100 steps", False), ("101 steps", True), ("10 epochs", False), ("11 epochs", True)])
def test_a_save_that_ends_with_the_run_is_fine(tmp_path: Path, every: str, bad: bool) -> None:
    codes = [item.code for item in planned(tmp_path, CONFIG + f"save: {{every: {every}}}\n", TEN)]
    assert codes == (["LB602"] if bad else [])


@pytest.mark.parametrize(("free", "severity"), [(1, "error"), (10**12, ""), (-1, "warning")])
def test_a_disk_that_is_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, severity: str) -> None:
    """-1 stands for what lies between the ends of the estimate."""
    from lorabridge.plan.memory.bytes import Amount
    from lorabridge.plan.steps import disk

    seen: list[Amount] = []
    inner = disk._findings

    def look(subject: Any, most: Amount, room: int | None, folder: str) -> Any:
        seen.append(most)
        return inner(subject, most, round(most.mid) if free == -1 else free, folder)

    monkeypatch.setattr(disk, "_findings", look)
    found = [item for item in planned(tmp_path, CONFIG + "save: {every: 10 steps, state: true}\n", TEN) if item.code == "LB607"]
    assert [item.severity for item in found] == ([severity] if severity else [])
    assert seen[0].low < seen[0].mid < seen[0].high


def test_the_output_folder_need_not_exist(tmp_path: Path) -> None:
    assert planned(tmp_path, CONFIG + "output: {dir: not/yet/there}\n", TEN) == []
    assert not (tmp_path / "not").exists()
    assert shutil.disk_usage(tmp_path).free > 0
