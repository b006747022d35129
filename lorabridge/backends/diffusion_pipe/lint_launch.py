"""Launch commands: flags of `train.py`, and what the deepspeed launcher makes of its own."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from lorabridge.backends.diffusion_pipe.contract import contract
from lorabridge.backends.diffusion_pipe.lint_job import Start
from lorabridge.backends.native import Argument, Findings, Launch, NativeFile, arguments, launches
from lorabridge.backends.native.findings import nearest

_SWITCHES = (
    "--force_multi",
    "--no_python",
    "--module",
    "--no_local_rank",
    "--no_ssh",
    "--no_ssh_check",
    "--enable_each_rank_log",
    "--bind_cores_to_rank",
    "--elastic_training",
)
_QUITS = {
    "cache_only": "the latents and text embeddings are cached, nothing is trained",
    "dump_dataset": "the dataset is written out, nothing is trained (flux only)",
    "test_sample": "one picture is made, nothing is trained",
}
_RESETS = ("reset_dataloader", "reset_optimizer", "reset_optimizer_params")


def check_launches(found: Findings, file: NativeFile) -> list[Start]:
    """The rules about each start of `train.py` in a script; returns what they say to the other files."""
    return [_launch(found, launch) for launch in launches(file) if launch.script == "train"]


def _launch(found: Findings, launch: Launch) -> Start:
    flags = _flags(found, launch)
    before = arguments(launch.before[1:])
    _launcher(found, launch, before)
    _together(found, launch, flags)
    config = flags.get("config")
    values: dict[str, str | None] = {name: item.values[0].text if item and item.values else None for name, item in flags.items()}
    return Start(launch.word.span, values.get("config") or "" if config else "", values, _gpus(launch, before))


def _flags(found: Findings, launch: Launch) -> dict[str, Argument]:
    known: dict[str, Any] = contract()["args"]
    flags: dict[str, Argument] = {}
    for item in arguments(launch.after):
        if not item.name:
            found.add(
                "LB310",
                item.word.span,
                f"`{item.word.text}` stands alone",
                "unrecognized argument: the trainer exits with 2 at once",
                "remove it, or write the flag before it",
            )
            continue
        name = item.name.removeprefix("--")
        full = [name] if name in known else [word for word in known if word.startswith(name)] if item.name.startswith("--") else []
        if len(full) != 1:
            near = nearest(name.lstrip("-"), known)
            fix = f"did you mean `--{near}`?" if near else _home(name)
            found.add("LB310", item.word.span, f"`{item.name}` is no flag of train.py", "the trainer exits with 2 at once", fix)
            continue
        flags[full[0]] = item
        _values(found, item, full[0], known[full[0]])
    return flags


def _home(name: str) -> str:
    facts = contract()
    if name in facts["main"] or any(name in keys for keys in facts["model"].values()) or name in facts["adapter"]:
        return "write it in the TOML file: the command line does not take it"
    return "remove it"


def _values(found: Findings, item: Argument, name: str, facts: dict[str, Any]) -> None:
    kind, count = facts.get("type", ""), len(item.values)
    wanted = "none" if kind == "flag" else "at most one" if "|" in kind else "one"
    if (kind == "flag" and count) or (kind != "flag" and count > 1) or (wanted == "one" and not count):
        found.add(
            "LB315",
            item.word.span,
            f"`--{name}` takes {wanted} value{'s' if wanted == 'none' else ''}",
            "the trainer exits with 2 at once",
            "mend the command",
        )
    elif kind == "int" and count and item.values[0].known and not item.values[0].text.lstrip("-").isdigit():
        found.add(
            "LB313",
            item.values[0].span,
            f"`--{name} {item.values[0].text}` is no whole number",
            "the trainer exits with 2 at once",
            "write a number",
        )
    for word in item.values:
        if word.literal and word.text.startswith(("~", "$")):
            found.add(
                "LB321", word.span, f"`{word.text}` is not expanded here", "the trainer takes it letter by letter", "write the whole path"
            )
    if name in ("deepspeed_config", "deepscale_config"):
        why = "AssertionError after the models are loaded: the trainer makes that configuration itself"
        found.add("LB315", item.word.span, f"`--{name}` cannot be used", why, "remove it")
    elif name in _QUITS:
        found.add(
            "LB323", item.word.span, f"`--{name}` ends the run early, with success", _QUITS[name], "remove it to train", severity="hint"
        )


def _launcher(found: Findings, launch: Launch, before: list[Argument]) -> None:
    if launch.launcher != "deepspeed":
        why = "it needs --local_rank and the variables of that launcher; without them it fails at once, or some model types do"
        found.add(
            "LB319",
            launch.word.span,
            "train.py must be started by `deepspeed`",
            why,
            "write `deepspeed --num_gpus=1 train.py --deepspeed --config ...`",
            severity="warning",
        )
        return
    given = {item.name: item for item in before if item.name}
    if item := given.get("--master_port"):
        why = "train.py overwrites the port with its own --master_port (29500), and two runs on a machine meet there"
        found.add(
            "LB312", item.word.span, "`--master_port` before train.py has no effect", why, "write it after train.py", severity="warning"
        )
    include = given.get("--include") or given.get("-i")
    counted = next((given[name] for name in ("--num_gpus", "--num_nodes") if name in given), None)
    if include and counted:
        why = "the launcher refuses both together, at once"
        found.add(
            "LB319",
            include.word.span,
            f"`--include` and `{counted.name}` exclude each other",
            why,
            f"remove `{counted.name}`",
            related=[(counted.word.span, "the other one")],
        )
    visible = launch.env.get("CUDA_VISIBLE_DEVICES")
    count = _number(given.get("--num_gpus"))
    if visible is not None and visible.known and count is not None and not include:
        wanted = [part.strip() for part in visible.text.split(",") if part.strip()]
        if wanted[:count] != [str(number) for number in range(count)]:
            why = "the launcher discards it when --num_gpus is given, and takes the first GPUs"
            found.add(
                "LB317",
                visible.span,
                f"GPU {visible.text} is not used",
                why,
                f"write --include localhost:{visible.text} instead of both",
                severity="warning",
            )


def _number(item: Argument | None) -> int | None:
    text = item.values[0].text if item and item.values else ""
    return int(text) if text.isdigit() else None


def _gpus(launch: Launch, before: list[Argument]) -> int | None:
    if launch.launcher != "deepspeed":
        return None
    given = {item.name: item for item in before if item.name and item.name not in _SWITCHES}
    if "--hostfile" in given or "-H" in given:
        return None
    include = given.get("--include") or given.get("-i")
    if include and include.values:
        parts = [part.partition(":")[2] for part in include.values[0].text.split("@")]
        return sum(len(part.split(",")) for part in parts) if all(parts) else None
    count = _number(given.get("--num_gpus"))
    if count is not None and count > 0:
        return count * (_number(given.get("--num_nodes")) or 1)
    visible = launch.env.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.known and visible.text and "--num_gpus" not in given:
        return len(visible.text.split(","))
    return None


def _together(found: Findings, launch: Launch, flags: dict[str, Argument]) -> None:
    if "config" not in flags:
        found.add("LB318", launch.word.span, "`--config` is missing", "TypeError at once", "write --config FILE.toml")
    if "resume_from_checkpoint" not in flags:
        for name in _RESETS:
            if name in flags:
                why = "it only matters when a checkpoint is loaded"
                found.add(
                    "LB312",
                    flags[name].word.span,
                    f"`--{name}` has no effect",
                    why,
                    "add --resume_from_checkpoint, or `resume_from_checkpoint` in the file",
                    severity="warning",
                )
    elif (value := flags["resume_from_checkpoint"].values) and PurePosixPath(value[0].text).is_absolute():
        why = "the folder's name below `output_dir` is expected; a path of its own replaces `output_dir`"
        found.add("LB317", value[0].span, "a whole path to resume from", why, "write the folder's name", severity="hint")
    if "regenerate_cache" in flags and "trust_cache" in flags:
        why = "one makes the cache anew, the other does not look whether it is old"
        found.add(
            "LB319",
            flags["trust_cache"].word.span,
            "`--trust_cache` and `--regenerate_cache` together",
            why,
            "keep one of them",
            severity="warning",
        )
