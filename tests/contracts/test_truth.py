"""The shipped contracts, and fresh ones where a checkout is given, against what the trainers' own parsers and classes say."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lorabridge.contracts.extract import READERS, extract
from lorabridge.contracts.git import commit_of
from lorabridge.contracts.model import Contract, Entry, dumps
from lorabridge.contracts.store import folder, nearest, path_of, read

TRUTH = Path(__file__).parent / "truth"
UNKNOWABLE = {
    ("musubi", "choices", "dynamo_backend"): "an enumeration of another package",
    ("musubi", "default", "device"): "depends on the machine",
}
"""What the source does not say; the contract names where it comes from instead."""
BESIDE = {"config": {"process"}, "process": {"type"}}
"""Keys that the trainer reads (`jobs/BaseJob.py`) and that the dump of its classes leaves out."""
FOREIGN = {"args": ("deepspeed.add_config_arguments", {"deepspeed", "deepspeed_config", "deepscale", "deepscale_config"})}
"""Options that another package adds; the contract names its function."""


@cache
def truth(trainer: str) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    raw = json.loads((TRUTH / f"{trainer}.json").read_text(encoding="utf-8"))
    return raw["commit"], {name: [raw["rows"][number] for number in numbers] for name, numbers in raw["sections"].items()}


def home(trainer: str) -> Path | None:
    named = os.environ.get(f"LORABRIDGE_{trainer.upper().replace('-', '_')}_HOME")
    return Path(named) if named else None


@cache
def fresh(place: Path, trainer: str) -> Contract:
    return extract(place, trainer)


@pytest.fixture(params=[(trainer, source) for trainer in READERS for source in ("shipped", "checkout")], ids="-".join)
def pair(request: pytest.FixtureRequest) -> Contract:
    trainer, source = request.param
    if source == "shipped":
        found = nearest(trainer, truth(trainer)[0])
        assert found is not None
        assert found.exact
        return found.contract
    place = home(trainer)
    if place is None:
        pytest.skip(f"LORABRIDGE_{trainer.upper().replace('-', '_')}_HOME names no checkout of {trainer}")
    if commit_of(place) != truth(trainer)[0]:
        pytest.skip(f"{place} is at {commit_of(place)[:10]}, the truth was taken at {truth(trainer)[0][:10]}")
    return fresh(place, trainer)


def test_every_option_is_found_and_none_invented(pair: Contract) -> None:
    _, sections = truth(pair.trainer)
    for name, rows in sections.items():
        assert name in pair.sections, f"no section {name}"
        wanted, found = {row["name"] for row in rows}, set(pair.sections[name].keys)
        if name in FOREIGN:
            assert pair.sections[name].takes == (FOREIGN[name][0],)
            wanted -= FOREIGN[name][1]
        assert wanted <= found, f"{name} lacks {sorted(wanted - found)}"
        assert found - wanted <= BESIDE.get(name, set()), f"{name} invents {sorted(found - wanted)}"


def test_types_defaults_and_choices_agree(pair: Contract) -> None:
    differences = Counter[tuple[str, ...]]()
    compared = 0
    for name, rows in truth(pair.trainer)[1].items():
        for row in rows:
            entry = pair.sections[name].keys.get(row["name"])
            compared += 1
            for what, wanted, found in _compared(row, entry) if entry is not None else ():
                if wanted != found and (pair.trainer, what, row["name"]) not in UNKNOWABLE:
                    differences[name, row["name"], what, str(wanted), str(found)] += 1
    assert not differences
    assert compared == {"musubi": 2488, "diffusion-pipe": 17, "ai-toolkit": 466}[pair.trainer]


def _compared(row: dict[str, Any], entry: Entry) -> list[tuple[str, Any, Any]]:
    if row.get("computed"):
        return [("default_of", True, entry.default_of is not None)]
    found = [("default", row["default"], entry.default)]
    if "type" in row:
        found.append(("type", row["type"], entry.type))
    if "dest" in row:
        found += [
            ("type", row.get("type"), entry.type),
            ("choices", row.get("choices"), None if entry.choices is None else list(entry.choices)),
            ("nargs", row.get("nargs"), entry.nargs),
            ("required", row.get("required", False), entry.required),
            ("dest", row["dest"], entry.dest or row["name"].replace("-", "_")),
        ]
    return found


def test_what_the_source_does_not_say_is_named() -> None:
    found = nearest("musubi")
    assert found is not None
    options = found.contract.sections["zimage_train_network"].keys
    assert options["dynamo_backend"].choices_of == "accelerate.utils.DynamoBackend.value"
    assert found.contract.sections["merge_lora"].keys["device"].default_of == "computed"


@pytest.mark.parametrize("trainer", READERS)
def test_the_shipped_file_is_what_the_checkout_gives(trainer: str) -> None:
    place = home(trainer)
    if place is None:
        pytest.skip(f"LORABRIDGE_{trainer.upper().replace('-', '_')}_HOME names no checkout of {trainer}")
    found = fresh(place, trainer)
    if not path_of(found).is_file():
        pytest.skip(f"no contract is shipped for {found.commit[:10]}")
    kept = read(path_of(found))
    dated = Contract(trainer, found.commit, found.sections, found.version, found.date or kept.date)
    assert dumps(dated) == path_of(found).read_text(encoding="utf-8")


_READ = re.compile(
    r"""\b(?:self\.)?(model|adapter|directory|dataset|optim)?_?config(?:\.get\(|\.pop\(|\.setdefault\(|\[)['"]([a-z]\w*)['"]"""
)


def test_every_read_that_a_plain_search_finds_is_in_the_contract() -> None:
    """diffusion-pipe has no declared options: its sources are searched for `..._config['key']` without understanding them."""
    place = home("diffusion-pipe")
    if place is None:
        pytest.skip("LORABRIDGE_DIFFUSION_PIPE_HOME names no checkout of diffusion-pipe")
    known = {key for section in fresh(place, "diffusion-pipe").sections.values() for key in section.keys}
    files = [
        place / "train.py",
        place / "utils/dataset.py",
        place / "utils/saver.py",
        place / "utils/common.py",
        *sorted((place / "models").glob("*.py")),
        place / "models/wan/wan.py",
    ]
    found = {}
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for kind, key in _READ.findall(line.split("#")[0]):
                found[f"{kind}.{key}"] = f"{file.name}:{number}"
    own = {key: at for key, at in found.items() if key.partition(".")[2] not in known}
    assert len(found) > 120
    assert own == {}


def test_the_trainers_have_their_contracts() -> None:
    for trainer in READERS:
        assert [path.stem for path in folder(trainer).glob("*.json") if len(path.stem) == 40] == [truth(trainer)[0]]
