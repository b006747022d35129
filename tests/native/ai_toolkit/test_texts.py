"""What is decided before the job is a job: the reader's traps, variables, places."""

from __future__ import annotations

import json

import pytest

from lorabridge.plan.native import check_texts
from tests.native.ai_toolkit.helpers import job, text, told


def found(content: str, name: str = "job.yaml") -> list[str]:
    return told(check_texts({name: content}, trainer="ai-toolkit"))


def test_the_good_job_is_good_as_yaml_and_json() -> None:
    assert found(text()) == []
    assert found(json.dumps(job()), "job.json") == []
    assert found(json.dumps(job()), "job.jsonc") == []
    assert found("\ufeff" + text()) == []


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        ("", "job.yaml", "LB318"),
        ("# nothing\n", "job.yaml", "LB318"),
        ("- a\n", "job.yaml", "LB320"),
        (text().replace("      lr:", "\tlr:").replace('      "lr":', '\t"lr":'), "job.yaml", "LB320"),
        ("// a job\n" + json.dumps(job()), "job.jsonc", "LB320"),
        ("{}", "job.json", "LB318"),
        (text(), "job.txt", "LB320"),
        (json.dumps(job()), "job.txt", "LB320"),
        (text() + '"job": "extension2"\n', "job.yaml", "LB320"),
        ("\ufeff" + json.dumps(job()), "job.json", "LB320"),
        (json.dumps(job())[:-1] + ",}", "job.json", "LB320"),
    ],
)
def test_the_reader_stops(content: str, name: str, code: str) -> None:
    assert any(line.startswith(f"error[{code}]") for line in found(content, name))


def test_a_plain_job_is_recognised() -> None:
    assert told(check_texts({"job.yaml": text()})) == []
    assert told(check_texts({"job.yaml": text({"/job": "lora"})})) != []


def test_scientific_notation_is_a_number_without_quotes() -> None:
    plain = text().replace('"lr": 0.0001', '"lr": 1e-4')
    assert plain != text()
    assert found(plain) == []
    assert any("LB313" in line for line in found(text().replace('"lr": 0.0001', '"lr": "1e-4"')))


def test_yaml_1_1_words_are_told() -> None:
    off = text({"train.skip_first_sample": True}).replace('skip_first_sample": true', 'skip_first_sample": no')
    assert [line.partition(" ")[0] for line in found(off)] == ["warning[LB320]"]
    word = text({"trigger_word": "ohwx"}).replace('"ohwx"', "on")
    assert any(line.startswith("error[LB313] config.process[0].trigger_word") for line in found(word))


class TestVariables:
    def test_unset_stops_in_comments_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NOT_SET_HERE", raising=False)
        items = check_texts({"job.yaml": text() + "# see ${NOT_SET_HERE}\n"}, trainer="ai-toolkit")
        (item,) = [item for item in items if item.severity == "error"]
        assert item.code == "LB321"
        assert item.span is not None
        assert (item.span.line, item.span.column) == (text().count("\n") + 1, 7)
        assert "comment" in item.why

    def test_set_is_fine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("IS_SET_HERE", "/data")
        assert found(text({"datasets.0.folder_path": "${IS_SET_HERE}/cats"})) == []

    def test_set_by_the_script(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CATS", raising=False)
        files = {"train.sh": "export CATS=/data\npython run.py job.yaml\n", "job.yaml": text({"datasets.0.folder_path": "${CATS}/cats"})}
        assert told(check_texts(files)) == []
        assert told(check_texts({"job.yaml": files["job.yaml"]}, trainer="ai-toolkit")) != []


def test_token_for_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = text({"save.push_to_hub": True, "save.hf_repo_id": "a/b"})
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert ["LB315" in line for line in found(changed)] == [True]
    monkeypatch.setenv("HF_TOKEN", "x")
    assert found(changed) == []


def test_spans_point_at_the_value_or_the_key() -> None:
    content = text({"train.steps": "4", "train.stesp": 5})
    lines = content.splitlines()
    by_code = {item.code: item.span for item in check_texts({"job.yaml": content}, trainer="ai-toolkit") if item.severity == "error"}
    steps, typo = by_code["LB313"], by_code["LB310"]
    assert steps is not None
    assert typo is not None
    assert lines[steps.line - 1][steps.column - 1 : steps.end_column - 1] == '"4"'
    assert lines[typo.line - 1][typo.column - 1 : typo.end_column - 1] == '"stesp"'


@pytest.mark.parametrize("kind", ["Qwen3VLCaptioner", "dataset_tools", "ultimate_slider_trainer"])
def test_other_processes_are_left_alone(kind: str) -> None:
    assert found(f"job: extension\nconfig:\n  name: x\n  process:\n  - type: {kind}\n    anything: 1\n") == []


def test_other_jobs_are_left_alone() -> None:
    assert found("job: extract\nconfig:\n  name: x\n  base_model: a\n  process:\n  - type: lora\n") == []
    assert found("job: train\nconfig:\n  name: x\n  training_folder: a\n  process:\n  - type: slider\n    train: {}\n") == []


def test_two_processes_are_both_looked_at() -> None:
    data = job()
    second = job({"train.lr": 0})["config"]["process"][0]
    data["config"]["process"].append(second)
    assert found(json.dumps(data), "job.json") == ["error[LB323] config.process[1].train.lr: `lr: 0` trains nothing"]


def test_a_concept_slider_needs_no_dataset() -> None:
    changed = job({"type": "concept_slider", "slider": {"target_class": "cat", "positive_promt": "x"}})
    del changed["config"]["process"][0]["datasets"]
    assert found(json.dumps(changed), "job.json") == [
        "error[LB310] config.process[0].slider.positive_promt: unknown key `positive_promt` in `slider`"
    ]


@pytest.mark.parametrize("value", [None, True, 5, -1.5, "", "x", [], [None], [[]], {}, {"a": None}, {5: 1}, [{"a": 1}]])
def test_findings_survive_any_value(value: object) -> None:
    def found(content: str) -> None:
        check_texts({"job.yaml": content}, trainer="ai-toolkit", paths=True)

    for section in ("", "network", "train", "model", "save", "sample", "first_sample", "logging", "datasets", "adapter", "slider"):
        base = job()["config"]["process"][0]
        for key in (*base, "first_sample", "logging", "trigger_word", "name") if not section else ():
            found(text({key: value}))
        inner = base.get(section, {}) if section else {}
        keys = (
            [*inner, "samples", "ema_config", "network_kwargs", "optimizer_params", "validation_config", "rank", "qtype"]
            if isinstance(inner, dict)
            else []
        )
        for key in keys if section else ():
            found(text({f"{section}.{key}": value}))
        for key in ("folder_path", "resolution", "caption_ext", "mask_path", "control_path", "replacements", "controls", "num_frames"):
            if section == "datasets":
                found(text({f"datasets.0.{key}": value}))
