"""The model section: which loader is taken, and what that loader honours."""

from __future__ import annotations

import re

from lorabridge.backends.ai_toolkit.lint_job import Process, spell, truthy
from lorabridge.backends.ai_toolkit.lint_tables import OLD_FLAGS, QTYPES, known_archs
from lorabridge.backends.native.findings import nearest

_SD15 = re.compile(
    r"stable-diffusion-v1|sd[-_.]?v?1[-_.]?[45]|v1[-_.][45]|sd1(?![0-9])|sd15|dreamshaper|realistic[-_]vision", re.IGNORECASE
)
_SD15_NAME = re.compile(r"(sd|stable[-_]?diffusion)([-_]?v?1([-_.]?[0-9])?)?", re.IGNORECASE)
_FILE = (".safetensors", ".ckpt", ".pt", ".bin", ".gguf")
_NO_FILE = ("flux", "flux_kontext", "flex2", "lumina2", "sd3", "wan21", "wan21_i2v", "wan22_14b", "wan22_14b_i2v", "wan22_5b", "omnigen2")
_OTHER_SPELLINGS = {
    "fp8": "qfloat8", "float8_e4m3fn": "qfloat8_e4m3fn", "int4": "uint4", "nf4": "uint4", "q8": "int8", "q4": "uint4", "qint3": "uint3", "fp8_scaled": "qfloat8",
    "fp4": "nvfp4", "8bit": "qfloat8", "4bit": "uint4", "bf16": "",
}  # fmt: skip


def check_model(process: Process) -> None:
    """All rules about the model section."""
    model = process.data.get("model")
    if model is None or model == {}:
        process.say(
            "LB318",
            ("model",),
            "the section `model` is missing",
            "the trainer stops at once",
            "write `name_or_path` and `arch` in it",
            on="key",
        )
        return
    if not isinstance(model, dict):
        return
    if "name_or_path" not in model:
        process.say(
            "LB318",
            ("model",),
            "`model.name_or_path` is missing",
            "the trainer stops at once (ValueError)",
            "name a hub id or a path",
            on="key",
        )
    elif model["name_or_path"] == "":
        process.say(
            "LB318", ("model", "name_or_path"), "`model.name_or_path` is empty", "the model cannot be loaded", "name a hub id or a path"
        )
    _arch(process)
    _flags(process)
    if process.arch_known:
        _file(process)
        _memory(process)
    _quantize(process)
    _assistant(process)


def _arch(process: Process) -> None:
    written, path = process.get("model", "arch"), str(process.get("model", "name_or_path", ""))
    if isinstance(written, str):
        if written.partition(":")[0] in known_archs():
            return
        plain = written.partition(":")[0]
        if _SD15_NAME.fullmatch(plain):
            why = "any unknown name is the loader of Stable Diffusion 1.5"
            process.say("LB314", ("model", "arch"), f"unknown architecture {spell(written)}", why, "write `arch: sd15`", "warning")
            return
        near = nearest(plain, known_archs()) or nearest(plain.replace("-", "").replace("_", ""), known_archs())
        why = "any unknown name is taken for Stable Diffusion 1.5, in silence: the model cannot be loaded, or another one is trained"
        fix = f"did you mean `{near}`?" if near else "known: " + ", ".join(f"`{name}`" for name in known_archs()[:60])
        process.say("LB314", ("model", "arch"), f"unknown architecture {spell(written)}", why, fix)
    elif written is None and not process.arch_known and not _SD15.search(path):
        sure = process.get("train", "noise_scheduler") == "flowmatch" or any(
            truthy(process.get("model", key)) for key in ("quantize", "low_vram")
        )
        why = "without it the model is loaded as Stable Diffusion 1.5"
        process.say(
            "LB318",
            ("model",),
            "`model.arch` is missing",
            why,
            "write `arch:`, for example `zimage`, `flux`, `qwen_image`, `sdxl`",
            "error" if sure else "warning",
            "key",
        )


def _flags(process: Process) -> None:
    flags = [flag for flag in OLD_FLAGS if truthy(process.get("model", flag))]
    written = process.get("model", "arch")
    if isinstance(written, str):
        for flag in flags:
            if OLD_FLAGS[flag] != process.arch_name:
                why = "both are read, by different parts of the trainer"
                process.say("LB319", ("model", flag), f"`{flag}` contradicts `arch: {written}`", why, "remove it", "warning", "key")
    elif len(flags) > 1 and not (set(flags) <= {"is_xl", "is_ssd", "is_vega"} or set(flags) <= {"is_pixart", "is_pixart_sigma"}):
        process.say(
            "LB319",
            ("model", flags[1]),
            f"`{flags[1]}` stands beside `{flags[0]}`",
            f"the model is loaded as {process.arch_name}",
            "keep one of them",
            "warning",
            "key",
        )
    for key in ("attn_masking", "split_model_over_gpus"):
        if truthy(process.get("model", key)) and not truthy(process.get("model", "is_flux")):
            why = "the trainer asks for that switch before it looks at `arch`, and stops at once (ValueError)"
            process.say(
                "LB319",
                ("model", key),
                f"`{key}` needs `is_flux: true`",
                why,
                "add `is_flux: true`" if process.arch_name == "flux" else "remove it",
                on="key",
            )


