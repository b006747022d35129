"""What the embedded trainer finds in a data folder, and what it does with defects (`trainer/data.py`)."""

from __future__ import annotations

from lorabridge.data.rules import Effect, Rules

_PICTURES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"))

RULES = Rules(
    "embedded",
    "the embedded trainer",
    _PICTURES,
    fold_case=True,
    hidden=True,
    encoding="utf-8-sig",
    companions=_PICTURES,
    adds_trigger=True,
    effects={
        "caption_missing": Effect("warning", "it is trained on an empty prompt; the run says so", "trainer/data.py:_caption_text"),
        "caption_empty": Effect("warning", "it is trained on an empty prompt", "trainer/data.py:_caption_text"),
        "caption_encoding": Effect("error", "the run stops before its first step: not UTF-8", "trainer/data.py:_caption_text"),
        "same_stem": Effect("warning", "both are trained on the same caption", "trainer/data.py:_caption_text"),
        "alpha": Effect("hint", "transparent parts become white", "trainer/data.py:open_rgb"),
        "cmyk": Effect("warning", "it is converted to RGB without its colour profile: colours shift", "trainer/data.py:open_rgb"),
        "deep": Effect("warning", "16-bit greyscale is clipped to white in the conversion to RGB", "trainer/data.py:open_rgb"),
        "palette": Effect("hint", "it is converted to RGB, transparency to white", "trainer/data.py:open_rgb"),
        "animated": Effect("warning", "only its first frame is used", "trainer/data.py:open_rgb"),
        "small": Effect("warning", "it is enlarged to the training size", "trainer/data.py:open_rgb"),
        "broken": Effect("error", "the run stops before its first step", "trainer/data.py:_items"),
        "cut": Effect("error", "the run stops before its first step", "trainer/data.py:_items"),
        "mask_missing": Effect("warning", "the whole picture is trained; the run says so", "trainer/data.py:_mask_of"),
        "mask_size": Effect("hint", "the mask is scaled and cut as the picture is", "trainer/data.py:open_mask"),
    },
)
