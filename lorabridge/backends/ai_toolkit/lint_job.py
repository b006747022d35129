"""A process of a job as the rules see it: sections, what loads the model, whether pictures are sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lorabridge.backends.ai_toolkit.archs import Arch
from lorabridge.backends.ai_toolkit.lint_tables import LEGACY, OLD_FLAGS, archs, known_archs
from lorabridge.backends.native import Findings, NativeFile
from lorabridge.config.paths import KeyPath
from lorabridge.diagnostics import Severity

Where = tuple[NativeFile, KeyPath]


@dataclass(frozen=True)
class Process:
    """One entry of `config.process`, and where it stands."""

    file: NativeFile
    path: KeyPath
    data: dict[str, Any]
    found: Findings

    def section(self, name: str) -> dict[str, Any]:
        """A section, empty where it is absent or no mapping."""
        value = self.data.get(name)
        return value if isinstance(value, dict) else {}

    def get(self, section: str, key: str, default: Any = None) -> Any:
        """A value, or the default where the key is absent."""
        return self.section(section).get(key, default)

    def at(self, *keys: str | int) -> Where:
        """A place below this process."""
        return self.file, (*self.path, *keys)

    def say(
        self,
        code: str,
        keys: tuple[str | int, ...],
        message: str,
        why: str = "",
        fix: str = "",
        severity: Severity = "error",
        on: Literal["key", "value"] = "value",
    ) -> None:
        """Add a finding at a place below this process."""
        self.found.add(code, self.at(*keys), message, why, fix, severity=severity, on=on)

    @property
    def kind(self) -> str:
        value = self.data.get("type")
        return value if isinstance(value, str) else ""

    @property
    def datasets(self) -> list[tuple[int, dict[str, Any]]]:
        """The datasets that are mappings, with their places in the list."""
        value = self.data.get("datasets")
        return [(index, entry) for index, entry in enumerate(value) if isinstance(entry, dict)] if isinstance(value, list) else []

    @property
    def arch_name(self) -> str:
        """The architecture that the trainer ends up with; `sd1` where it falls back."""
        written = self.get("model", "arch")
        if isinstance(written, str):
            name = written.partition(":")[0]
            return "flux" if name == "flex1" else name if name in known_archs() else "sd1"
        return next((name for flag, name in OLD_FLAGS.items() if truthy(self.get("model", flag))), "sd1")

    @property
    def arch(self) -> Arch | None:
        """What its loader honours."""
        return archs().get(self.arch_name)

    @property
    def arch_known(self) -> bool:
        """Whether the architecture is one that was written, not one that the trainer falls back to."""
        written = self.get("model", "arch")
        if written is None:
            return any(truthy(self.get("model", flag)) for flag in OLD_FLAGS)
        return isinstance(written, str) and written.partition(":")[0] in known_archs()

    @property
    def flows(self) -> bool:
        """Whether the architecture is trained by flow matching."""
        return self.arch is None or self.arch.scheduler == "flowmatch"

    @property
    def legacy(self) -> bool:
        """Whether the old loader is used, which builds the noise scheduler that the job names."""
        return self.arch_name in LEGACY

    @property
    def trains(self) -> bool:
        """Whether there is a train section to look at."""
        return bool(self.section("train"))

    @property
    def samples(self) -> bool:
        """Whether the trainer makes pictures while it trains."""
        if truthy(self.get("train", "disable_sampling")):
            return False
        sample = self.section("sample")
        listed = sample.get("samples", sample.get("prompts"))
        return bool(listed) or bool(self.section("first_sample"))


def truthy(value: Any) -> bool:
    """What `if value:` does in the trainer: any text but the empty one is true."""
    return bool(value)


def number(value: Any) -> bool:
    """Whether a value is a number and no switch."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def spell(value: Any) -> str:
    """A value as it is written in YAML, short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
