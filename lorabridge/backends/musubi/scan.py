"""What musubi-tuner finds in a data folder, and what it does with defects. Read at 30c658c; MU = dataset/media_utils.py, DS = dataset/datasources.py,
IV = dataset/image_video_dataset.py."""

from __future__ import annotations

from lorabridge.data.rules import Effect, Rules, both_cases

_LEFT_OUT = "it is left out in silence: only pictures with a caption file are listed"

RULES = Rules(
    "musubi",
    "musubi-tuner",
    both_cases(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif"),  # MU:22; `.jxl` only with a plug-in of Pillow, MU:27-36
    both_cases(".mp4", ".webm", ".avi", ".mkv", ".mov", ".flv", ".wmv", ".m4v", ".mpg", ".mpeg"),  # MU:37-58
    needs_caption=True,  # MU:72-85
    companions=both_cases(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif"),
    fps={
        "wan21": 16.0,
        "wan22": 16.0,
        "hunyuan-video": 24.0,
        "hunyuan-video-1.5": 24.0,
        "framepack": 30.0,
        "kandinsky5": 24.0,
    },  # IV:579-583, 630-640
    effects={
        "caption_missing": Effect("warning", _LEFT_OUT, "MU:72-85"),
        "clip_caption_missing": Effect("error", "the caption step stops with FileNotFoundError", "DS:530"),
        "caption_empty": Effect("warning", "it is trained on an empty prompt", "DS:243"),
        "caption_encoding": Effect("error", "the caption step stops with UnicodeDecodeError", "DS:243"),
        "caption_bom": Effect("warning", "the file is read as plain UTF-8: the mark becomes the first character of the prompt", "DS:243"),
        "same_stem": Effect("error", "both have the same cache file: where their sizes agree, one picture is trained twice", "IV:165"),
        "turned": Effect("warning", "EXIF orientation is ignored: it is trained lying on its side", "DS:222"),
        "alpha": Effect(
            "warning", "the alpha channel is cut off: what lies under the transparency becomes visible", "cache_latents.py:214"
        ),
        "cmyk": Effect("warning", "it is converted to RGB without its colour profile: colours shift", "DS:224"),
        "deep": Effect("warning", "16-bit greyscale is clipped to white in the conversion to RGB", "DS:224"),
        "palette": Effect("hint", "it is converted to RGB; transparency of the palette is lost", "DS:224"),
        "animated": Effect("warning", "only its first frame is used", "DS:222"),
        "small": Effect("warning", "it is enlarged to the training size", "MU:123"),
        "small_kept": Effect("hint", "`upscale: false`: it goes into a bucket of its own small size", "bucket.py"),
        "broken": Effect("error", "the caching step stops at it", "DS:222"),
        "cut": Effect("error", "its header can be read, its pixels cannot: the caching step stops at it", "DS:222"),
        "control_missing": Effect("error", "the caching step stops: could not find matching control images", "DS:184"),
        "control_size": Effect("hint", "it is scaled and cropped to the picture's bucket", "IV"),
        "short": Effect("warning", "no sample is cut from it, in silence", "IV:759"),
        "retimed": Effect(
            "warning",
            "frames are taken as they are, so motion is learnt at another speed; `video.fps` makes the trainer drop frames to its own rate",
            "IV:701",
        ),
    },
)
