"""Compile a loaded configuration for one trainer."""

from __future__ import annotations

from lorabridge.backends import get_backend
from lorabridge.backends.base import Plan, Site
from lorabridge.config.load import Loaded
from lorabridge.diagnostics import sort_key
from lorabridge.families.check import check_families, check_model, check_needs, unknown
from lorabridge.families.resolve import Missing, resolve


def compile_config(loaded: Loaded, backend_name: str, site: Site) -> Plan:
    """The plan for one trainer, with every finding of the config, the model and the translation.

    Raises KeyError when there is no such backend.
    """
    backend = get_backend(backend_name)
    found = list(loaded.diagnostics)
    if loaded.config is None:
        return Plan(backend_name, diagnostics=(*found, *check_families(loaded)))
    resolved = resolve(loaded.config, backend_name)
    if isinstance(resolved, Missing):
        return Plan(backend_name, diagnostics=(*found, unknown(resolved, loaded)))
    found += check_model(resolved, loaded)
    needs = check_needs(resolved, loaded, backend_name)
    found += needs
    if any(item.code == "LB306" for item in needs):
        return Plan(backend_name, diagnostics=tuple(found))
    plan = backend.lower(resolved, loaded, site)
    diagnostics = tuple(sorted({*found, *plan.diagnostics}, key=sort_key))
    broken = any(item.severity == "error" for item in diagnostics)
    return Plan(plan.backend, () if broken else plan.files, () if broken else plan.stages, plan.notes, diagnostics, plan.total_steps)
