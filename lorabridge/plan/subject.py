"""From a config to the subject of a plan: compile it, read the files back, ask the trainer's rules."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml

from lorabridge.backends import get_backend
from lorabridge.backends.base import Plan, Site
from lorabridge.backends.outlook import Forecast, MediaOf, Native, rules_of
from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.resolve import Missing, resolve
from lorabridge.plan.compile import compile_config
from lorabridge.plan.sections import Subject

_READERS: dict[str, Any] = {".toml": tomllib.loads, ".json": json.loads, ".yaml": lambda text: yaml.load(text, yaml.CSafeLoader)}


def subject_of(
    loaded: Loaded, backend: str, site: Site, media: MediaOf | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Subject | None, Sequence[Diagnostic]]:
    """The subject, or None when the config does not compile; and the findings of the compile.

    `media` holds what was found on the disk (or declared) by folder as the compiled files name it; None: not at hand.
    Raises KeyError when there is no such backend.
    """
    plan = compile_config(loaded, backend, site)
    if not plan.ok or loaded.config is None:
        return None, plan.diagnostics
    resolved = resolve(loaded.config, backend)
    if isinstance(resolved, Missing):
        return None, plan.diagnostics
    native = native_of(plan, resolved.family.name, resolved.variant.name)
    subject = Subject(loaded, resolved, backend, site, plan, _forecast(backend, native, media), options or {})
    return subject, plan.diagnostics


def native_of(plan: Plan, family: str = "", variant: str = "") -> Native:
    """The compiled files as the trainer's parser reads them."""
    files = {
        item.path: _READERS[PurePosixPath(item.path).suffix](item.text)
        for item in plan.files
        if PurePosixPath(item.path).suffix in _READERS
    }
    return Native(files, {stage.name: stage.argv for stage in plan.stages}, family, variant)


def _forecast(backend: str, native: Native, media: MediaOf | None) -> Forecast | None:
    rules = rules_of(get_backend(backend))
    if rules is None:
        return None
    bucketing = rules.bucketing(native, media) if media is not None else None
    return Forecast(native, rules.timeline(native, bucketing), bucketing)
