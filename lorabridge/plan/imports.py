"""The trainers' own files to the language: a commented YAML, and a report of what became of every native key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lorabridge.backends import backend_names, get_backend
from lorabridge.backends.base import Lifted, Site
from lorabridge.backends.emit import EmitError
from lorabridge.config.base import Section
from lorabridge.config.document import parse_text
from lorabridge.config.fields import rows_of
from lorabridge.config.interpret import spell_out
from lorabridge.config.load import Loaded, finish
from lorabridge.config.schema import Config
from lorabridge.config.spell import flow
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.compile import compile_config
from lorabridge.plan.fates import KINDS, Fate, Kind, come_back, fates
from lorabridge.plan.reading import BROKEN, readable
from lorabridge.plan.schema import SCHEMA_ID
from lorabridge.plan.sources import Gathered, compiled, gather, gather_texts
from lorabridge.plan.unchanged import differences, unlike

_ROOT_DOCUMENTS = ("process", "main", "job", "train", "")
_DROPPED: dict[str, Kind] = {"LB303": "unknown", "LB304": "dead", "LB305": "dead"}


@dataclass
class Imported:
    """An import. `text` is empty when nothing could be read; `findings` are those of the files and of the new config."""

    trainer: str
    text: str = ""
    loaded: Loaded | None = None
    fates: list[Fate] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return bool(self.text) and not any(item.severity == "error" for item in self.findings)


def import_files(names: Sequence[str], *, trainer: str = "", shown: str = "imported.yaml", report: bool = True) -> Imported:
    """Lift files on disk, and what they name."""
    return _import(gather(names, trainer), shown, report)


def import_texts(texts: Mapping[str, str], *, trainer: str = "", shown: str = "imported.yaml", report: bool = True) -> Imported:
    """Lift files given as texts by name."""
    return _import(gather_texts(texts, trainer), shown, report)


def load_text(text: str, shown: str) -> Loaded:
    """A config that is not on disk."""
    document = parse_text(text, shown)
    spell_out(Config, document.data, document.places)
    loaded = Loaded(shown, Path(shown).parent, written=document.data, places=document.places, diagnostics=list(document.diagnostics))
    loaded.texts[shown] = text
    return finish(loaded)


def _import(gathered: Gathered, shown: str, report: bool) -> Imported:
    made = Imported(gathered.trainer, findings=list(dict.fromkeys(gathered.diagnostics)), texts=dict(gathered.texts))
    if not gathered.trainer or not gathered.sources:
        if not made.findings:
            made.findings.append(_nobodys(gathered))
        return made
    backend = get_backend(gathered.trainer)
    lifted, unread = readable(gathered, backend.lift)
    made.findings += unread
    made.findings += [_renamed(item, gathered) for item in lifted.diagnostics if (item.code, item.severity) != ("LB312", "hint")]
    if not lifted.data.get("model"):
        if not any(item.severity == "error" for item in made.findings):
            made.findings.append(_no_model(made))
        return made
    if report:
        made.fates = list(fates(gathered, backend.lift))
    _complete(lifted, shown)
    tree, clashes = native_tree(_not_default(made, lifted.native))
    made.findings += [_clash(gathered.trainer, address) for address in clashes]
    _settle(made, gathered, lifted, tree, shown)
    return made


def _nobodys(gathered: Gathered) -> Diagnostic:
    texts = gathered.texts
    names = ", ".join(f"`{name}`" for name in texts)
    empty = [name for name, text in texts.items() if not text.strip()]
    if not texts:
        message, fix = "there are no files to import", "name the trainer's files, or the folder that they are in"
    elif len(empty) == len(texts):
        message, fix = f"{names}: nothing is written there", "name the files that hold the training"
    else:
        message = f"{names}: not recognised as {f'files of {gathered.trainer}' if gathered.trainer else 'files of any trainer'}"
        fix = f"name the trainer: --trainer {' | '.join(backend_names())}"
    return Diagnostic("LB320", message, None, "error", "", fix)


def _no_model(made: Imported) -> Diagnostic:
    return Diagnostic(
        "LB325",
        f"these files of {made.trainer} do not tell which model is trained",
        None,
        "error",
        "a config starts with the model",
        "add the main file, the job or the launch script that names it",
    )


def _renamed(item: Diagnostic, gathered: Gathered) -> Diagnostic:
    """A job in YAML is read as JSON, which is fast; the finding speaks of the file."""
    for source in gathered.sources:
        if source.native is not None:
            item = replace(item, message=item.message.replace(source.name, source.native.name))
    return item


def _not_default(made: Imported, native: Mapping[str, Any]) -> dict[str, Any]:
    """The native options without those that have the trainer's default, which need not be said."""
    from lorabridge.contracts.store import nearest

    facts = nearest(made.trainer, get_backend(made.trainer).COMMIT)
    sections = facts.contract.sections.values() if facts else ()

    def default(address: str, value: Any) -> bool:
        name = _place(address)[-1]
        entries = [section.keys[name] for section in sections if name in section.keys]
        same = all(
            entry.default_of is None and not entry.required and type(entry.default) is type(value) and entry.default == value
            for entry in entries
        )
        return bool(entries) and same

    gone = {address for address, value in native.items() if default(address, value)}
    for index, fate in enumerate(made.fates):
        if fate.kind == "native" and set(fate.to) <= gone:
            made.fates[index] = Fate(fate.key, "default")
    return {address: value for address, value in native.items() if address not in gone}