def _file(process: Process) -> None:
    path, arch, name = process.get("model", "name_or_path"), process.arch, process.arch_name
    if not isinstance(path, str) or not path.lower().endswith(_FILE):
        return
    if name in _NO_FILE and "/" in path:
        why = "this loader takes a hub id or a folder with the parts of the model: it fails while the model is loaded"
        process.say("LB315", ("model", "name_or_path"), f"{name} cannot be loaded from a single file", why, "name the folder or the hub id")
    elif arch is not None and arch.extras and not process.get("model", "extras_name_or_path"):
        why = f"text encoder, VAE and tokenizer are looked for in `{arch.extras}` on the hub: without a connection or a cached copy the load fails"
        process.say(
            "LB318",
            ("model", "name_or_path"),
            "a single file holds only the transformer",
            why,
            "name a folder that has the rest: `extras_name_or_path:`",
            "warning",
        )


def _memory(process: Process) -> None:
    arch, name = process.arch, process.arch_name
    if arch is None:
        return
    for key, honoured in (("layer_offloading", arch.offload), ("low_vram", arch.low_vram)):
        if truthy(process.get("model", key)) and not honoured:
            process.say(
                "LB312", ("model", key), f"`{key}` has no effect on {name}", "its loader does not read it", "remove it", "warning", "key"
            )
    if truthy(process.get("model", "quantize")) and not arch.quantize:
        process.say(
            "LB312",
            ("model", "quantize"),
            f"`quantize` has no effect on {name}",
            "its loader does not read it",
            "remove it",
            "warning",
            "key",
        )


def _quantize(process: Process) -> None:
    model = process.section("model")
    wanted = truthy(model.get("quantize"))
    text = truthy(model.get("quantize_te", wanted))
    by_qtype = process.arch is not None and process.arch.te_qtype == "qtype"
    _qtype(process, "qtype", wanted or (text and by_qtype))
    _qtype(process, "qtype_te", text and not by_qtype)
    if "qtype" in model and "quantize" not in model and not text and model["qtype"]:
        why = "`quantize` is off by default"
        process.say("LB312", ("model", "qtype"), "`qtype` has no effect", why, "add `quantize: true`, or remove it", "warning", "key")


def _qtype(process: Process, key: str, used: bool) -> None:
    value, place = process.get("model", key), ("model", key)
    if key not in process.section("model"):
        return
    if value is None or value == "":
        if used:
            process.say(
                "LB315",
                place,
                f"`{key}` is empty",
                "the trainer stops while the model is loaded",
                "write `qfloat8`, or switch `quantize` off",
            )
        return
    if not isinstance(value, str):
        return
    plain, bar, adapter = value.partition("|")
    if "|" in adapter or (bar and not adapter):
        process.say(
            "LB315",
            place,
            f"`{key}: {value}` is not `type|adapter`",
            "the trainer stops at once (ValueError)",
            "write `uint3|org/repo/file.safetensors`",
        )
    elif plain not in QTYPES or (bar and key == "qtype_te"):
        near = _OTHER_SPELLINGS.get(plain.lower()) or nearest(plain, QTYPES)
        fix = f"did you mean `{near}`?" if near else "known: qfloat8, int8, uint2 to uint8, float8, convrot4, convrot8, nvfp4, ..."
        why = "the trainer stops while the model is loaded (KeyError)" if used else "it is not used here, as `quantize` is off"
        process.say("LB314", place, f"unknown quantization {spell(value)}", why, fix, "error" if used else "warning")


def _assistant(process: Process) -> None:
    path, qtype = process.get("model", "assistant_lora_path"), process.get("model", "qtype")
    recovery = process.get("model", "accuracy_recovery_adapter") or (isinstance(qtype, str) and "|" in qtype)
    if path == "" and process.arch is not None and process.arch.assistant:
        why = "an empty text is taken for the path of an adapter: the trainer stops while the model is loaded"
        process.say("LB315", ("model", "assistant_lora_path"), "`assistant_lora_path` is empty", why, "remove the key")
    if path and recovery:
        why = "the trainer stops at once (ValueError)"
        process.say(
            "LB319",
            ("model", "assistant_lora_path"),
            "a training adapter does not go with an accuracy recovery adapter",
            why,
            "remove one of them",
            on="key",
        )
    if path and process.arch_known and process.arch is not None and not process.arch.assistant:
        why = f"the loader of {process.arch_name} does not read it"
        process.say("LB312", ("model", "assistant_lora_path"), "`assistant_lora_path` has no effect", why, "remove it", "warning", "key")
