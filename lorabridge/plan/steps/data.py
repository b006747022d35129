"""The section `data`: what goes into which bucket."""

from __future__ import annotations

from lorabridge.plan.sections import Line, Section, Subject


def section(subject: Subject) -> Section | None:
    """Buckets, and what is cropped, repeated, padded or dropped. Without data: what would have to be known."""
    if subject.forecast is None:
        return Section((Line("buckets", "unknown", False, f"lorabridge has no bucket rules for {subject.backend}"),))
    if subject.forecast.bucketing is None:
        return Section(
            (Line("buckets", "unknown", False, "the data is not at hand: name it with --data, or declare it with --pictures N --size WxH"),)
        )
    return Section((Line("samples", f"{subject.forecast.bucketing.seen} an epoch"),))
