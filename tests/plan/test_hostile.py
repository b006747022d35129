"""Whatever is imported: a finding with a way out, never a traceback, and never nothing at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorabridge.plan.imports import import_files, import_texts
from lorabridge.plan.native import check_texts
from tests.plan.test_round_trip import COSMOS, DATASET, EXAMPLES, JOB, MODELS, QWEN_SH, SIZES

FILES: dict[str, bytes] = {
    "binary.toml": bytes(range(256)) * 8,
    "binary.sh": bytes(range(255, -1, -1)) * 8,
    "empty.toml": b"",
    "blank.yaml": b"\n \n",
    "utf16.toml": "dit = 'x'\nnetwork_dim = 4\n".encode("utf-16"),
    "deep.json": b"[" * 100_000,
    "deep.toml": b"a = " + b"[" * 3000 + b"]" * 3000,
    "deep.yaml": b"config: " + b"[" * 3000 + b"]" * 3000,
    "cycle.yaml": b"job: extension\nconfig: &c {name: x, process: [*c]}\n",
    "bomb.yaml": b"a: &a [x,x,x,x,x,x,x,x]\n" + b"".join(b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 8)) for i in range(7)),
    "huge.toml": b"network_dim = 4\n" + b"# x\n" * 400_000,
    "words.txt": b"nothing of interest\n",
    "list.yaml": b"- a\n- b\n",
    "half.toml": b"resolutions = [512]\n[[directory]]\npath = '/x'\n",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_a_finding(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    made = import_files([str(tmp_path / name)])
    assert not made.text
    errors = [item for item in made.findings if item.severity == "error"]
    assert errors
    assert len(errors) == len(set(errors))
    assert any(item.fix or item.why or item.span for item in errors)


def test_what_is_not_there_and_what_is_no_file(tmp_path: Path) -> None:
    assert [item.code for item in import_files([str(tmp_path / "no.toml")]).findings] == ["LB109"]
    (empty,) = import_files([str(tmp_path)]).findings
    assert empty.message == "there are no files to import"


def test_files_of_another_trainer(tmp_path: Path) -> None:
    made = import_texts({"main.toml": COSMOS, "data.toml": SIZES}, trainer="ai-toolkit")
    assert not made.ok
    assert "not recognised as files of ai-toolkit" in made.findings[0].message
    made = import_texts({"main.toml": COSMOS, "data.toml": SIZES, "job.yaml": JOB.replace("MODEL", MODELS["flux"])})
    assert made.ok
    assert any(item.code == "LB320" and "left out" in item.why for item in made.findings), "the other trainer's file is named"


def test_an_empty_seed_of_the_samples_is_no_fault_of_the_comparison() -> None:
    job = JOB.replace("MODEL", MODELS["flux"]).replace("seed: 42", "seed: null")
    made = import_texts({"job.yaml": job})
    assert made.findings
    assert not [item for item in made.findings if "could not be compared" in item.message]


def test_an_unknown_model_is_named() -> None:
    (found,) = [item for item in import_texts({"main.toml": COSMOS.replace("cosmos'\n", "cosmoss'\n"), "data.toml": SIZES}).findings if item.severity == "error"]  # fmt: skip
    assert (found.code, found.fix) == ("LB501", "did you mean `cosmos`?")


@pytest.mark.parametrize(
    ("texts", "key"),
    [
        ({"main.toml": COSMOS, "data.toml": SIZES.replace("[[960, 960, 1], [960, 704, 1], [704, 960, 1]]", "3")}, "size_buckets"),
        ({"main.toml": COSMOS.replace("weight_decay = 0.01", "weight_decay = inf"), "data.toml": SIZES}, "optimizer.weight_decay"),
        ({"train.sh": QWEN_SH, "data.toml": DATASET.replace("[960, 544]", "1.5")}, "general.resolution"),
        ({"job.yaml": JOB.replace("MODEL", MODELS["flux"]).replace("linear_alpha: 32", "linear_alpha: x")}, "config.process[0].network.linear_alpha"),
    ],
)  # fmt: skip
def test_a_value_that_nothing_reads_is_named_and_the_rest_is_read(texts: dict[str, str], key: str) -> None:
    made = import_texts(texts)
    told = [item for item in made.findings if item.code == "LB325" and item.path == key]
    assert [item.severity for item in told] == ["error"], [(item.code, item.path, item.message) for item in made.findings]
    assert told[0].span is not None
    assert not made.ok


_TOML = ("[]", "{}", "-1", "0", "nan", "inf", "'x'", "[1,2]", "{a=1}", "[[1,2],[3]]", "2026-01-01", "[{}]", "''", "true")
_YAML = ("null", "~", "true", "[]", "{}", "-1", "0", ".nan", "x", "[1,2]", "{a: 1}", "2026-01-01", "12:30", "[[]]")
_WORDS = ("", "-5", "x y", "nan", "$X", "~/a", "9" * 30, "=", '"open')


def _places(name: str, text: str) -> list[tuple[int, int]]:
    pattern = {"toml": r"(?m)^\w+ *= *(.+)$", "yaml": r"\w+: ([^,{}\[\]\n]+|\[[^\]]*\])", "sh": r"--\w+( \S+)?"}[name.rpartition(".")[2]]
    return [found.span(1) for found in re.finditer(pattern, text) if found[1] is not None]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_anywhere(data: st.DataObject) -> None:
    trainer, texts = EXAMPLES[data.draw(st.sampled_from(sorted(EXAMPLES)))]
    name = data.draw(st.sampled_from(sorted(texts)))
    values = {"toml": _TOML, "yaml": _YAML, "sh": _WORDS}[name.rpartition(".")[2]]
    first, last = data.draw(st.sampled_from(_places(name, texts[name])))
    broken = texts | {name: f"{texts[name][:first]} {data.draw(st.sampled_from(values))}{texts[name][last:]}"}
    made = import_texts(broken, trainer=trainer, report=False)
    assert made.text or made.findings
    check_texts(broken, trainer=trainer)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_cut_and_any_character(data: st.DataObject) -> None:
    _, texts = EXAMPLES[data.draw(st.sampled_from(sorted(EXAMPLES)))]
    name = data.draw(st.sampled_from(sorted(texts)))
    place = data.draw(st.integers(0, len(texts[name])))
    mark = data.draw(st.sampled_from(["", "\x00", "\ufeff", "\r", "\t", "{", "}", "[", "]", '"', "'", ":", "#"]))
    rest = "" if not mark else texts[name][place:]
    made = import_texts(texts | {name: texts[name][:place] + mark + rest}, report=False)
    assert made.text or made.findings