def _complete(lifted: Lifted, shown: str) -> None:
    """What the language needs and a trainer does not."""
    lifted.data.setdefault("lorabridge", 1)
    if not lifted.data.get("name"):
        lifted.data["name"] = Path(shown).stem


def _settle(made: Imported, gathered: Gathered, lifted: Lifted, tree: dict[str, Any], shown: str) -> None:
    """Write and check. A native option that the trainer does not use is taken out and told."""
    site = Site(root=Path(shown).absolute().parent.as_posix(), unsupported="error")
    prefix = f"backends.{made.trainer}."
    for _ in range(100):
        data = lifted.data | ({"backends": {made.trainer: tree}} if tree else {})
        made.text = "".join(f"{line}\n" for line in _lines(data, lifted, made, shown))
        made.loaded = load_text(made.text, shown)
        try:
            plan = compile_config(made.loaded, made.trainer, site)
        except EmitError as error:
            made.findings.append(
                Diagnostic("LB325", f"a value cannot be written again: {error}", None, "error", "", "mend it in the files")
            )
            return
        found = plan.diagnostics
        wrong = next((item for item in found if item.code in _DROPPED and item.path.startswith(prefix)), None)
        if wrong is None or not _remove(tree, wrong.path.removeprefix(prefix)):
            break
        _drop(made, wrong, wrong.path.removeprefix(prefix))
    if made.fates:
        again = compiled(plan)
        made.fates = come_back(made.fates, again)
        try:
            made.findings += unlike(differences(gathered, again, made.fates, site.root) if plan.ok else (), gathered)
        except BROKEN as error:
            why = f"a value of the files is of a kind that nobody expects there ({type(error).__name__})"
            made.findings.append(Diagnostic("LB324", "what a compile says could not be compared with the files", None, "warning", why))
    made.texts[shown] = made.text
    made.findings += [item for item in found if item not in made.findings]


def _remove(tree: dict[str, Any], path: str) -> bool:
    here: Any = tree
    *parents, last = path.split(".")
    for part in parents:
        here = here.get(part) if isinstance(here, dict) else None
    if not isinstance(here, dict) or last not in here:
        return False
    del here[last]
    if not here and parents:
        return _remove(tree, ".".join(parents))
    return True


def _drop(made: Imported, finding: Diagnostic, path: str) -> None:
    why = finding.message + (f": {finding.why}" if finding.why else "")
    for index, fate in enumerate(made.fates):
        if fate.kind == "native" and any(
            ".".join(_place(address)) == path or ".".join(_place(address)).startswith(f"{path}.") for address in fate.to
        ):
            made.fates[index] = Fate(fate.key, _DROPPED[finding.code], (), why)
    made.findings.append(Diagnostic(finding.code, f"`{path}` was left out: {finding.message}", None, "warning", finding.why, finding.fix))


def _clash(trainer: str, address: str) -> Diagnostic:
    return Diagnostic(
        "LB301",
        f"`{address}` has several values",
        None,
        "error",
        f"`backends.{trainer}` says a native option once for all datasets",
        "give the datasets one value, or leave the option out",
    )


