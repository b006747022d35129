"""ai-toolkit: the keys of a job, of its process, and of the config classes that the process builds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lorabridge.contracts.evaluate import Evaluator
from lorabridge.contracts.model import Section
from lorabridge.contracts.source import Checkout, Module
from lorabridge.contracts.trace import Tracer
from lorabridge.contracts.values import Class, Function, Scope, Table, Unknown

_READERS = {"get_conf": "config"}
_BASE = "diffusion_trainer"
_CONFIGS = "toolkit.config_modules"
_FREE = ("model_kwargs",)
"""Attributes that hold a table whose keys other parts of the trainer read."""


def recognises(root: Path) -> bool:
    """Whether a folder is a checkout of this trainer."""
    return (root / "toolkit" / "config_modules.py").is_file() and (root / "jobs").is_dir()


def checkout(root: Path) -> Checkout:
    """Its sources: packages at the top."""
    return Checkout(root, root)


def version(root: Path) -> str:
    """The version that its `version.py` states."""
    module = checkout(root).module("version")
    found = Evaluator().global_name(module, "VERSION") if module is not None else ""
    return found if isinstance(found, str) else ""


def extract(source: Checkout) -> dict[str, Section]:
    """`job`, `config`, `process`, `train`, `model`, `datasets[]`, …; `train (TYPE)` holds what only that process type reads."""
    processes = dict(_processes(source))
    base = _BASE if _BASE in processes else "sd_trainer"
    found = _jobs(source)
    plain = _walk(processes[base]) if base in processes else {}
    chosen = found.pop("config.process[]", Section({}))
    found |= plain
    if "process" in plain:
        found["process"] = Section({**chosen.keys, **plain["process"].keys}, plain["process"].takes)
    for name, process in processes.items():
        for title, section in _walk(process).items() if process is not processes.get(base) else ():
            known = plain.get(title, Section({})).keys
            own = {key: entry for key, entry in section.keys.items() if key not in known or known[key].facts() != entry.facts()}
            if own:
                found[f"{title} ({name})"] = Section(own, section.takes)
    return _with_archs(found, source) | _free(source)


def _with_archs(found: dict[str, Section], source: Checkout) -> dict[str, Section]:
    """`model.arch` with the names that model classes give themselves; they are found through a registry, not by an annotation."""
    entry = found["model"].keys.get("arch") if "model" in found else None
    if entry is None:
        return found
    names = {name for name in _archs(source) if isinstance(name, str)}
    known = replace(entry, suggested=tuple(sorted({*entry.suggested, *names})))
    return found | {"model": replace(found["model"], keys={**found["model"].keys, "arch": known})}


def _archs(source: Checkout) -> Iterator[Any]:
    """What the registered model classes call themselves."""
    reader = Evaluator()
    homes = [(source.module("toolkit.util.get_model"), "BUILT_IN_MODELS")]
    homes += [(source.file(path), "AI_TOOLKIT_MODELS") for path in sorted(source.root.glob("extensions*/*/__init__.py"))]
    for module, name in homes:
        models = reader.global_name(module, name) if module is not None else None
        for model in models if isinstance(models, list) else ():
            yield reader.method(None, model, "arch") if isinstance(model, Class) else None


def _walk(process: Class) -> dict[str, Section]:
    tracer = Tracer(readers=_READERS, enter=lambda what: _about_config(what, process), root="process")
    tracer.instantiate(process, [0, Unknown(), Table(("process",))], {}, None)
    return {_name(path): section for path, section in tracer.record.sections([("process",)]).items()}


def _about_config(what: Class | Function, process: Class) -> bool:
    """Whether walking it can tell of keys: the process itself, and the classes and helpers that take its tables."""
    if what.module.dotted == _CONFIGS:
        return True
    if isinstance(what, Function):
        return what.owner is not None and (what.owner.node is process.node or _of_process(what.owner) or _is_config(what.owner))
    return what.node is process.node or _is_config(what)


def _of_process(cls: Class) -> bool:
    return any(owner.node.name == "BaseProcess" for owner in Evaluator().bases(cls))


def _is_config(cls: Class) -> bool:
    return "Config" in cls.node.name


def _name(path: tuple[str, ...]) -> str:
    return ".".join(path[1:]) if len(path) > 1 else ".".join(path)


def _jobs(source: Checkout) -> dict[str, Section]:
    """What the job classes read of the file itself (`job`) and of its `config`."""
    tracer = Tracer(readers=_READERS, enter=lambda what: "jobs" in what.module.dotted, root="job")
    for title in ("ExtensionJob", "TrainJob"):
        module = source.module(f"jobs.{title}")
        job = tracer.global_name(module, title) if module is not None else None
        if isinstance(job, Class):
            tracer.instantiate(job, [Table(("job",))], {}, None)
    return {_name(path): section for path, section in tracer.record.sections([("job",)]).items()}


def _processes(source: Checkout) -> Iterator[tuple[str, Class]]:
    """The process types that train: those of the extensions by their uid, and the old ones of the train job."""
    reader = Evaluator()
    yield from _extensions(source, reader)
    module, table = source.module("jobs.TrainJob"), source.module("jobs.process")
    old = reader.global_name(module, "process_dict") if module is not None else None
    for name, title in old.items() if isinstance(old, dict) else ():
        cls = reader.global_name(table, title) if table is not None and isinstance(title, str) else None
        if isinstance(cls, Class) and _trains(cls, reader):
            yield name, cls


def _extensions(source: Checkout, reader: Evaluator) -> Iterator[tuple[str, Class]]:
    for path in sorted(source.root.glob("extensions*/*/__init__.py")):
        module = source.file(path)
        for item in module.tree.body if module is not None else ():
            if isinstance(item, ast.ClassDef) and module is not None:
                cls = Class(item, module)
                uid = reader.method(None, cls, "uid")
                process = _returned(reader.method(None, cls, "get_process"), module)
                if isinstance(uid, str) and isinstance(process, Class) and _trains(process, reader):
                    yield uid, process


def _returned(method: object, module: Module) -> object:
    """The class that an extension's `get_process` imports and returns."""
    if not isinstance(method, Function) or isinstance(method.node, ast.Lambda):
        return None
    tracer, scope = Tracer(everything=False), Scope(module)
    tracer.run(method.node.body, scope)
    return scope.returned[0] if scope.returned else None


