"""Ask a trainer's own configuration code what it makes of a compiled plan, and compare it with what was meant."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

import lorabridge
from lorabridge.backends import BACKENDS, get_backend
from lorabridge.backends.base import Installation, Plan, Site
from lorabridge.backends.probes.answer import MARK
from lorabridge.backends.proving import NOTHING, Claim, Prover, Question, Row
from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.claims import claims
from lorabridge.plan.compile import compile_config
from lorabridge.plan.write import python_variable, write_files

LIMIT_S = 120.0
"""Seconds that the trainer's Python gets for all questions of a plan together."""
LONGEST = 16 * 2**20
"""Bytes of output that are read."""
_PASSED = ("PATH", "SYSTEMROOT", "HOME", "USERPROFILE", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV", "CONDA_PREFIX")
_OFFLINE = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
}


class CannotAskError(Exception):
    """The trainer cannot be asked: `code` is LB333 where it is not there, LB334 where it gave no answer."""

    def __init__(self, code: str, message: str, why: str, fix: str) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code, message, None, "error", why, fix)


@dataclass(frozen=True)
class Proof:
    """All rows, and what the trainer's code refused. `commit` is the installation's, where it is known."""

    backend: str
    home: Path
    commit: str
    rows: tuple[Row, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the trainer uses what was meant, in every row."""
        return not self.refusals and all(row.verdict == "same" for row in self.rows)


def prove_config(
    loaded: Loaded,
    backend: str,
    root: str,
    source: str,
    unsupported: Literal["error", "warn"] = "error",
    trainer: str | None = None,
    seed: int | None = None,
) -> tuple[Plan, Proof | None]:
    """Compile into a folder of its own and ask about that; None when the config does not compile. Raises CannotAskError."""
    installation = installed(backend, trainer, os.environ)
    with tempfile.TemporaryDirectory(prefix="lorabridge-prove-") as made:
        site = Site(root=root, unsupported=unsupported, seed=seed, source=source, files=Path(made).as_posix())
        plan = compile_config(loaded, backend, site)
        if not plan.ok:
            return plan, None
        write_files(Path(made), plan.files)
        return plan, prove(plan, Path(made), installation)


def prove(plan: Plan, folder: Path, installation: Installation) -> Proof:
    """Ask about a plan whose files lie in `folder`. Raises CannotAskError."""
    prover = prover_of(plan.backend)
    where = folder.as_posix()
    questions = list(prover.questions(plan, where))
    answers = ask(plan.backend, questions, folder, installation)
    promised = claims(plan, prover, get_backend(plan.backend).COMMIT, where)
    rows = tuple(row for claim in promised for row in _row(claim, questions, answers, prover))
    refusals = tuple((question.name, text) for question, answer in zip(questions, answers, strict=True) for text in _errors(answer))
    named = {question.name: answer for question, answer in zip(questions, answers, strict=True)}
    return Proof(plan.backend, installation.home, installation.commit, rows, refusals, named)


def prover_of(backend: str) -> Prover:
    """The backend's `prove` module. Raises CannotAskError where it has none."""
    try:
        return cast(Prover, import_module(f"{BACKENDS[backend]}.prove"))
    except (KeyError, ModuleNotFoundError):
        raise CannotAskError("LB333", f"{backend} cannot be asked", "its backend has no probe", "compile without `--prove`") from None


def installed(backend: str, trainer: str | None, environ: Mapping[str, str]) -> Installation:
    """The trainer at `trainer`, or where `locate` finds it. Raises CannotAskError with the next step."""
    variable = python_variable(backend).removesuffix("_PYTHON")
    found = get_backend(backend).locate({**environ, f"{variable}_HOME": trainer} if trainer else environ)
    title = get_backend(backend).TITLE
    step = f"name its checkout: `--trainer PATH`, or export {variable}_HOME (and {variable}_PYTHON for its interpreter)"
    if found is None:
        raise CannotAskError("LB333", f"{title} was not found on this machine", "only the trainer itself can say what it will use", step)
    if not found.python.is_file():
        raise CannotAskError("LB333", f"{title} has no Python: {found.python} does not exist", "its own interpreter has to be asked", step)
    missing = [text for text in found.problems if "no such checkout" in text or "another layout" in text]
    if missing:
        raise CannotAskError("LB333", missing[0], "only the trainer itself can say what it will use", step)
    return found


def ask(backend: str, questions: Sequence[Question], folder: Path, installation: Installation) -> list[dict[str, Any]]:
    """Run the backend's probe in the trainer's Python; one answer per question. Raises CannotAskError.

    No GPU is visible, hubs are offline, the environment holds no secrets, and nothing outside `folder` is written.
    """
    text = "".join(json.dumps({"id": index, "home": str(installation.home), **item.ask}) + "\n" for index, item in enumerate(questions))
    with tempfile.TemporaryDirectory(prefix="lorabridge-probe-") as made:
        tree = _tree(backend, Path(made), installation.home)
        code = f"import sys; sys.path.insert(0, {str(tree)!r}); from {BACKENDS[backend]}.probe import main; main()"
        argv = [str(installation.python), "-B", "-c", code, str(installation.home), str(folder)]
        out, err = Path(made, "out"), Path(made, "err")
        status = _run(argv, text, out, err, folder)
        answers = _answers(out)
        if len(answers) == len(questions):
            return answers
        tail = err.read_bytes()[-4000:].decode("utf-8", "replace").strip().splitlines()
    step = f"run it by hand to see more; is this the Python that the trainer runs in? It is set by {python_variable(backend)}"
    raise CannotAskError(
        "LB334", f"{backend}'s configuration code gave no answer: {status}", tail[-1] if tail else "it printed nothing", step
    )


def _tree(backend: str, made: Path, home: Path) -> Path:
    """A folder to import the probe from: ours alone, so that nothing of this environment reaches the trainer's."""
    package = Path(lorabridge.__file__).parent
    if (home / "lorabridge" / "backends" / "probes").is_dir():
        return home
    part = BACKENDS[backend].split(".")[1:]
    for folder in (made / "lorabridge", made / "lorabridge" / "backends", made.joinpath("lorabridge", *part)):
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
    shutil.copytree(
        package / "backends" / "probes", made / "lorabridge" / "backends" / "probes", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(package.joinpath(*part, "probe.py"), made.joinpath("lorabridge", *part))
    return made


def _run(argv: list[str], text: str, out: Path, err: Path, folder: Path) -> str:
    env = {name: os.environ[name] for name in _PASSED if name in os.environ} | _OFFLINE
    with out.open("wb") as stdout, err.open("wb") as stderr:
        try:
            done = subprocess.run(
                argv, input=text.encode(), stdout=stdout, stderr=stderr, env=env, cwd=folder, timeout=LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {LIMIT_S:.0f} s"
        except OSError as error:
            return str(error.strerror or error)
    return f"exit code {done.returncode}"


def _answers(out: Path) -> list[dict[str, Any]]:
    with out.open("rb") as stream:
        text = stream.read(LONGEST).decode("utf-8", "replace")
    found = []
    for line in text.splitlines():
        if line.startswith(MARK):
            try:
                found.append(json.loads(line[len(MARK) :]))
            except ValueError:
                continue
    return sorted(found, key=lambda item: item.get("id", 0))


def _errors(answer: Mapping[str, Any]) -> Iterator[str]:
    if answer.get("error"):
        yield str(answer["error"])
    yield from map(str, answer.get("errors", ()))


def _row(claim: Claim, questions: Sequence[Question], answers: Sequence[Mapping[str, Any]], prover: Prover) -> Iterator[Row]:
    """A claim beside each answer that covers its document; equal ones once."""
    seen = []
    for question, answer in zip(questions, answers, strict=True):
        used = answer.get("used", {}).get(claim.document)
        if claim.document not in question.documents or not used:
            continue
        row = _judged(claim, used, answer, prover)
        if row is not None and row not in seen:
            seen.append(row)
            yield row


def _judged(claim: Claim, used: Mapping[str, Any], answer: Mapping[str, Any], prover: Prover) -> Row | None:
    if claim.key not in used:
        return None if claim.left_out else Row(claim, "unread", NOTHING, "the trainer never reads it")
    value = used[claim.key]
    choices = answer.get("outside", {}).get(claim.document, {}).get(claim.key)
    if choices and not claim.left_out:
        return Row(claim, "outside", value, f"its parser lists {', '.join(choices)}, and does not look at values from a file")
    if prover.same(claim, value):
        return Row(claim, "same", value)
    note = f"its default was {claim.value!r} where the meaning was read ({claim.evidence})" if claim.left_out else ""
    return Row(claim, "differs", value, note)


CODES = {"differs": "LB330", "unread": "LB331", "outside": "LB335"}


def findings(proof: Proof, loaded: Loaded) -> list[Diagnostic]:
    """The rows that differ, and the refusals, as diagnostics at the lines of the config."""
    title = get_backend(proof.backend).TITLE
    found = [
        Diagnostic("LB332", f"{title}'s own code refuses the compiled files ({name})", loaded.place("name"), "error", text, _REPORT, "")
        for name, text in proof.refusals
    ]
    for row in proof.rows:
        if row.verdict == "same":
            continue
        claim = row.claim
        code = "LB336" if claim.left_out else CODES[row.verdict]
        meant = "left out" if claim.left_out else repr(claim.value)
        message = f"`{claim.key}`: meant {meant}, {title} uses {row.used!r}"
        path = claim.path
        found.append(
            Diagnostic(code, message, loaded.place(path or "name"), "error", row.note or f"read from {claim.document}", _FIXES[code], path)
        )
    return found


_REPORT = "`lorabridge doctor` says whether the trainer is at a commit that lorabridge knows; if it is, this is a defect of lorabridge"
_FIXES = {
    "LB330": _REPORT,
    "LB331": "remove it if it is a native option of yours; otherwise: " + _REPORT,
    "LB335": "write one of the choices",
    "LB336": "write the value out under `backends`, or use the commit that lorabridge knows",
}
