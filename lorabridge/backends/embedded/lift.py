"""The way back: a job file to intent.

The file is read with the trainer's own model, so a key that it leaves out has the trainer's default. What equals the
language's default is not said again; what the language cannot say stays in `native`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lorabridge.backends.base import Lifted, Omit, Row
from lorabridge.backends.embedded.archs import DECAY, FAMILIES
from lorabridge.backends.embedded.rows import DATASET_ROWS, JOB_ROWS
from lorabridge.backends.embedded.samples import SETTINGS
from lorabridge.backends.engine import default_of
from lorabridge.config.amounts import Amount, Unit
from lorabridge.config.paths import split_path
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.table import FAMILIES as TABLE

_SAMPLINGS = {"logit_normal": "logit-normal", "auto_shift": "resolution-shift"}
_WEIGHTINGS = {"bell_shaped": "bell-shaped", "sigma_sqrt": "sigma-sqrt"}
_UNITS: tuple[Unit, ...] = ("steps", "epochs", "samples")
_WHOLE = ("optimizer.args", "adapter.targets")


@dataclass
class Lifting:
    """The state of one decompile: the flat job that is still to be read, and what was found."""

    rest: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def pop(self, key: str) -> Any:
        """Read a key once."""
        return self.rest.pop(key, None)

    def say(self, path: str, value: Any, at: str = "", *, always: bool = False) -> None:
        """Set a field of the language, unless the field means that anyway (`always`: even then)."""
        parts = split_path(path)
        general = "".join("[]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
        if value is None or (value == default_of(general) and not always):
            return
        here: Any = self.data
        for part in parts[:-1]:
            here = here[part] if isinstance(part, int) else here.setdefault(part, {})
        here[parts[-1]] = str(value) if isinstance(value, Amount) else value
        self.origins[path] = f"job:{at or path}"

    def move(self, key: str, path: str) -> None:
        """One key, one field, one value."""
        self.say(path, self.pop(key), key)

    def amount(self, key: str, path: str) -> Amount | None:
        """A length or a rhythm."""
        self.pop(key)
        for unit in _UNITS:
            value = self.pop(f"{key}.{unit}")
            if value is not None:
                self.say(path, Amount(value, unit), f"{key}.{unit}")
                return Amount(value, unit)
        return None

    def hint(self, message: str, why: str, fix: str) -> None:
        """A finding about what cannot be read back."""
        self.diagnostics.append(Diagnostic("LB302", message, None, "hint", why, fix))


def lift(sources: Mapping[str, str]) -> Lifted:
    """Read a job back."""
    from lorabridge.backends.embedded.trainer.job import JobError, parse_job

    found: list[Diagnostic] = []
    for file, text in sources.items():
        if not file.endswith(".json") or '"datasets"' not in text:
            continue
        try:
            job = parse_job(text)
        except JobError as error:
            found += [Diagnostic("LB104", f"`{file}` is no job: {finding}") for finding in error.findings]
            continue
        return _read(job.model_dump(mode="json"), _written(job.model_dump(mode="json", exclude_unset=True)))
    if not found:
        found.append(
            Diagnostic("LB104", "there is no job file among these", None, "error", "the intent cannot be read without it", "add `job.json`")
        )
    return Lifted({}, diagnostics=tuple(found))


def _read(job: dict[str, Any], written: dict[str, Any]) -> Lifted:
    tables: list[dict[str, Any]] = job.pop("datasets")
    work = Lifting(_flat(job))
    work.data = {"lorabridge": 1, "datasets": [{} for _ in tables]}
    work.pop("version")
    work.move("name", "name")
    _model(work)
    work.say("train.ema.decay", work.pop("ema_decay"), "ema_decay", always=True)
    _rows(work, JOB_ROWS, "", work.rest)
    _adapter(work)
    length = work.amount("train.length", "train.for")
    _training(work, "train.threads" in written)
    _noise(work)
    _datasets(work, tables)
    _results(work, length)
    left = {key: value for key, value in work.rest.items() if key in written}
    left |= {
        f"datasets.{i}.{key}": value for i, table in enumerate(tables) for key, value in table.items() if f"datasets.{i}.{key}" in written
    }
    return Lifted(work.data, work.origins, {f"job:{key}": value for key, value in left.items()}, tuple(work.diagnostics))


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value and f"{prefix}{key}" not in _WHOLE:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _written(given: dict[str, Any]) -> dict[str, Any]:
    """What the file says itself; off switches need no saying."""
    tables = dict(enumerate(given.pop("datasets")))
    flat = _flat(given) | _flat({f"datasets.{index}": table for index, table in tables.items()})
    return {key: value for key, value in flat.items() if value not in (None, "none")}


def _rows(work: Lifting, rows: tuple[Row, ...], here: str, table: dict[str, Any]) -> None:
    for row in rows:
        key = row.at.partition(":")[2]
        if key and key in table:
            path = here + row.path.removeprefix("datasets[]") if here else row.path
            work.say(path, _unspell(row, table.pop(key)), f"{here}.{key}" if here else key)


def _unspell(row: Row, value: Any) -> Any:
    """The word or the value; nothing for a key that is null because it was left out."""
    for word, spelled in row.words.items():
        if not isinstance(spelled, Omit) and spelled == value and type(spelled) is type(value):
            return word
    return value if value is None or row.back is None else row.back(value)


def _model(work: Lifting) -> None:
    name = {native: word for word, native in FAMILIES.items()}[work.pop("model.family")]
    work.say("model.family", name, "model.family")
    place = str(work.rest["model.path"])
    work.move("model.path", "model.paths.repo")
    last = _last(place)
    fits = [variant.name for variant in TABLE[name].variants if _last(variant.repo) == last]
    if fits:
        work.say("model.variant", fits[0], "model.path")
    else:
        first = TABLE[name].variants[0].name
        work.hint(
            f"the variant of `{place}` is not known",
            "a job does not name it",
            f"it is read as `{first}`; set `model.variant` if it is another",
        )
    work.move("adapter.training_adapter", "model.training_adapter.path")


def _last(place: str) -> str:
    return place.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()


def _adapter(work: Lifting) -> None:
    work.move("adapter.init_from", "adapter.init_from")
    targets = work.pop("adapter.targets")
    if not isinstance(targets, Mapping):
        work.say("adapter.targets.layers", None if targets == "attention" else targets, "adapter.targets")
        return
    texts = {key: [_tame(wild) for wild in targets[key]] for key in ("include", "exclude")}
    if any(text is None for found in texts.values() for text in found):
        work.rest["adapter.targets"] = targets
        return
    for key, found in texts.items():
        work.say(f"adapter.targets.{key}", found, "adapter.targets")


def _tame(wild: str) -> str | None:
    """The text of `*text*`; None for any other pattern."""
    text = wild[1:-1] if len(wild) > 2 and wild.startswith("*") and wild.endswith("*") else ""
    marks = {"[*]": "\0", "[?]": "\1", "[[]": "\2"}
    for mark, stand_in in marks.items():
        text = text.replace(mark, stand_in)
    if not text or any(letter in text for letter in "*?["):
        return None
    return text.replace("\0", "*").replace("\1", "?").replace("\2", "[")


def _training(work: Lifting, said: bool) -> None:
    work.move("train.batch_size", "train.batch_size")
    work.move("train.seed", "train.seed")
    work.move("resume", "train.resume_from")
    work.move("output", "output.dir")
    threads = work.pop("train.threads")
    meant = threads > 1 or (said and work.data.get("hardware", {}).get("device") == "cuda")
    work.say("hardware.threads", threads if meant else None, "train.threads")
    name = work.pop("optimizer.type")
    work.say("optimizer.type", name, always=True)  # where nothing is written, it is AdamW here
    decay = work.pop("optimizer.weight_decay")
    work.say("optimizer.weight_decay", None if decay == DECAY[name] else decay, "optimizer.weight_decay")
    for key in ("lr", "betas", "eps", "args"):
        work.move(f"optimizer.{key}", f"optimizer.{key}")
    steps = work.pop("scheduler.warmup_steps")
    work.say("scheduler.warmup", Amount(steps, "steps") if steps else None, "scheduler.warmup_steps")
    word, weight, every = (work.pop(f"preservation.{key}") for key in ("class_word", "multiplier", "every"))
    if word is not None:
        work.say("preservation.class", word, "preservation.class_word")
        work.say("preservation.multiplier", weight)
        work.say("preservation.every", Amount(every, "steps"))


def _noise(work: Lifting) -> None:
    word = work.pop("noise.timestep_sampling")
    work.say("noise.timestep_sampling", _SAMPLINGS.get(word, word))
    shift = work.pop("noise.shift")
    work.say("noise.shift", shift if word == "shift" else None)
    weighting, gamma = work.pop("noise.weighting"), work.pop("noise.min_snr_gamma")
    if weighting == "min_snr":
        work.say("loss.min_snr_gamma", gamma, "noise.min_snr_gamma")
    else:
        work.say("noise.weighting", _WEIGHTINGS.get(weighting, weighting))
    work.say("noise.offset", work.pop("noise.noise_offset") or None, "noise.noise_offset")


def _datasets(work: Lifting, tables: list[dict[str, Any]]) -> None:
    words = {table["trigger"] for table in tables if not table["regularization"]}
    common = words.pop() if len(words) == 1 else None
    work.say("trigger", common, "datasets.0.trigger")
    for index, table in enumerate(tables):
        here = f"datasets[{index}]"
        inherited = None if table["regularization"] else common
        _rows(work, DATASET_ROWS, here, table)
        for key, path in (("images", "images"), ("masks", "masks"), ("caption_shuffle", "captions.shuffle")):
            work.say(f"{here}.{path}", table.pop(key), f"datasets.{index}.{key}")
        trigger = table.pop("trigger")
        if trigger != inherited:
            work.say(f"{here}.trigger", trigger or "", f"datasets.{index}.trigger")
    folder, own = work.pop("cache"), f"{work.data.get('output', {}).get('dir', default_of('output.dir'))}/cache"
    for index in range(len(tables) if folder != own else 0):
        work.say(f"datasets[{index}].cache_dir", folder, "cache")


def _results(work: Lifting, length: Amount | None) -> None:
    work.amount("save.every", "save.every")
    prompts = work.pop("sample.prompts")
    if not prompts:
        for key in [key for key in work.rest if key.startswith("sample.")]:
            work.pop(key)
        return
    work.say("sample.prompts", list(prompts))
    if work.amount("sample.every", "sample.every") is None and length is not None and length.unit != "samples":
        work.say("sample.every", length)  # drawn at the end only
    work.say("sample.before", work.pop("sample.at_start"), "sample.at_start")
    work.move("sample.without_trigger", "sample.without_trigger")
    for key in SETTINGS:
        work.move(f"sample.{key}", f"sample.{key}")
    if work.rest.get("sample.at_end"):
        work.pop("sample.at_end")