def _trains(cls: Class, reader: Evaluator) -> bool:
    return any(owner.node.name == "BaseSDTrainProcess" for owner in reader.bases(cls))


class _Named(Tracer):
    """A tracer that takes every attribute of a certain name for a table."""

    def attribute(self, value: Any, name: str) -> Any:
        """An attribute of a value."""
        return Table((name,)) if name in _FREE else super().attribute(value, name)


def _free(source: Checkout) -> dict[str, Section]:
    """Keys below `model.model_kwargs`, found by the attribute's name wherever it is read."""
    tracer = _Named(everything=False, enter=lambda _: False)
    for path in sorted([*source.root.glob("extensions_built_in/**/*.py"), *source.root.glob("toolkit/**/*.py")]):
        if not any(word in path.read_text(encoding="utf-8", errors="replace") for word in _FREE):
            continue
        module = source.file(path)
        for node in ast.walk(module.tree) if module is not None else ():
            if module is not None and _reads_free(node):
                tracer.eval(node, Scope(module, maybe=1))
    return {
        f"model.{'.'.join(path)}": section for path, section in tracer.record.sections([]).items() if path[0] in _FREE and len(path) == 1
    }


def _reads_free(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        holder: ast.expr | None = node.func.value if isinstance(node.func, ast.Attribute) else None
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        holder = node.value
    else:
        holder = node.comparators[0] if isinstance(node, ast.Compare) else None
    return isinstance(holder, ast.Attribute) and holder.attr in _FREE
