"""What a compiled plan promises: every native key with its value, its line, and the line of the language that asked for it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lorabridge.backends.base import File, Note, Plan
from lorabridge.backends.proving import Claim, Prover, options, script
from lorabridge.contracts.store import nearest


def claims(plan: Plan, prover: Prover, commit: str, folder: str) -> list[Claim]:
    """All claims of a plan, in the order of its files. `commit`: what the trainer's defaults were read at."""
    values = {note.path: note.value for note in plan.notes if note.path}
    found = [_named(claim, plan.notes) for file in plan.files for claim in _file(file, values)]
    for stage in plan.stages:
        for key, value in options(tuple(word.replace("{files}", folder) for word in script(stage.argv)[1])):
            found.append(Claim(stage.name, key, value))
    written = {(claim.document, claim.key) for claim in found}
    found += [claim for note in plan.notes for claim in _left_out(note, plan, prover, commit) if (claim.document, claim.key) not in written]
    return found


def _file(file: File, values: Mapping[str, str]) -> Iterator[Claim]:
    tree = parse(file)
    lines = _lines(file)
    for key, value in flat(tree) if tree is not None else ():
        line = lines.get(key, 0)
        path = file.sources.get(line, "")
        yield Claim(file.path, key, value, line, path, values.get(path, ""))


def _named(claim: Claim, notes: Sequence[Note]) -> Claim:
    """With the intent path of a key in a list of tables, which carries no comment: `directory.0.num_repeats` is `datasets[0].repeats`."""
    parts = claim.key.split(".")
    if claim.path or len(parts) < 3 or not parts[-2].isdigit():
        return claim
    mine = (note for note in notes if note.at == f":{parts[-1]}" and note.path.startswith(f"datasets[{parts[-2]}]"))
    note = next(mine, None)
    return claim if note is None else replace(claim, path=note.path, said=note.value)


def parse(file: File) -> dict[str, Any] | None:
    """The document as plain data; None for a file that the trainer's configuration code does not read."""
    if file.path.endswith(".toml"):
        return tomllib.loads(file.text)
    if file.path == "job.yaml":
        import yaml

        from lorabridge.backends.emit import float_loader

        tree = yaml.load(file.text, Loader=float_loader())
        return tree if isinstance(tree, dict) else None
    if file.path == "job.json":
        found = json.loads(file.text)
        return found if isinstance(found, dict) else None
    return None


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; tables in lists by index; empty tables are values."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for index, item in enumerate(value):
                yield from flat(item, f"{prefix}{key}.{index}.")
        else:
            yield f"{prefix}{key}", value


def _lines(file: File) -> dict[str, int]:
    """Dotted key to its line."""
    return _toml_lines(file.text) if file.path.endswith(".toml") else _yaml_lines(file.text)


def _toml_lines(text: str) -> dict[str, int]:
    from lorabridge.backends.native.toml_places import places_of

    return {".".join(map(str, path)): place.key.line for path, place in places_of("", text).items()}


def _yaml_lines(text: str) -> dict[str, int]:
    import yaml

    found: dict[str, int] = {}

    def visit(node: Any, dotted: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                here = f"{dotted}.{key.value}".lstrip(".")
                found[here] = key.start_mark.line + 1
                visit(value, here)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                visit(value, f"{dotted}.{index}")

    visit(yaml.compose(text, Loader=yaml.SafeLoader), "")
    return found


def _left_out(note: Note, plan: Plan, prover: Prover, commit: str) -> Iterator[Claim]:
    """A key that is left out on purpose: its default, as it was when the meaning was read, must still be the default."""
    name, mark, key = note.at.partition(":")
    if note.native != "left out" or not mark or not key or name not in prover.DOCUMENTS:
        return
    document, _, prefix = prover.DOCUMENTS[name].partition(":")
    found = nearest(plan.backend, commit)
    for section in prover.sections(plan, document, prefix + key) if found is not None else ():
        entry = found.contract.sections[section].keys.get(key.rpartition(".")[2]) if found and section in found.contract.sections else None
        if entry is not None and entry.default_of is None and not entry.required:
            yield Claim(document, prefix + key, entry.default, 0, note.path, note.value, True, entry.at)
            return
