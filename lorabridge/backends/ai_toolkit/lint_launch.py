"""Commands that start the trainer: `python run.py [-r] [-n NAME] [-l LOGFILE] JOB...`."""

from __future__ import annotations

from pathlib import PurePosixPath

from lorabridge.backends.native import Findings, Launch, NativeFile, Word, launches
from lorabridge.backends.native.findings import nearest

_FLAGS = {"-r": False, "--recover": False, "-n": True, "--name": True, "-l": True, "--log": True, "-h": False, "--help": False}
_ENDINGS = (".yaml", ".yml", ".json", ".jsonc")


def check_launch(found: Findings, file: NativeFile) -> None:
    """All findings about one script."""
    starts = [launch for launch in launches(file) if launch.script == "run"]
    if not starts:
        if file.name.lower().endswith(".txt") or (not file.commands and not file.diagnostics):
            why = "the trainer reads .yaml, .yml, .json and .jsonc only, and stops at once"
            found.add("LB320", (file, ()), f"`{file.name}` is no job file by its name", why, "rename it to .yaml")
        return
    for launch in starts:
        _arguments(found, launch)
        _launcher(found, launch)


def names_given(file: NativeFile) -> bool:
    """Whether a script gives the job a name with `-n`."""
    return any(
        word.text in ("-n", "--name") or word.text.startswith("--name=")
        for launch in launches(file)
        if launch.script == "run"
        for word in launch.after
    )


def _arguments(found: Findings, launch: Launch) -> None:
    configs: list[Word] = []
    closed = False
    words = list(launch.after)
    while words:
        word = words.pop(0)
        flag, equals, value = word.text.partition("=")
        if not word.text.startswith("-") or word.text == "-":
            if closed and configs:
                why = "the trainer takes job files in one row only: argparse stops at once"
                found.add(
                    "LB315",
                    word.span,
                    f"`{word.text}` stands apart from the other job files",
                    why,
                    "put all job files side by side, after the options",
                )
            configs.append(word)
            _config(found, word)
            continue
        closed = bool(configs)
        known = next((name for name in _FLAGS if name == flag or (len(flag) > 3 and name.startswith(flag))), "")
        if not known:
            near = nearest(flag, _FLAGS)
            found.add(
                "LB310",
                word.span,
                f"unknown option `{flag}`",
                "the trainer stops at once",
                f"did you mean `{near}`?" if near else "its options are -r, -n and -l",
            )
            continue
        if _FLAGS[known]:
            given = Word(value, word.span) if equals else words.pop(0) if words else None
            if given is None or given.text.startswith("-"):
                found.add("LB318", word.span, f"`{flag}` wants a value", "the trainer stops at once", "write it after the option")
            else:
                _value(found, known, given)
    if not configs and not any(word.text in ("-h", "--help") for word in launch.after):
        found.add("LB318", launch.word.span, "no job file is named", "the trainer stops at once", "write the job file after run.py")


def _value(found: Findings, flag: str, word: Word) -> None:
    if (
        flag in ("-l", "--log")
        and word.known
        and not PurePosixPath(word.text.replace("\\", "/")).parent.name
        and not word.text.startswith(("./", "/", "../"))
    ):
        why = "the trainer makes its folder first, and there is none: it stops at once"
        found.add("LB315", word.span, f"`{word.text}` has no folder", why, f"write `./{word.text}`")


def _config(found: Findings, word: Word) -> None:
    text = word.text
    if word.literal and ("~" in text or "$" in text):
        found.add(
            "LB321",
            word.span,
            f"`{text}` is quoted: it is not expanded",
            "the file is not found",
            "remove the quotes, or write the whole path",
        )
    elif (
        word.known
        and PurePosixPath(text).suffix
        and PurePosixPath(text).suffix not in _ENDINGS
        and PurePosixPath(text).suffix.lower() in (".txt", ".toml", ".cfg", ".ini", ".py", *_ENDINGS)
    ):
        why = "the trainer reads .yaml, .yml, .json and .jsonc only"
        found.add("LB315", word.span, f"`{text}` is no job file by its name", why, "rename it to .yaml")


def _launcher(found: Findings, launch: Launch) -> None:
    if launch.launcher not in ("accelerate", "torchrun", "torch", "deepspeed"):
        return
    many = False
    for index, word in enumerate(launch.before):
        flag, _, value = word.text.partition("=")
        if flag in ("--num_processes", "--nproc_per_node", "--nproc-per-node", "--num_gpus"):
            value = value or (launch.before[index + 1].text if index + 1 < len(launch.before) else "")
            many = value.isdigit() and int(value) > 1
        many = many or flag == "--multi_gpu"
    if many or launch.launcher == "deepspeed":
        why = "its data are not divided among them: every process trains on all pictures"
        found.add(
            "LB317",
            launch.word.span,
            "the trainer is started on several processes",
            why,
            "start it with `python run.py` on one GPU",
            severity="warning",
        )