def native_tree(native: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The native options as they stand under `backends.<trainer>`, and the addresses that have more than one value."""
    tree: dict[str, Any] = {}
    clashes = []
    for address, value in native.items():
        *parents, last = _place(address)
        here = tree
        for part in parents:
            here = here.setdefault(part, {})
        if last in here and here[last] != value:
            clashes.append(address)
        here[last] = value
    return tree, clashes


def _place(address: str) -> list[str]:
    document, colon, dotted = address.rpartition(":")
    parts = [part for part in dotted.split(".") if not part.isdigit()]
    if not colon or document in _ROOT_DOCUMENTS:
        return parts
    return parts if parts[0] == "directory" else ["dataset", *parts]


def _lines(data: Mapping[str, Any], lifted: Lifted, made: Imported, shown: str) -> Iterator[str]:
    names = ", ".join(os.path.basename(name) for name in made.texts if name != shown)
    yield f"# yaml-language-server: $schema={SCHEMA_ID}"
    yield f"# Imported from {get_backend(made.trainer).TITLE}: {names}"
    yield f"# Check it: lorabridge check {os.path.basename(shown)} --backend {made.trainer}"
    yield "# A comment names the native key that a value comes from. Relative paths start from this file's folder."
    yield from _section(data, Config, "", 0, lifted.origins)


def _section(data: Mapping[str, Any], model: type[Section], path: str, depth: int, origins: Mapping[str, str]) -> Iterator[str]:
    rows = rows_of(model)
    for key in [*(key for key in rows if key in data), *(key for key in data if key not in rows)]:
        section, many = (rows[key].section, rows[key].many) if key in rows else (None, False)
        yield from _entry(key, data[key], section, many, f"{path}{key}", depth, origins)


def _entry(
    key: str, value: Any, section: type[Section] | None, many: bool, path: str, depth: int, origins: Mapping[str, str]
) -> Iterator[str]:
    pad = "  " * depth
    if isinstance(value, Mapping) and value and (section is not None or key == "backends" or path.startswith("backends.")):
        yield f"{pad}{key}:"
        if section is not None and not many:
            yield from _section(value, section, f"{path}.", depth + 1, origins)
        else:
            for inner, item in value.items():
                yield from _entry(flow(inner), item, None, False, f"{path}.{inner}", depth + 1, origins)
    elif section is not None and many and isinstance(value, list) and value and all(isinstance(item, Mapping) and item for item in value):
        yield f"{pad}{key}:"
        for index, item in enumerate(value):
            for number, line in enumerate(_section(item, section, f"{path}[{index}].", depth + 2, origins)):
                yield f"{pad}  - {line.strip()}" if number == 0 else line
    else:
        source = origins.get(path, "").partition(":")[2]
        yield f"{pad}{key}: {flow(value)}" + (f"  # {source}" if source and source != path else "")


def report_lines(made: Imported) -> Iterator[str]:
    """The report for a person: counts first, then each key that is not simply said."""
    from collections import Counter

    from lorabridge.plan.fates import shown

    counts = Counter(fate.kind for fate in made.fates)
    yield f"{len(made.fates)} native keys: " + ", ".join(f"{counts[kind]} {text}" for kind, text in KINDS.items() if counts[kind])
    yield from _kinds(made, shown)


def _kinds(made: Imported, shown: Callable[[tuple[str, ...]], str]) -> Iterator[str]:
    prefix = f"backends.{made.trainer}."
    for kind, title in KINDS.items():
        found = [fate for fate in made.fates if fate.kind == kind]
        if found:
            yield f"{title}:"
        for fate in found:
            to = tuple(prefix + ".".join(_place(address)) for address in fate.to) if kind == "native" else fate.to
            target = f" -> {shown(to)}" if to else ""
            yield f"  {os.path.basename(fate.key.file)}: {fate.key.name or 'the whole file'}{target}" + (
                f" ({fate.why})" if fate.why else ""
            )


def as_data(made: Imported) -> dict[str, Any]:
    """The report for a program."""
    return {
        "trainer": made.trainer,
        "config": made.text,
        "keys": [
            {"file": fate.key.file, "key": fate.key.name, "kind": fate.kind, "to": list(fate.to), "why": fate.why} for fate in made.fates
        ],
        "findings": [{"code": item.code, "severity": item.severity, "path": item.path, "message": item.message} for item in made.findings],
    }
