"""How one trainer looks for data, as a table that its folder under `backends/` fills in (`scan.py` there)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lorabridge.diagnostics import Severity


@dataclass(frozen=True, slots=True)
class Effect:
    """What a trainer does with a defect: how bad it is, in a sentence, and where that was read (file:line at the commit)."""

    severity: Severity
    text: str
    evidence: str = ""


def both_cases(*endings: str) -> frozenset[str]:
    """Each ending as written and in capitals: what a trainer that lists both finds (but not `.Jpg`)."""
    return frozenset(word for ending in endings for word in (ending, ending.upper()))


@dataclass(frozen=True)
class Rules:
    """Where a trainer looks and what it takes.

    `pictures`, `clips`: endings, compared as they are, or in lower case with `fold_case`. `takes_all`: every file is taken for data
    except those ending in `skips`. `recursive`: sub-folders too. `hidden`: names that start with a dot are taken. `needs_caption`: a picture
    without a caption is no item. `encoding`: of caption files. `caption_extension`: the only one it reads ("" the config's). `captions_json`: a
    captions.json in the folder replaces all caption files. `companions`: endings of masks and control pictures (None: any).
    `never_folders`: folders whose own files are passed over. `writes`: what it writes into the data folder, `sidecars` the names of such things. `fps`: family to the
    frame rate that it trains at, `retimes` whether clips are brought to it. `squeezes`: a clip is stretched or squeezed whole into the wanted frames. `drops_cut`:
    a picture whose pixels cannot be read is left out. `effects`: defect to what
    follows; a defect without an effect does no harm there and is not reported.
    """

    trainer: str
    title: str
    pictures: frozenset[str]
    clips: frozenset[str] = frozenset()
    fold_case: bool = False
    takes_all: bool = False
    skips: frozenset[str] = frozenset()
    recursive: bool = False
    hidden: bool = False
    needs_caption: bool = False
    encoding: str = "utf-8"
    caption_extension: str = ""
    captions_json: bool = False
    companions: frozenset[str] | None = None
    never_folders: frozenset[str] = frozenset()
    writes: str = ""
    sidecars: frozenset[str] = frozenset()
    fps: Mapping[str, float] = field(default_factory=dict)
    retimes: bool = False
    squeezes: bool = False
    drops_cut: bool = False
    adds_trigger: bool = False
    effects: Mapping[str, Effect] = field(default_factory=dict)

    def takes(self, name: str, video: bool) -> bool:
        """Whether a file of this name is taken for a picture (or clip)."""
        if name.startswith(".") and not self.hidden:
            return False
        ending = ending_of(name)
        if self.takes_all:
            return ending not in self.skips
        if self.fold_case:
            ending = ending.lower()
        return ending in (self.clips if video else self.pictures)


def ending_of(name: str) -> str:
    """The last suffix with its dot, as `os.path.splitext` cuts it."""
    dot = name.rfind(".")
    return name[dot:] if dot > 0 and (name[0] != "." or name[:dot].strip(".")) else ""


def stem_of(name: str) -> str:
    """The name without its last suffix."""
    ending = ending_of(name)
    return name[: len(name) - len(ending)] if ending else name


PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif", ".tif", ".tiff", ".gif", ".jxl", ".heic", ".heif")
CLIPS = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".flv", ".wmv", ".mpg", ".mpeg")

GENERIC = Rules(
    "",
    "trainers",
    frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp")),
    frozenset((".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v")),
    fold_case=True,
    effects={
        "caption_missing": Effect("warning", "musubi-tuner and diffusion-pipe drop it, ai-toolkit trains on an empty prompt"),
        "caption_empty": Effect("warning", "it is trained without a prompt"),
        "caption_encoding": Effect("error", "the trainers read UTF-8 and stop at the first file that is not"),
        "caption_bom": Effect("warning", "the mark becomes the first character of the prompt"),
        "turned": Effect("warning", "musubi-tuner and diffusion-pipe do not turn it: it is trained lying on its side"),
        "alpha": Effect("hint", "musubi-tuner shows what lies under the transparency, diffusion-pipe puts white there"),
        "cmyk": Effect("warning", "the conversion to RGB ignores the colour profile: colours shift"),
        "deep": Effect("hint", "it is reduced to 8 bits; greyscale of 16 bits can come out white"),
        "palette": Effect("hint", "it is converted to RGB; dithering is learnt"),
        "animated": Effect("warning", "only its first frame is used, or the trainer stops"),
        "small": Effect("warning", "it is enlarged, and the blur is learnt"),
        "cut": Effect("error", "musubi-tuner stops at it, diffusion-pipe hangs, ai-toolkit leaves it out"),
        "broken": Effect("error", "musubi-tuner stops at it, the others leave it out"),
        "mask_missing": Effect("warning", "the whole picture is trained"),
        "mask_size": Effect("warning", "diffusion-pipe stops; others stretch the mask"),
        "control_missing": Effect("error", "musubi-tuner and diffusion-pipe stop"),
        "control_size": Effect("hint", "it is cropped or scaled to the picture's shape"),
        "short": Effect("warning", "it is dropped, or stretched in time"),
    },
)
"""What holds for all: used where no trainer is named."""
