"""GPUs: found with a stand-in for NVML, leased by one run at a time, free again after every crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lorabridge.run import system
from lorabridge.run.gpus import Gpu, gpus, visible
from lorabridge.run.leases import Lease, Taken, Wish, acquire, holder

from .supervised import until

ROOT = Path(__file__).parents[2]


class FakeNvml:
    """Three GPUs; the first is busy with somebody else's process."""

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken

    def nvmlInit(self) -> None:
        if self.broken:
            raise RuntimeError("no driver")

    def nvmlShutdown(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=(3 - handle) << 30, total=24 << 30)

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return b"Fake GPU"

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=77)] if handle == 2 else []


HERE = gpus(FakeNvml())


def test_what_nvml_tells():
    assert [(gpu.index, gpu.name, gpu.used >> 30, gpu.busy) for gpu in HERE] == [
        (0, "Fake GPU", 3, ()),
        (1, "Fake GPU", 2, ()),
        (2, "Fake GPU", 1, (77,)),
    ]
    assert gpus(FakeNvml(broken=True)) == []


@pytest.mark.parametrize(
    ("said", "left"), [(None, [0, 1, 2]), ("2,0", [2, 0]), ("", []), ("-1", []), ("GPU-1f2e", [0, 1, 2]), ("1,9", [1])]
)
def test_cuda_visible_devices_is_respected(said, left):
    environ = {} if said is None else {"CUDA_VISIBLE_DEVICES": said}
    assert [gpu.index for gpu in visible(HERE, environ)] == left


def lease(home: Path, wish: Wish, found: list[Gpu] = HERE) -> Lease | Taken:
    return acquire(home, wish, found, "me", {})


def test_the_emptiest_gpu_is_taken_and_nobody_gets_it_twice(tmp_path):
    first, second = lease(tmp_path, Wish(count=1)), lease(tmp_path, Wish(count=2))
    assert isinstance(first, Lease)
    assert isinstance(second, Lease)
    assert first.gpus == (1,), "the one without a process and with the most memory free"
    assert second.gpus == (0, 2)
    third = lease(tmp_path, Wish(count=1))
    assert isinstance(third, Taken)
    assert str(third) == "1 GPU wanted, 0 free: GPU 1 is leased by me; GPU 0 is leased by me; GPU 2 is leased by me"
    first.release()
    again = lease(tmp_path, Wish(pinned=(1,), count=1))
    assert isinstance(again, Lease)
    again.release()
    second.release()
    assert holder(tmp_path, 0) == ""


def test_all_or_none(tmp_path):
    one = lease(tmp_path, Wish((1,), 1))
    assert isinstance(lease(tmp_path, Wish((0, 1), 2)), Taken)
    assert holder(tmp_path, 0) == "", "the half that could be had was given back"
    assert isinstance(one, Lease)
    one.release()


def test_a_machine_without_a_gpu(tmp_path):
    assert lease(tmp_path, Wish(count=1), []) == Lease()
    named = lease(tmp_path, Wish((3,), 1), [])
    assert isinstance(named, Lease)
    assert named.gpus == (3,), "named GPUs are leased also where NVML is not installed"
    named.release()
    assert str(lease(tmp_path, Wish(count=5))) == "5 GPUs are wanted, 3 are here"


HOLD = """
import sys, time
from pathlib import Path
from lorabridge.run.leases import Wish, acquire
print(acquire(Path(sys.argv[1]), Wish((0,), 1), [], "the other").gpus, flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(not system.LINUX, reason="signals")
def test_a_crash_gives_the_lease_back(tmp_path):
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], env=environ, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "(0,)\n"
    assert holder(tmp_path, 0) == "the other"
    assert isinstance(lease(tmp_path, Wish((0,), 1)), Taken)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    mine = until(lambda: found if isinstance(found := lease(tmp_path, Wish((0,), 1)), Lease) else None, "the lease")
    mine.release()
