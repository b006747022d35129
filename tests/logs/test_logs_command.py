"""`lorabridge parse` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lorabridge.cli.main import app
from tests.logs.recorded import BACKENDS, LOGS
from tests.logs.test_logs_metrics import DATA, RECORDS

ZIMAGE = BACKENDS / "ai_toolkit" / "logs" / "zimage_complete.log"


def parse(*args: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["parse", *map(str, args)], input=stdin, standalone_mode=False)


def events(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_log():
    result = parse(ZIMAGE, "--trainer", "ai-toolkit", "--stage", "train")
    found = events(result)
    assert result.return_value == 0
    assert found[-1] == {"event": "verdict", "step": 12, "total": 12, "text": "completed", "verdict": "completed"}
    first = next(event for event in found if event["event"] == "progress")
    assert (first["step"], first["total"], first["loss"], first["lr"]) == (1, 12, 1.137, 1e-4)
    assert any(event["event"] == "text" for event in found)


def test_the_trainer_is_told_from_the_bytes_also_on_stdin():
    result = parse("-", "--no-text", stdin=ZIMAGE.read_bytes())
    assert events(result)[-1]["verdict"] == "completed"
    assert not any(event["event"] == "text" for event in events(result))


def test_a_failed_run_has_its_cause_and_exits_0():
    log = next(log for log in LOGS if log.name == "crash_at_step_1")
    result = parse("-", stdin=log.data)
    assert result.return_value == 0
    assert events(result)[-1]["cause"] == "ZeroDivisionError: integer modulo by zero"


def test_metrics():
    assert len([e for e in events(parse(DATA / "loss_log.db")) if e["event"] == "progress"]) == 11
    assert len([e for e in events(parse(DATA / "events.out.tfevents.run")) if e["event"] == "progress"]) == 6


@pytest.mark.parametrize(
    ("args", "stdin", "code"),
    [
        (("-",), b"hello\nworld\n", "LB735"),
        (("-",), b"", "LB735"),
        (("-", "--trainer", "ai-toolkit", "--stage", "cache-text"), b"x\n", "LB736"),
        (("/nowhere/at/all.log",), None, "LB737"),
        ((Path(__file__).parent,), None, "LB737"),
    ],
)
def test_what_cannot_be_read(args, stdin, code):
    result = parse(*args, stdin=stdin)
    assert result.return_value == 1
    assert code in result.stderr
    assert "Traceback" not in result.stderr


def test_a_damaged_event_file(tmp_path: Path):
    data = bytearray((DATA / "events.out.tfevents.run").read_bytes())
    data[-9] ^= 255
    (tmp_path / "e").write_bytes(data)
    result = parse(tmp_path / "e")
    assert result.return_value == 1
    assert "LB737" in result.stderr
    assert events(result), "what could be read is printed"


def test_a_damaged_database(tmp_path: Path):
    (tmp_path / "e.db").write_bytes((DATA / "loss_log.db").read_bytes()[:5000])
    result = parse(tmp_path / "e.db")
    assert result.return_value == 1
    assert "LB737" in result.stderr


def metrics(*args: object) -> Result:
    return CliRunner().invoke(app, ["metrics", *map(str, args)], standalone_mode=False)


def test_metrics_of_a_run(tmp_path: Path):
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    assert metrics(tmp_path).stdout.splitlines()[1] == "train,1,3,,1.5,0.0001,,,2.0"
    assert metrics(tmp_path, "-o", tmp_path / "m.csv").return_value == 0
    assert (tmp_path / "m.csv").read_text() == metrics(tmp_path).stdout
    written = Path(metrics(tmp_path, "--format", "tensorboard", "-o", tmp_path / "tb").stdout.strip())
    assert len([event for event in events(parse(written)) if event["event"] == "progress"]) == 2


def test_metrics_that_are_not_there(tmp_path: Path):
    assert "LB741" in metrics(tmp_path).stderr
    (tmp_path / "events.jsonl").write_text('{"seq": 1, "time": 1, "stage": null, "event": "start"}\n')
    assert "LB741" in metrics(tmp_path).stderr
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    (tmp_path / "file").touch()
    refused = metrics(tmp_path, "-o", tmp_path / "file" / "m.csv")
    assert refused.return_value == 1
    assert "LB742" in refused.stderr
