"""What diffusion-pipe finds in a data folder, and what it does with defects. Read at 8f83dbf; DS = utils/dataset.py, BASE = models/base.py."""

from __future__ import annotations

from lorabridge.backends.diffusion_pipe.lint_pictures import CLIPS, SKIPPED
from lorabridge.data.rules import Effect, Rules, both_cases

RULES = Rules(
    "diffusion-pipe",
    "diffusion-pipe",
    both_cases(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif", ".tif", ".tiff", ".gif"),  # whatever Pillow opens, DS:798
    CLIPS,
    takes_all=True,  # DS:601, 632
    skips=SKIPPED,
    hidden=True,  # pathlib's glob("*") lists names with a dot
    needs_caption=True,
    encoding="utf-8",  # DS:752, in the locale's encoding: UTF-8 on Linux
    caption_extension=".txt",  # DS:638
    captions_json=True,  # DS:622
    companions=None,  # DS:607: any ending, the same stem
    writes="cache/<model>: latents, embeddings and file lists (DS:477)",
    sidecars=frozenset(("cache",)),
    fps={
        "wan21": 16.0,  # models/wan/wan.py:69; the 5B of Wan 2.2 is at 24, wan.py:108
        "wan22": 16.0,
        "hunyuan-video": 24.0,
        "hunyuan-video-1.5": 24.0,
        "ltx-video": 25.0,
        "ltx2": 24.0,
        "cosmos": 24.0,
        "cosmos-predict2": 16.0,
        "minimax-h3": 24.0,
    },
    adds_trigger=True,  # lorabridge writes it as `caption_prefix`
    retimes=True,  # DS:795, BASE:87
    effects={
        "caption_missing": Effect("warning", "it is left out: `Cound not find caption for …` in the log", "DS:755"),
        "caption_empty": Effect("warning", "it is trained on an empty prompt", "DS:752"),
        "caption_encoding": Effect("error", "the worker dies with UnicodeDecodeError, and the run hangs", "DS:752"),
        "caption_bom": Effect("warning", "the mark becomes the first character of the prompt", "DS:752"),
        "captions_json": Effect("error", "the worker dies on it, and the run hangs", "DS:658-667"),
        "same_stem": Effect("warning", "both are trained on the same caption", "DS:638"),
        "turned": Effect("warning", "EXIF orientation is ignored: it is trained lying on its side", "BASE:162"),
        "alpha": Effect("hint", "transparent parts become white", "BASE:41-49"),
        "cmyk": Effect("warning", "it is converted to RGB without its colour profile: colours shift", "BASE:51"),
        "deep": Effect("warning", "16-bit greyscale is clipped to white in the conversion to RGB", "BASE:51"),
        "palette": Effect("hint", "it is converted to RGB, transparency to white", "BASE:41"),
        "animated": Effect("warning", "an animated WebP stops the caching; of other pictures the first frame is used", "DS:779"),
        "small": Effect("warning", "it is enlarged to the training size", "BASE:53"),
        "broken": Effect("warning", "it is left out: `could not be opened. Skipping` in the log", "DS:801"),
        "cut": Effect("error", "its header can be read, its pixels cannot: the caching worker dies, and the run hangs", "BASE:162"),
        "foreign": Effect("warning", "it is taken for a picture, fails to open and is left out", "DS:632"),
        "mask_missing": Effect("warning", "the whole picture is trained: `No mask file was found` in the log", "DS:645"),
        "mask_size": Effect("error", "the caching worker dies: a mask must be of the picture's size; the run hangs", "BASE:180"),
        "control_missing": Effect("error", "the caching worker dies: `No control file exists`; the run hangs", "DS:650"),
        "control_size": Effect("hint", "it is scaled and cropped to the picture's bucket", "BASE:53"),
        "short": Effect("warning", "it is left out: `too short` in the log", "DS:815"),
        "unwritable": Effect("error", "it keeps its caches in the data folder and stops", "DS:477"),
    },
)
