"""What ai-toolkit finds in a data folder, and what it does with defects. Read at 27a03a91; DL = toolkit/data_loader.py, MX = toolkit/dataloader_mixins.py,
DTO = toolkit/data_transfer_object/data_loader.py."""

from __future__ import annotations

from lorabridge.backends.ai_toolkit.archs import ARCHS
from lorabridge.data.rules import Effect, Rules

_PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp"))

RULES = Rules(
    "ai-toolkit",
    "ai-toolkit",
    _PICTURES,  # DL:39
    frozenset((".mp4", ".avi", ".mov", ".webm", ".mkv", ".wmv", ".m4v", ".flv"))
    | _PICTURES,  # DL:40, 432: a set of clips takes pictures too
    fold_case=True,  # DL:438
    recursive=True,  # DL:436
    companions=_PICTURES,
    never_folders=frozenset(("_controls",)),  # DL:446
    writes="`.aitk_size.json`, and `_latent_cache` and `_t_e_cache` where caches are on (DL:475, 553)",
    sidecars=frozenset((".aitk_size.json", "_latent_cache", "_t_e_cache", "_clip_vision_cache")),
    fps={family: float(arch.fps) for (family, _), arch in reversed(ARCHS.items())},
    squeezes=True,
    drops_cut=True,  # DTO:158: exif_transpose decodes
    adds_trigger=True,  # MX:400
    effects={
        "caption_missing": Effect("warning", "it is trained on an empty prompt, in silence", "MX:368"),
        "caption_empty": Effect("warning", "it is trained on an empty prompt", "MX:362"),
        "caption_encoding": Effect("error", "the run stops with UnicodeDecodeError when the caption is first read", "MX:356"),
        "caption_bom": Effect("warning", "the file is read as plain UTF-8: the mark becomes the first character of the prompt", "MX:356"),
        "same_stem": Effect("warning", "both are trained on the same caption", "MX:350"),
        "alpha": Effect("warning", "the alpha channel is cut off: what lies under the transparency becomes visible", "MX:892"),
        "cmyk": Effect("warning", "it is converted to RGB without its colour profile: colours shift", "MX:892"),
        "deep": Effect("warning", "16-bit greyscale is clipped to white in the conversion to RGB", "MX:892"),
        "palette": Effect("hint", "it is converted to RGB; transparency of the palette is lost", "MX:892"),
        "animated": Effect("warning", "only its first frame is used", "MX:873"),
        "small": Effect("hint", "it goes into a bucket of its own small size", "MX"),
        "broken": Effect("warning", "a traceback in the log, and it is left out", "DL:542"),
        "cut": Effect(
            "warning", "its pixels are read for their orientation: a traceback in the log, and it is left out", "DTO:158, DL:542"
        ),
        "mask_missing": Effect("warning", "the whole picture is trained, in silence", "MX:1574"),
        "mask_size": Effect("hint", "the mask is scaled to the picture's size", "MX:1620"),
        "control_missing": Effect("warning", "edit models stop in the first step that meets it; others train without", "MX:1103"),
        "control_size": Effect("hint", "it is scaled to 512 x 512, or kept whole where the model takes it so", "MX:1172"),
        "short": Effect("warning", "frames are repeated: the clip is stretched in time", "MX:548"),
        "retimed": Effect(
            "warning",
            "the whole clip is squeezed into `video.frames`: motion is learnt at that speed; `extract: full` keeps it",
            "MX:562",
        ),
        "unwritable": Effect("error", "it writes `.aitk_size.json` into the data folder and stops", "DL:553"),
        "nested_companion": Effect("error", "sub-folders are walked: masks and control pictures are trained as pictures", "DL:436"),
    },
)
