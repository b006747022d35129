"""Better sources than a log, and the numbers of a run for others: databases, event files, CSV."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabridge.backends.ai_toolkit.database import read_database, read_jobs
from lorabridge.backends.reading import log_parser, read_log
from lorabridge.run.metrics import as_csv, events_of, write_tensorboard
from lorabridge.run.metrics_events import DamagedError, EventWriter, Scalar, is_event_file, masked_crc, read_scalars
from tests.logs.recorded import LOGS

DATA = Path(__file__).parent / "data"
EVENTS = DATA / "events.out.tfevents.run"


def scalars(data: bytes) -> list[Scalar]:
    return list(read_scalars(io.BytesIO(data)))


def test_the_checksum_is_the_one_of_the_standard():
    """RFC 3720, B.4: the CRC-32C of 32 zero bytes, unmasked."""
    masked = (masked_crc(bytes(32)) - 0xA282EAD8) & 0xFFFFFFFF
    assert (masked >> 17 | masked << 15) & 0xFFFFFFFF == 0x8A9136AA


def test_the_event_file_of_a_real_run():
    found = scalars(EVENTS.read_bytes())
    losses = [(item.step, round(item.value, 4)) for item in found if item.tag == "train/loss"]
    log = next(log for log in LOGS if log.name == "sdxl_complete")
    said = [(event.step, event.loss) for event in read_log([log.data], log_parser(log.trainer, "train")) if event.event == "progress"]
    assert losses == said, "what its log says"
    assert {"val/loss", "val/loss_quantile_0.10", "eval/eval_time_sec", "train/epoch_loss"} <= {item.tag for item in found}
    events = list(events_of(found))
    assert [event.step for event in events if event.event == "progress"] == [1, 2, 3, 4, 5, 6]
    assert all(event.text and event.value is not None for event in events if event.event == "metric")


def test_damage_and_an_unfinished_record():
    data = EVENTS.read_bytes()
    whole = scalars(data)
    for cut in range(0, len(data), 11):
        assert scalars(data[:cut]) == whole[: len(scalars(data[:cut]))], "a writer may be in the middle of a record"
    broken = bytearray(data)
    broken[200] ^= 1
    with pytest.raises(DamagedError) as error:
        scalars(bytes(broken))
    assert 100 < error.value.offset <= 200
    assert not is_event_file(b"steps:  50%|")


@given(data=st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes):
    head = struct.pack("<Q", len(data))
    record = head + struct.pack("<I", masked_crc(head)) + data + struct.pack("<I", masked_crc(data))
    for file in (data, record):
        try:
            scalars(file)
        except DamagedError:
            continue


@given(
    items=st.lists(
        st.builds(Scalar, st.integers(0, 2**40), st.text(min_size=1, max_size=20), st.floats(width=32, allow_nan=False), st.floats(0, 2e9)),
        max_size=20,
    )
)
def test_what_is_written_is_read_back(items: list[Scalar], tmp_path_factory: pytest.TempPathFactory):
    with EventWriter(tmp_path_factory.mktemp("tb"), 1.5) as writer:
        writer.write(items)
    assert scalars(writer.path.read_bytes()) == items


def test_our_own_file_is_what_tensorboard_reads(tmp_path: Path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader", reason="tensorboard is not installed")
    with EventWriter(tmp_path) as writer:
        writer.write([Scalar(3, "train/loss", 0.5, 1e9)])
    events = list(loader.RawEventFileLoader(str(writer.path)).Load())
    assert len(events) == 2


RECORDS = [
    {"seq": 1, "time": 1000, "stage": None, "event": "start"},
    {"seq": 2, "time": 2000, "stage": "train", "event": "progress", "step": 1, "total": 3, "loss": 1.5, "lr": 1e-4},
    {"seq": 3, "time": 3000, "stage": "train", "event": "progress", "step": 2, "total": 3, "loss": "nan"},
    {"seq": 4, "time": 3500, "stage": "train", "event": "progress", "step": 2, "total": 3, "loss": 1.25, "rate": 2.0},
]


def test_csv():
    rows = list(csv.DictReader(io.StringIO(as_csv(RECORDS))))
    assert [(row["step"], row["loss"], row["lr"], row["time"]) for row in rows] == [("1", "1.5", "0.0001", "2.0"), ("2", "1.25", "", "3.5")]


def test_tensorboard(tmp_path: Path):
    found = scalars(write_tensorboard(RECORDS, tmp_path).read_bytes())
    assert [(item.step, item.tag, item.time) for item in found] == [
        (1, "train/loss", 2.0),
        (1, "train/lr", 2.0),
        (2, "train/loss", 3.5),
        (2, "train/steps_per_second", 3.5),
    ]


def test_loss_log():
    events = list(read_database(DATA / "loss_log.db"))
    assert [event.step for event in events] == list(range(1, 12))
    assert events[0].loss == pytest.approx(1.171862)
    assert {event.lr for event in events} == {1e-4}


def test_loss_log_in_a_folder_that_cannot_be_written(tmp_path: Path):
    shutil.copy(DATA / "loss_log.db", tmp_path / "x.db")
    tmp_path.chmod(0o555)
    try:
        assert len(list(read_database(tmp_path / "x.db"))) == 11
    finally:
        tmp_path.chmod(0o755)


def test_the_job_table(tmp_path: Path):
    path = tmp_path / "aitk.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE Job (id TEXT, name TEXT, status TEXT, step INT, total_steps INT, info TEXT, speed_string TEXT, stop BOOL,"
            " return_to_queue BOOL, save_now BOOL, sample_now BOOL)"
        )
        connection.execute("INSERT INTO Job VALUES ('a', 'cat', 'running', 7, 10, 'Training', '1 s/it', 0, 0, 1, 0)")
    (row,) = read_jobs(path)
    assert (row.name, row.status, row.step, row.total_steps, row.save_now, row.stop) == ("cat", "running", 7, 10, True, False)
    (event,) = read_database(path)
    assert (event.step, event.total, event.code) == (7, 10, "running")


def test_a_database_of_something_else(tmp_path: Path):
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
    with pytest.raises(ValueError, match="birds"):
        list(read_database(tmp_path / "x.db"))
    with pytest.raises(FileNotFoundError):
        list(read_database(tmp_path / "y.db"))
