"""The section `data`: what goes into which bucket, and what is cropped, repeated, padded, dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lorabridge.data.buckets import Bucket, Bucketing, Fit, largest
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.sections import Line, Section, Subject
from lorabridge.plan.steps.draw import bars, buckets_picture, folded
from lorabridge.plan.steps.findings import data_findings, placed

ABSENT = "the data is not at hand: name it with --data, or declare it with --pictures N --size WxH"


def section(subject: Subject) -> Section | None:
    """Buckets, and what is cropped, repeated, padded or dropped. Without data: what would have to be known."""
    if subject.forecast is None:
        return Section((Line("buckets", "unknown", False, f"lorabridge has no bucket rules for {subject.backend}"),))
    bucketing = subject.forecast.bucketing
    if bucketing is None:
        return Section((Line("buckets", "unknown", False, ABSENT),))
    if not bucketing.buckets:
        return Section((Line("buckets", "none"),), {"buckets": [], "samples": 0}, _found(subject, bucketing))
    shown, more = folded(bucketing.buckets)
    text = "\n".join([*bars(shown), *([f"and {more} smaller buckets"] if more else [])])
    notes = [*bucketing.notes, *(subject.found.notes if subject.found else ())]
    lines = [*_lines(bucketing, subject), *(Line("note", note, False, "") for note in notes)]
    return Section(tuple(lines), facts(bucketing), _found(subject, bucketing), text, buckets_picture(bucketing.buckets))


def _found(subject: Subject, bucketing: Bucketing) -> tuple[Diagnostic, ...]:
    return placed(subject, [*bucketing.findings, *data_findings(bucketing)])


def _lines(bucketing: Bucketing, subject: Subject) -> list[Line]:
    assumed = subject.assumed
    fits = [fit for bucket in bucketing.buckets for fit in bucket.fits]
    sources = len({id(fit.media) for fit in fits})
    exact = not assumed
    lines = [Line("sources", f"{sources} used" + _left(bucketing, subject), exact, assumed)]
    lines.append(Line("samples", _samples(bucketing), exact))
    lines.append(Line("cropped", _cropped(bucketing.buckets), exact))
    blown = [fit for fit in fits if fit.enlarged() > 1.0005]
    if blown:
        worst = max(blown, key=Fit.enlarged)
        lines.append(Line("enlarged", f"{len(blown)} of {len(fits)}, most `{worst.media.name}` times {worst.enlarged():.2f}", exact))
    heavy = largest(bucketing.buckets)
    if heavy is not None:
        lines.append(Line("largest", f"{heavy.key}, {heavy.batch} at once", exact))
    return lines


def _left(bucketing: Bucketing, subject: Subject) -> str:
    counts: Counter[str] = Counter(dict(subject.found.left) if subject.found else {})
    counts.update(left.why for left in bucketing.left_out)
    return "".join(f", {count} left out ({why})" for why, count in sorted(counts.items()))


def _samples(bucketing: Bucketing) -> str:
    dropped, padded = sum(one.dropped for one in bucketing.buckets), sum(one.padded for one in bucketing.buckets)
    parts = [f"{bucketing.seen} an epoch in {len(bucketing.buckets)} bucket{'s' if len(bucketing.buckets) != 1 else ''}"]
    if dropped:
        parts.append(f"{dropped} of {bucketing.samples} never shown")
    if padded:
        parts.append(f"{padded} of them repeats that fill batches")
    return ", ".join(parts)


def _cropped(buckets: Sequence[Bucket]) -> str:
    shares = [(fit.lost(bucket.width, bucket.height), fit) for bucket in buckets if bucket.width for fit in bucket.fits]
    if not shares:
        return "nothing: pictures are taken as they are"
    worst, fit = max(shares, key=lambda pair: pair[0])
    mean = sum(share for share, _ in shares) / len(shares)
    return f"{mean:.1%} of the area on average" + (f", at most {worst:.1%} (`{fit.media.name}`)" if worst > 0 else "")


def facts(bucketing: Bucketing) -> dict[str, Any]:
    """The buckets as JSON values; `lost` is the mean share of the area that is cut away, `pixels` of it per source after the resize."""
    return {
        "samples": bucketing.samples,
        "seen": bucketing.seen,
        "batches": bucketing.batches,
        "left_out": [{"dataset": one.dataset, "name": one.media.name, "why": one.why} for one in bucketing.left_out],
        "buckets": [_bucket(one) for one in bucketing.buckets],
    }


def _bucket(one: Bucket) -> dict[str, Any]:
    lost = [fit.lost(one.width, one.height) for fit in one.fits] if one.width else []
    return {
        "datasets": list(one.datasets),
        "key": one.key,
        "width": one.width,
        "height": one.height,
        "frames": one.frames,
        "sources": len(one.fits),
        "samples": one.samples,
        "batch": one.batch,
        "batches": one.batches,
        "partial": one.partial,
        "padded": one.padded,
        "dropped": one.dropped,
        "lost": round(sum(lost) / len(lost), 6) if lost else 0.0,
        "pixels": sum(max(0, fit.scaled[0] * fit.scaled[1] - one.width * one.height) for fit in one.fits) if one.width else 0,
    }
