"""Commands that start the trainer."""

from __future__ import annotations

import pytest

from lorabridge.plan.native import check_texts
from tests.native.ai_toolkit.helpers import GONE, text, told


def found(script: str) -> list[str]:
    return [line.partition(": ")[0] for line in told(check_texts({"train.sh": script}, trainer="ai-toolkit"))]


@pytest.mark.parametrize(
    "script",
    [
        "python run.py config/job.yaml\n",
        "cd ai-toolkit && python run.py -r -n cat -l ./log.txt a.yaml b.yml c.json\n",
        "CUDA_VISIBLE_DEVICES=1 python3 run.py person_v1\n",
        "python run.py --name=cat --log=logs/x.txt job.yaml\n",
        "accelerate launch run.py job.yaml\n",
        "accelerate launch --num_processes 1 run.py job.yaml\n",
        "python run.py --recover job.yaml\n",
        'python run.py "$JOB"\n',
    ],
)
def test_good(script: str) -> None:
    assert found(script) == []


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("python run.py\n", "error[LB318] "),
        ("python run.py -r\n", "error[LB318] "),
        ("python run.py --config job.yaml\n", "error[LB310] "),
        ("python run.py -x job.yaml\n", "error[LB310] "),
        ("python run.py --nmae cat job.yaml\n", "error[LB310] "),
        ("python run.py a.yaml -r b.yaml\n", "error[LB315] "),
        ("python run.py -l log.txt job.yaml\n", "error[LB315] "),
        ("python run.py job.yaml -n\n", "error[LB318] "),
        ("python run.py job.toml\n", "error[LB315] "),
        ("python run.py job.txt\n", "error[LB315] "),
        ("python run.py '~/job.yaml'\n", "error[LB321] "),
        ("accelerate launch --num_processes 2 run.py job.yaml\n", "warning[LB317] "),
        ("accelerate launch --multi_gpu run.py job.yaml\n", "warning[LB317] "),
        ("torchrun --nproc_per_node=2 run.py job.yaml\n", "warning[LB317] "),
        ("deepspeed run.py job.yaml\n", "warning[LB317] "),
    ],
)
def test_bad(script: str, code: str) -> None:
    assert code.strip() in [line.strip() for line in found(script)]


def test_a_name_on_the_command_line_stands_for_the_job_s() -> None:
    nameless = text({"/config.name": GONE})
    assert told(check_texts({"train.sh": "python run.py -n cat job.yaml\n", "job.yaml": nameless})) == []
    assert told(check_texts({"train.sh": "python run.py job.yaml\n", "job.yaml": nameless})) != []
