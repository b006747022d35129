# ruff: noqa: E402 - without torch the module is skipped before it imports anything
"""Runs as a whole: resume, requests, EMA, preservation, accumulation, caches. On the fastest tiny model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `embedded` is not installed: no torch")
pytest.importorskip("diffusers", reason="the extra `embedded` is not installed: no diffusers")
from safetensors.torch import load_file

from lorabridge.backends.embedded.trainer import lora, step
from lorabridge.backends.embedded.trainer.data import DataError
from lorabridge.backends.embedded.trainer.errors import NotFiniteError, TrainerError
from lorabridge.backends.embedded.trainer.job import parse_job
from lorabridge.backends.embedded.trainer.setup import prepare

Make = Callable[..., dict[str, Any]]
Train = Callable[..., list[dict[str, Any]]]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events if event["event"] != "cache"]


def losses(events: list[dict[str, Any]]) -> list[float]:
    return [event["loss"] for event in events if event["event"] == "progress"]


def same_files(left: Path, right: Path, exact: bool = True) -> bool:
    first, second = load_file(left), load_file(right)
    assert set(first) == set(second)
    return all(torch.equal(first[k], second[k]) if exact else torch.allclose(first[k], second[k], atol=1e-5) for k in first)


def touch_at(output: str, name: str, at: int) -> Callable[[dict[str, Any]], None]:
    def on(event: dict[str, Any]) -> None:
        if event["event"] == "progress" and event["step"] == at:
            (Path(output) / name).touch()

    return on


def test_events_come_in_order(make_job: Make, train: Train) -> None:
    job = make_job(
        save={"every": {"steps": 2}}, sample={"prompts": ["a star"], "every": {"steps": 3}, "width": 64, "height": 64, "steps": 1}
    )
    events = train(job)
    assert kinds(events) == [
        *("start", "sample", "progress", "progress", "save", "state", "progress", "sample", "progress", "save", "state", "sample", "end")
    ]
    start, end = next(e for e in events if e["event"] == "start"), events[-1]
    assert (start["total_steps"], start["steps_per_epoch"], start["total_epochs"], start["images"]) == (4, 4, 1, 8)
    assert end == {"event": "end", "step": 4, "reason": "completed"}
    for event in events:
        assert Path(event.get("path", job["output"])).exists()


@pytest.mark.parametrize(("length", "steps"), [({"epochs": 2}, 8), ({"samples": 7}, 4), ({"steps": 3}, 3)])
def test_length(make_job: Make, length: dict[str, int], steps: int) -> None:
    job = make_job(train__length=length)
    assert prepare(parse_job(json.dumps(job)), lambda event: None).total_steps == steps


def test_the_same_seed_gives_the_same_file(make_job: Make, train: Train, tmp_path: Path) -> None:
    runs = [losses(train(make_job(output=name, train__seed=seed))) for name, seed in (("a", 5), ("b", 5), ("c", 6))]
    assert runs[0] == runs[1] != runs[2]
    assert (tmp_path / "a/star.safetensors").read_bytes() == (tmp_path / "b/star.safetensors").read_bytes()


@pytest.mark.parametrize("extra", [{}, {"ema_decay": 0.9, "adapter__dropout": 0.3, "scheduler": {"type": "cosine", "warmup_steps": 3}}])
def test_stopped_and_resumed_is_the_same_as_never_stopped(make_job: Make, train: Train, tmp_path: Path, extra: dict[str, Any]) -> None:
    changes = {"train__length": {"steps": 10}, **extra}
    one, job = make_job(output="whole", **changes), make_job(output="parts", **changes)
    if extra:
        for each in (one, job):
            each["datasets"][0].update(flip=True, caption_dropout=0.5)
    whole = train(one)
    first = train(job, touch_at(job["output"], ".stop", 5))
    assert first[-1] == {"event": "end", "step": 5, "reason": "stopped"}
    torch.manual_seed(99)
    second = train({**job, "resume": "auto"})
    assert kinds(second)[0] == "resume"
    assert losses(first) + losses(second) == losses(whole)
    assert (tmp_path / "whole/star.safetensors").read_bytes() == (tmp_path / "parts/star.safetensors").read_bytes()
    a, b = (torch.load(tmp_path / name / "state/step-00000010/optimizer.pt", weights_only=True) for name in ("whole", "parts"))
    assert all(torch.equal(a["state"][k]["exp_avg_sq"], b["state"][k]["exp_avg_sq"]) for k in a["state"])


def test_drawing_does_not_change_training(make_job: Make, train: Train) -> None:
    drawn = {"prompts": ["a star"], "every": {"steps": 1}, "width": 64, "height": 64, "steps": 1}
    quiet = train(make_job(output="a", adapter__dropout=0.3))
    loud = train(make_job(output="b", adapter__dropout=0.3, sample=drawn))
    assert losses(quiet) == losses(loud)


def test_a_state_of_another_run_is_refused(make_job: Make, train: Train) -> None:
    train(make_job())
    with pytest.raises(TrainerError, match=r"belongs to another run: .*seed: 5 then, 6 now"):
        train(make_job(train__seed=6, resume="auto"))
    with pytest.raises(TrainerError, match="holds no complete state"):
        train(make_job(resume="nowhere"))


def test_a_damaged_state_is_named(make_job: Make, train: Train, tmp_path: Path) -> None:
    train(make_job())
    state = tmp_path / "out/state/step-00000004"
    (state / "optimizer.pt").write_bytes(b"x")
    with pytest.raises(TrainerError, match=r"step-00000004 cannot be used"):
        train(make_job(resume="auto"))


def test_accumulation_equals_a_large_batch(make_job: Make, train: Train, tmp_path: Path) -> None:
    sgd = {"type": "sgd", "lr": 0.05}
    large = train(make_job(output="large", train__batch_size=4, optimizer=sgd))
    small = train(make_job(output="small", train__batch_size=1, train__gradient_accumulation=4, optimizer=sgd))
    assert losses(small) == pytest.approx(losses(large), rel=1e-5)
    assert same_files(tmp_path / "large/star.safetensors", tmp_path / "small/star.safetensors", exact=False)


def test_checkpoint_and_sample_on_request(make_job: Make, train: Train, tmp_path: Path) -> None:
    job = make_job(sample={"prompts": ["a star"], "at_start": False, "at_end": False, "width": 64, "height": 64, "steps": 1})

    def on(event: dict[str, Any]) -> None:
        touch_at(job["output"], ".checkpoint", 1)(event)
        touch_at(job["output"], ".sample", 2)(event)

    events = train(job, on)
    assert kinds(events)[:7] == ["start", "progress", "save", "state", "progress", "sample", "progress"]
    assert not list((tmp_path / "out").glob(".*"))
    assert (tmp_path / "out/star-00000001.safetensors").exists()


def test_pause_holds_until_it_is_taken_away(make_job: Make, train: Train, tmp_path: Path) -> None:
    job = make_job()
    pause = tmp_path / "out/.pause"
    held: list[float] = []

    def on(event: dict[str, Any]) -> None:
        touch_at(job["output"], ".pause", 2)(event)
        if event["event"] == "pause":
            held.append(time.monotonic())
            if event["paused"]:
                threading.Timer(0.4, pause.unlink).start()

    events = train(job, on)
    assert held[1] - held[0] >= 0.35
    assert kinds(events)[3:7] == ["save", "state", "pause", "pause"]
    assert events[-1]["reason"] == "completed"


def test_a_stop_ends_a_pause(make_job: Make, train: Train, tmp_path: Path) -> None:
    job = make_job()

    def on(event: dict[str, Any]) -> None:
        touch_at(job["output"], ".pause", 2)(event)
        if event["event"] == "pause" and event["paused"]:
            (tmp_path / "out/.stop").touch()

    assert train(job, on)[-1] == {"event": "end", "step": 2, "reason": "stopped"}


def test_keep_last(make_job: Make, train: Train, tmp_path: Path) -> None:
    train(make_job(save={"every": {"steps": 1}, "keep_last": 2}, train__length={"steps": 6}))
    assert sorted(p.name for p in (tmp_path / "out").glob("*.safetensors")) == [
        "star-00000004.safetensors",
        "star-00000005.safetensors",
        "star.safetensors",
    ]
    assert sorted(p.name for p in (tmp_path / "out/state").iterdir()) == ["step-00000005", "step-00000006"]


def test_the_average_is_what_is_saved(make_job: Make, train: Train, tmp_path: Path) -> None:
    train(make_job(output="plain"))
    train(make_job(output="ema", ema_decay=0.9))
    states = [load_file(tmp_path / name / "state/step-00000004/adapter.safetensors") for name in ("plain", "ema")]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not same_files(tmp_path / "plain/star.safetensors", tmp_path / "ema/star.safetensors")
    average = load_file(tmp_path / "ema/state/step-00000004/average.safetensors")
    saved = load_file(tmp_path / "ema/star.safetensors")
    assert sorted(float(v.sum()) for v in average.values()) == pytest.approx(sorted(float(v.sum()) for v in saved.values()))


def test_preservation_holds_the_class_and_not_the_trigger(make_job: Make, train: Train, monkeypatch: Any) -> None:
    asked: list[tuple[list[str], int]] = []
    original = step._preserve

    def spy(session: Any, prepared: Any, pictures: int, at: int) -> float:
        asked.append(([item.class_caption for item in prepared.items], at))
        return original(session, prepared, pictures, at)

    monkeypatch.setattr(step, "_preserve", spy)
    job = make_job(preservation={"class_word": "shape", "multiplier": 0.5, "every": 2}, train__length={"steps": 6})
    job["datasets"][0]["trigger"] = "star"
    events = train(job)
    assert [at for _, at in asked] == [0, 2, 4]
    assert all("shape" in caption and "star" not in caption for captions, _ in asked for caption in captions)
    found = [event.get("preservation") for event in events if event["event"] == "progress"]
    # the LoRA starts as nothing, so at first there is nothing to hold back
    assert found[0] == pytest.approx(0.0, abs=1e-12)
    assert found[1::2] == [None, None, None]
    assert found[2] > 0


def test_preservation_keeps_the_class_closer_to_the_base(make_job: Make, train: Train) -> None:
    def drift(name: str, **changes: Any) -> float:
        job = make_job(output=name, optimizer__lr=1e-2, train__length={"steps": 30}, **changes)
        job["datasets"][0]["trigger"] = "star"
        train(job)
        session = prepare(parse_job(json.dumps({**job, "preservation": {"class_word": "shape"}})), lambda event: None)
        lora.start_from(session.pipe, session.denoiser, str(Path(job["output"]) / "star.safetensors"))
        prepared = step._prepare(session, session.order.step(0)[0])
        with torch.no_grad():
            adapted = session.family.predict(session.pipe, prepared.batch)
            lora.activate(session.denoiser, [])
            bare = session.family.predict(session.pipe, prepared.batch)
        return float((adapted - bare).square().mean())

    assert drift("held", preservation={"class_word": "shape", "multiplier": 5.0}) < 0.8 * drift("free")


def test_a_lora_can_be_the_start(make_job: Make, train: Train, tmp_path: Path) -> None:
    train(make_job(output="first", optimizer__lr=1e-2))
    file = str(tmp_path / "first/star.safetensors")
    # no learning rate: what comes out is what went in, though alpha differs by half
    train(make_job(output="second", adapter={"rank": 4, "alpha": 4.0, "init_from": file}, optimizer__lr=0.0))
    first, second = load_file(file), load_file(tmp_path / "second/star.safetensors")
    for key, value in first.items():
        assert torch.allclose(second[key], value * 2 if ".lora_B." in key else value), key
    with pytest.raises(TrainerError, match=r"has rank 4 in .* the job says 8"):
        train(make_job(output="third", adapter={"rank": 8, "init_from": file}))
    with pytest.raises(TrainerError, match="no such LoRA file"):
        train(make_job(output="third", adapter={"rank": 8, "init_from": "nowhere.safetensors"}))


def test_a_training_adapter_helps_training_and_is_not_in_the_pictures(make_job: Make, train: Train, tmp_path: Path) -> None:
    train(make_job(output="assistant", optimizer__lr=5e-2))
    file = str(tmp_path / "assistant/star.safetensors")
    drawn = {"prompts": ["a star"], "at_end": False, "width": 64, "height": 64, "steps": 1}
    plain = train(make_job(output="plain", sample=drawn))
    helped = train(make_job(output="helped", sample=drawn, adapter__training_adapter=file))
    assert losses(helped)[0] != losses(plain)[0]
    pictures = [(tmp_path / name / "samples/step-00000000-00.png").read_bytes() for name in ("plain", "helped")]
    assert pictures[0] == pictures[1]
    assert set(load_file(tmp_path / "helped/star.safetensors")) == set(load_file(file))


def test_prompts_with_and_without_trigger(make_job: Make, train: Train) -> None:
    drawn = {"prompts": ["a [trigger] here", "plain"], "without_trigger": True, "at_end": False, "width": 64, "height": 64, "steps": 1}
    job = make_job(sample=drawn, train__length={"steps": 1})
    job["datasets"][0]["trigger"] = "star"
    found = [(e["index"], e["prompt"], e["trigger"]) for e in train(job) if e["event"] == "sample"]
    assert found == [(0, "a star here", True), (1, "a here", False), (2, "plain", False)]


def test_masks_flips_dropout_and_several_sizes(make_job: Make, train: Train, tmp_path: Path, stars: Path) -> None:
    from PIL import Image

    masks = tmp_path / "masks"
    masks.mkdir()
    Image.new("L", (64, 64), 0).save(masks / "00.png")
    job = make_job(train__length={"epochs": 2})
    job["datasets"][0].update(
        masks=str(masks), flip=True, caption_dropout=0.5, resolutions=[32, [64, 32]], bucket=False, mask_background=0.1
    )
    job["datasets"].append({"images": str(stars), "resolutions": [64], "regularization": True, "weight": 0.5, "repeats": 2})
    events = train(job)
    assert sum(e["event"] == "warning" and e["code"] == "mask_missing" for e in events) == 7
    assert next(e for e in events if e["event"] == "start")["steps_per_epoch"] == 4 + 4 + 8


def test_a_second_run_finds_its_cache_and_a_changed_picture_does_not(make_job: Make, train: Train, tmp_path: Path) -> None:
    from lorabridge.backends.embedded.trainer.shapes import write_dataset

    write_dataset(tmp_path / "own", count=3)
    job = make_job(cache=str(tmp_path / "own-cache"), train__length={"steps": 1})
    job["datasets"][0]["images"] = str(tmp_path / "own")

    def computed() -> dict[str, int]:
        return {e["kind"]: e["computed"] for e in train(job) if e["event"] == "cache"}

    assert computed() == {"prompts": 3, "latents": 3}
    assert computed() == {"prompts": 0, "latents": 0}
    (tmp_path / "own/00.png").write_bytes((tmp_path / "own/01.png").read_bytes())
    (tmp_path / "own/00.txt").write_text("another caption")
    # the bytes are those of a picture that is cached already
    assert computed() == {"prompts": 1, "latents": 0}
    for entry in (tmp_path / "own-cache").rglob("*.safetensors"):
        entry.write_bytes(b"broken")
    assert computed() == {"prompts": 3, "latents": 2}
    job["datasets"][0]["resolutions"] = [32]
    assert computed()["latents"] == 2


def test_another_model_finds_nothing_in_the_cache(make_job: Make, train: Train, tmp_path: Path) -> None:
    from lorabridge.backends.embedded.trainer import tiny

    job = make_job(cache=str(tmp_path / "own-cache"), train__length={"steps": 1})
    train(job)
    job["model"]["path"] = str(tiny.build("qwen-image", tmp_path / "other", seed=1))
    assert {e["kind"]: e["computed"] for e in train(job) if e["event"] == "cache"} == {"prompts": 8, "latents": 8}


def test_a_loss_that_is_not_finite_spoils_nothing(make_job: Make, train: Train, monkeypatch: Any) -> None:
    original = step.picture_losses
    calls: list[int] = []

    def failing(*args: Any) -> Any:
        calls.append(1)
        return original(*args) * (float("nan") if len(calls) == 3 else 1.0)

    monkeypatch.setattr(step, "picture_losses", failing)
    with pytest.raises(NotFiniteError) as caught:
        train(make_job())
    assert caught.value.step == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__path": "nowhere/at-all"}, "is no folder, and no repository either"),
        ({"datasets": [{"images": "nowhere", "resolutions": [64]}]}, "no such folder"),
        ({"model__dtype": "float16", "train__device": "cpu"}, "needs a GPU"),
    ],
)
def test_failures_have_a_reason(make_job: Make, train: Train, changes: dict[str, Any], message: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises((TrainerError, DataError), match=message):
        train(make_job(**changes))


def test_a_model_of_another_family_is_told(make_job: Make, train: Train, tiny_model: Callable[[str], Path]) -> None:
    with pytest.raises(TrainerError, match="is a SanaPipeline, qwen-image needs a QwenImagePipeline"):
        train(make_job(model__path=str(tiny_model("sana"))))


def start_process(job: dict[str, Any], tmp_path: Path, *, code: str = "") -> subprocess.Popen[str]:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(job))
    module = "lorabridge.backends.embedded.trainer"
    arguments = ["-c", f"{code}\nimport runpy, sys; sys.argv = ['x', {str(file)!r}]; runpy.run_module({module!r}, run_name='__main__')"]
    if not code:
        arguments = ["-m", module, str(file)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)


def test_a_signal_stops_the_process_with_everything_saved(make_job: Make, tmp_path: Path) -> None:
    process = start_process(make_job(train__length={"steps": 100_000}), tmp_path)
    events = []
    assert process.stdout is not None
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "progress" and events[-1]["step"] == 3:
            process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert all("time" in event for event in events)
    assert events[-1]["reason"] == "stopped"
    assert [event["event"] for event in events[-3:]] == ["save", "state", "end"]


_FAIL = "from lorabridge.backends.embedded.trainer import errors, loop\ndef run(*a): raise {}\nloop.run = run"


@pytest.mark.parametrize(
    ("failure", "exit_code", "error"),
    [("MemoryError('no room')", 4, "out_of_memory"), ("errors.NotFiniteError('nan', 7)", 5, "not_finite"), ("KeyError('x')", 3, "failed")],
)
def test_exit_codes(make_job: Make, tmp_path: Path, failure: str, exit_code: int, error: str) -> None:
    process = start_process(make_job(), tmp_path, code=_FAIL.format(failure))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == exit_code
    assert json.loads(out.splitlines()[-1])["code"] == error


def test_a_bad_job_exits_with_2(tmp_path: Path) -> None:
    process = start_process({"name": "x"}, tmp_path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert {json.loads(line)["code"] for line in out.splitlines()} == {"job"}


def test_events_that_json_cannot_say_become_null(capsys: pytest.CaptureFixture[str]) -> None:
    from lorabridge.backends.embedded.trainer.events import emit_to_stdout

    emit_to_stdout({"event": "progress", "loss": float("nan"), "grad_norm": float("inf"), "step": 1})
    line = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert line["loss"] is None
    assert line["grad_norm"] is None
    assert line["step"] == 1


def test_pictures_are_drawn_without_dropout(make_job: Make, train: Train, tmp_path: Path) -> None:
    train(make_job(output="first", optimizer__lr=5e-2))
    drawn = {"prompts": ["a star"], "every": {"steps": 1}, "width": 64, "height": 64, "steps": 1}
    adapter = {"rank": 4, "alpha": 8.0, "dropout": 0.9, "init_from": str(tmp_path / "first/star.safetensors")}
    train(make_job(output="second", adapter=adapter, optimizer__lr=0.0, sample=drawn, train__length={"steps": 2}))
    assert len({path.read_bytes() for path in (tmp_path / "second/samples").iterdir()}) == 1
