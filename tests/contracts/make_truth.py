"""Condense dumps of the trainers' real parsers and config classes into `truth/*.json`: names, types, defaults, choices.

    python tests/contracts/make_truth.py DUMPS

`DUMPS` holds `musubi/args.json` (argparse actions, captured by running each script up to `parse_args`),
`diffusion_pipe/args.json` (the same for `train.py`) and `ai_toolkit/fields.json` (the config classes' fields).
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "truth"
SECTIONS = {
    "sample (also first_sample)": "sample",
    "datasets[] (reference/slider trainers)": "slider.datasets[] (image_reference_slider_trainer)",
    "slider (legacy TrainSliderProcess)": "slider (slider)",
    "slider.targets[]": "slider.targets[] (slider)",
    "slider.anchors[]": "slider.anchors[] (slider)",
    "config (job level)": "config",
    "config.process[0] (process level)": "process",
}
"""The dump's names of sections that a contract calls otherwise."""
PLACED = ("config.process[0] (process level)", "slider")
"""A key that the dump lists for every process type, and that one of them reads."""


def main(dumps: Path) -> None:
    """Write the three files."""
    scripts = {name: item["args"] for name, item in _read(dumps / "musubi/args.json").items()}
    _write("musubi", "30c658c4f4b0bf05038b3346eff9670259b10fc7", *_options(scripts))
    flags = {"args": _read(dumps / "diffusion_pipe/args.json")["train"]}
    _write("diffusion-pipe", "8f83dbf25d03219df705570ec03e62be04bc402f", *_options(flags))
    _write("ai-toolkit", "27a03a91f23eb1b757d5ec2e80ee3e129cfcc350", *_fields(_read(dumps / "ai_toolkit/fields.json")))


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _options(scripts: dict[str, list[dict[str, Any]]]) -> tuple[list[str], dict[str, list[int]]]:
    rows: list[str] = []
    used: dict[str, list[int]] = {}
    for script, actions in sorted(scripts.items()):
        for action in actions:
            row = json.dumps(_option(action))
            if row not in rows:
                rows.append(row)
            used.setdefault(script, []).append(rows.index(row))
    return rows, used


def _option(action: dict[str, Any]) -> dict[str, Any]:
    flags = action.get("option_strings") or action.get("flags") or []
    long = next((flag for flag in flags if flag.startswith("--")), action["dest"])
    row = {
        "name": long.lstrip("-"),
        "dest": action["dest"],
        "type": (action["type"] or "").rpartition(".")[2] or None,
        "default": action["default"],
        "choices": action["choices"],
        "nargs": action["nargs"] or None,
        "required": action["required"],
    }
    return {key: value for key, value in row.items() if key == "default" or (value is not None and value is not False)}


def _fields(classes: dict[str, Any]) -> tuple[list[str], dict[str, list[int]]]:
    rows: list[str] = []
    used: dict[str, list[int]] = {}
    for title, block in classes.items():
        for name, facts in {} if title.startswith("$") else block["fields"].items():
            section = "process (concept_slider)" if (title, name) == PLACED else SECTIONS.get(title, title)
            default = _written(facts["default"]) if "at" in facts else facts["default"]
            computed = isinstance(default, dict) and "$expr" in default
            found = {"name": name, "default": None, "computed": True} if computed else {"name": name, "default": default}
            row = json.dumps(
                found | ({"type": facts["annotation"]} if facts.get("annotation") in ("int", "float", "bool", "str", "dict") else {})
            )
            if row not in rows:
                rows.append(row)
            used.setdefault(section, []).append(rows.index(row))
    return rows, used


def _written(text: Any) -> Any:
    try:
        return ast.literal_eval(text) if isinstance(text, str) else text
    except (SyntaxError, ValueError):
        return {"$expr": text}


def _write(trainer: str, commit: str, rows: list[str], used: dict[str, list[int]]) -> None:
    body = ",\n".join(f"  {row}" for row in rows)
    sections = ",\n".join(f"  {json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in sorted(used.items()))
    text = f'{{\n "trainer": "{trainer}", "commit": "{commit}",\n "rows": [\n{body}\n ],\n "sections": {{\n{sections}\n }}\n}}\n'
    (HERE / f"{trainer}.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
