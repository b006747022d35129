"""What is wrong with a plan: findings over buckets and steps that hold for every trainer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lorabridge.backends.outlook import Timeline
from lorabridge.data.buckets import Bucketing, Finding
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.sections import Subject

MUCH_CROPPED = 0.25
MUCH_ENLARGED = 2.0
MUCH_DROPPED = 0.1


def placed(subject: Subject, found: Iterable[Finding]) -> tuple[Diagnostic, ...]:
    """Findings at the places of their paths."""
    return tuple(
        Diagnostic(one.code, one.message, subject.loaded.place(one.path), one.severity, one.why, one.fix, one.path) for one in found
    )


def data_findings(bucketing: Bucketing) -> Iterator[Finding]:
    """Buckets that lose samples, pictures that lose area, sources that are not used."""
    if any(one.severity == "error" for one in bucketing.findings):
        return
    if bucketing.buckets:
        yield from _dropped(bucketing)
        yield from _sizes(bucketing)
    else:
        yield Finding(
            "LB469",
            "datasets",
            "no picture and no clip is left to train on",
            "the trainer stops or hangs",
            "`lorabridge data check` says what is wrong with each file",
        )
    yield from _unused(bucketing)


def _unused(bucketing: Bucketing) -> Iterator[Finding]:
    same = [one.media.name for one in bucketing.left_out if one.why == "same name"]
    if same:
        yield Finding(
            "LB466", "datasets", f"{len(same)} sources share their name with another one, first `{same[0]}`",
            "their cache files are written over each other: one of each is trained", "rename them", "warning",
        )  # fmt: skip
    short = [one.media.name for one in bucketing.left_out if one.why == "too short"]
    if short:
        yield Finding(
            "LB467", "datasets", f"{len(short)} clips are too short for every frame count, first `{short[0]}`", "they are left out in silence",
            "write a smaller `video.frames`", "warning",
        )  # fmt: skip


def _dropped(bucketing: Bucketing) -> Iterator[Finding]:
    dropped = sum(one.dropped for one in bucketing.buckets)
    gone = [one for one in bucketing.buckets if one.samples and not one.batches]
    if gone:
        yield Finding(
            "LB461", "datasets", f"{len(gone)} of {len(bucketing.buckets)} buckets are dropped whole, first {gone[0].key} with {gone[0].samples} samples",
            "they do not fill one batch; their pictures are never trained", "use a smaller batch or accumulation, more `repeats`, or fewer buckets",
            "warning",
        )  # fmt: skip
    if bucketing.samples and dropped / bucketing.samples > MUCH_DROPPED:
        yield Finding(
            "LB463", "datasets", f"{dropped} of {bucketing.samples} samples are never shown ({dropped / bucketing.samples:.0%})",
            "what does not fill a batch is dropped, the same files in every epoch", "use a smaller batch or accumulation, or fewer buckets", "warning",
        )  # fmt: skip


def _sizes(bucketing: Bucketing) -> Iterator[Finding]:
    pairs = [(bucket, fit) for bucket in bucketing.buckets if bucket.width for fit in bucket.fits]
    cut = {
        fit.media.name: fit.lost(bucket.width, bucket.height)
        for bucket, fit in pairs
        if fit.lost(bucket.width, bucket.height) > MUCH_CROPPED
    }
    if cut:
        worst = max(cut, key=lambda name: cut[name])
        yield Finding(
            "LB464", "datasets", f"{len(cut)} sources lose more than a quarter of their area, most `{worst}` ({cut[worst]:.0%})",
            "their ratio is far from every bucket", "crop them by hand, or allow more ratios (`aspect`, `bucket: true`)", "warning",
        )  # fmt: skip
    blown = {fit.media.name: fit.enlarged() for _, fit in pairs if fit.enlarged() > MUCH_ENLARGED}
    if blown:
        worst = max(blown, key=lambda name: blown[name])
        yield Finding(
            "LB465", "datasets", f"{len(blown)} sources are enlarged more than twice per side, most `{worst}` ({blown[worst]:.1f} times)",
            "what is trained is blur", "use larger pictures or a smaller `resolution`", "warning",
        )  # fmt: skip


def step_findings(subject: Subject, timeline: Timeline) -> Iterator[Finding]:
    """A run of no step, saves and samples beyond its end, a warm-up without end."""
    config = subject.resolved.config
    steps = timeline.steps
    if steps is None:
        return
    if steps <= 0:
        yield Finding(
            "LB601", "train.for", "the run has no step", "nothing is trained, and some trainers save an untrained LoRA all the same",
            "more data, smaller batches, or a longer run",
        )  # fmt: skip
        return
    yield from _beyond(
        timeline, config.save.every, "LB602", "save.every", "checkpoint", "nothing is saved before the end: a crash loses everything"
    )
    if config.sample.prompts:
        yield from _beyond(timeline, config.sample.every, "LB603", "sample.every", "sample", "there is nothing to look at on the way")
    if config.evaluate is not None:
        yield from _beyond(
            timeline, config.evaluate.every, "LB604", "evaluate.every", "evaluation", "overfitting cannot be seen on the way"
        )
    if timeline.warmup and timeline.warmup >= steps:
        yield Finding(
            "LB605", "scheduler.warmup", f"the warm-up of {timeline.warmup} steps does not end within the {steps} steps of the run",
            "the full learning rate is never reached", f"write a warm-up below {steps} steps",
        )  # fmt: skip
    if timeline.steps_per_epoch and steps < timeline.steps_per_epoch:
        yield Finding(
            "LB606", "train.for", f"the run ends within the first epoch: {steps} of {timeline.steps_per_epoch:g} steps",
            "some of the data is never shown", "train longer, use larger batches, or lower `repeats`", "warning",
        )  # fmt: skip


def _beyond(timeline: Timeline, every: Any, code: str, path: str, what: str, why: str) -> Iterator[Finding]:
    """An interval that the run is too short for. One that ends with the run is fine."""
    if every in (None, "off"):
        return
    if every.unit == "steps":
        length: float = timeline.steps or 0
    elif every.unit == "epochs" and timeline.steps_per_epoch:
        length = (timeline.steps or 0) / timeline.steps_per_epoch
    else:
        return
    if every.value > length:
        severity: Any = "error" if code == "LB602" else "warning"
        yield Finding(
            code, path, f"the first {what} would come after {every}, and the run ends after {length:g} {every.unit}", why,
            f"write less than {max(1, int(length))} {every.unit}, or `never`", severity,
        )  # fmt: skip
