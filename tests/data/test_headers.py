"""The header readers: every format, orientation, depth and truncation; hostile bytes; and Pillow's own opinion where it is installed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabridge.data.headers import header_of, read_header
from lorabridge.data.items import Header
from tests.data import pictures as make

SAMPLES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "png": (make.png(30, 20), {"format": "PNG", "mode": "RGB", "bits": 8}),
    "png grey 16": (make.png(30, 20, colour=0, bits=16), {"mode": "L", "bits": 16}),
    "png 16": (make.png(30, 20, bits=16), {"mode": "RGB", "bits": 16}),
    "png palette": (make.png(30, 20, colour=3), {"mode": "P", "alpha": False}),
    "png clear palette": (make.png(30, 20, colour=3, extra=make.chunk(b"tRNS", b"\0")), {"mode": "P", "alpha": True}),
    "png alpha": (make.png(30, 20, colour=6), {"mode": "RGBA", "alpha": True}),
    "png animated": (make.png(30, 20, extra=make.chunk(b"acTL", b"\0\0\0\7\0\0\0\0")), {"frames": 7}),
    "png turned": (make.png(30, 20, extra=make.chunk(b"eXIf", make.exif(6))), {"orientation": 6}),
    "jpeg": (make.jpeg(30, 20), {"format": "JPEG", "mode": "RGB", "orientation": 1}),
    "jpeg grey": (make.jpeg(30, 20, parts=1), {"mode": "L"}),
    "jpeg cmyk": (make.jpeg(30, 20, parts=4), {"mode": "CMYK"}),
    "jpeg turned": (make.jpeg(30, 20, turned=8), {"orientation": 8}),
    "jpeg fill bytes": (make.jpeg(30, 20, before=b"\xff\xff\xff\xfe\0\4xx"), {}),
    "jpeg long header": (make.jpeg(30, 20, turned=3, before=(b"\xff\xe2\xff\xfe" + bytes(65532)) * 3), {"orientation": 3}),
    "jpeg trailer": (make.jpeg(30, 20) + b"a motion photo's clip" * 9, {"cut": False}),
    "gif": (make.gif(30, 20), {"format": "GIF", "frames": 1, "mode": "P"}),
    "gif animated": (make.gif(30, 20, 3, clear=True), {"frames": 2, "alpha": True}),
    "bmp": (make.bmp(30, 20), {"format": "BMP", "mode": "RGB"}),
    "bmp palette": (make.bmp(30, 20, 8).replace(bytes(40), b"\1\2\3\0" * 10, 1), {"mode": "P"}),
    "bmp grey": (make.bmp(30, 20, 8), {"mode": "L"}),
    "webp": (make.webp(30, 20, kind="Y"), {"format": "WEBP"}),
    "webp lossless": (make.webp(30, 20, kind="L", alpha=True), {"alpha": True}),
    "webp extended": (make.webp(30, 20, alpha=True, frames=5, turned=6), {"alpha": True, "frames": 2, "orientation": 6}),
    "tiff": (make.tiff(30, 20, turned=3), {"format": "TIFF", "orientation": 3}),
    "tiff big end": (make.tiff(30, 20, order=">", bits=16, photometric=1), {"bits": 16, "mode": "L"}),
    "tiff cmyk": (make.tiff(30, 20, photometric=5), {"mode": "CMYK"}),
    "avif": (make.avif(30, 20), {"format": "AVIF", "orientation": 1}),
    "avif turned": (make.avif(30, 20, turn=1, alpha=True, bits=10), {"orientation": 8, "alpha": True, "bits": 10}),
    "heic": (make.avif(30, 20, brand=b"heic", turn=3), {"format": "HEIC", "orientation": 6}),
    "mp4": (make.mp4(30, 20, 49), {"format": "MP4", "frames": 49, "fps": 24.0}),
    "mp4 index last": (make.mp4(30, 20, 81, 16.0, late=True), {"frames": 81, "fps": 16.0}),
    "mp4 turned": (make.mp4(30, 20, 5, turn=90), {"orientation": 6}),
    "mkv": (make.mkv(30, 20, 48), {"format": "MKV", "frames": 48, "estimated": True}),
    "webm": (make.mkv(30, 20, 60, 30.0, b"webm"), {"format": "WEBM", "frames": 60}),
    "avi": (make.avi(30, 20, 33, 25), {"format": "AVI", "frames": 33, "fps": 25.0}),
    "jxl": (make.jxl(30, 20), {"format": "JXL"}),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_header_says(name: str, tmp_path: Path) -> None:
    data, wanted = SAMPLES[name]
    path = tmp_path / "file"
    path.write_bytes(data)
    facts, header, _ = read_header(str(path))
    assert facts.st_size == len(data)
    assert header == header_of(data)
    assert (header.width, header.height, header.problem, header.cut) == (30, 20, "", False)
    for key, value in wanted.items():
        found = getattr(header, key)
        assert found == (pytest.approx(value, rel=1e-3) if isinstance(value, float) else value), key


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in ("jxl",)])
def test_the_first_half_is_never_taken_for_the_whole(name: str) -> None:
    data = SAMPLES[name][0]
    if name == "jpeg trailer":
        data = make.jpeg(30, 20)
    header = header_of(data[: len(data) * 2 // 3] if name != "tiff" else data[:210])
    assert header.cut or header.problem or header.width == 0


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        (b"hello", "neither"),
        (b"\xff\xd8", "ends before"),
        (b"\xff\xd8\x00\x01\x02\x03", "marker"),
        (make.png(0, 5), "PNG of 0 x 5"),
        (make.png(5, 5).replace(b"IHDR\0\0\0\5", b"IHDR\0\0\0\6"), "checksum"),
        (make.jpeg(0, 5), "0 x 5"),
        (b"RIFF\4\0\0\0WEBPXXXX" + bytes(30), "WebP"),
        (make.box(b"ftyp", b"isom") + make.box(b"mdat", bytes(9)), "moov"),
        (b"II*\0\xff\xff\xff\xff", "ends inside"),
        (b"\x1aE\xdf\xa3\x80", "segment"),
    ],
)
def test_broken_headers_say_why(data: bytes, text: str) -> None:
    assert text in header_of(data).problem


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_no_bytes_make_a_reader_raise_or_run_on(name: str, data: st.DataObject) -> None:
    raw = bytearray(SAMPLES[name][0][:3000])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF, 0xD8)))
    cut = data.draw(st.integers(0, len(raw)))
    header = header_of(bytes(raw[:cut]))
    assert isinstance(header, Header)
    assert min(header.width, header.height) >= 0
    assert 1 <= header.orientation <= 8


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\0\0\0\x18ftypavif", b"\x1aE\xdf\xa3", b"RIFF"]),
)
def test_random_bytes(body: bytes, mark: bytes) -> None:
    assert isinstance(header_of(mark + body), Header)


def test_a_header_that_leads_everywhere_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "long.jpg"
    path.write_bytes(b"\xff\xd8" + b"\xff\xe2\x10\x00" * 1 + bytes(4094) + (b"\xff\xe2\x10\x00" + bytes(4094)) * 700)
    assert read_header(str(path))[1].problem


def test_no_regular_file_is_read(tmp_path: Path) -> None:
    import os

    if not hasattr(os, "mkfifo"):
        pytest.skip("no FIFOs here")
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path, Path(os.devnull)):
        with pytest.raises(OSError, match=r"not a regular file|directory"):
            read_header(str(path))


MODES = ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16"]
FORMATS = ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mode", MODES)
def test_as_pillow_says(format: str, mode: str) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: its opinion cannot be asked")
    buffer = io.BytesIO()
    try:
        image.new(mode, (37, 23)).save(buffer, format)
    except (OSError, ValueError, KeyError):
        pytest.skip(f"Pillow writes no {format} in mode {mode}")
    header = header_of(buffer.getvalue())
    with image.open(io.BytesIO(buffer.getvalue())) as opened:
        assert (header.width, header.height) == opened.size
        assert (header.format, header.problem, header.cut) == (format, "", False)
        if format == "GIF":
            return  # Pillow looks at the colours of the palette: grey ones make it `L`
        assert header.mode == {"I;16": "L", "I;16B": "L", "1": header.mode}.get(opened.mode, opened.mode)
        assert header.alpha == ("A" in opened.mode or "transparency" in opened.info)
        assert (header.bits == 16) == (opened.mode.startswith("I;16"))


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_orientation_as_pillow_says(format: str, turned: int) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: its opinion cannot be asked")
    notes = image.Exif()
    notes[274] = turned
    buffer = io.BytesIO()
    try:
        image.new("RGB", (40, 24)).save(buffer, format, exif=notes.tobytes())
    except (OSError, KeyError):
        pytest.skip(f"Pillow writes no {format}")
    with image.open(io.BytesIO(buffer.getvalue())) as opened:
        assert header_of(buffer.getvalue()).orientation == opened.getexif().get(274, 1)


CLIPS: dict[str, tuple[str, int, float | None]] = {
    "plain.mov": ("MOV", 17, 12.5),
    "reordered.mp4": ("MP4", 17, 12.5),
    "ntsc.mp4": ("MP4", 17, 30000 / 1001),
    "faststart.mp4": ("MP4", 17, 12.5),
    "fragments.mp4": ("MP4", 0, None),
    "plain.mkv": ("MKV", 17, 12.5),
    "vp9.webm": ("WEBM", 17, 12.5),
    "plain.avi": ("AVI", 17, 12.5),
}
"""Clips of 17 frames of 64 x 48 that FFmpeg's libraries wrote (PyAV 18.1): what PyAV says of them, but for the length of fragments."""


@pytest.mark.parametrize("name", CLIPS)
def test_clips_that_ffmpeg_wrote(name: str) -> None:
    _, header, _ = read_header(str(Path(__file__).parent / "clips" / name))
    format, frames, fps = CLIPS[name]
    assert (header.format, header.width, header.height, header.frames, header.problem) == (format, 64, 48, frames, "")
    assert header.fps == (pytest.approx(fps, rel=1e-3) if fps else None)


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
def test_cut_clips(name: str, share: float) -> None:
    data = (Path(__file__).parent / "clips" / name).read_bytes()
    header = header_of(data[: int(len(data) * share)])
    if name == "fragments.mp4" and share > 0.9:
        return  # its last piece is an index that players do without
    assert header.cut or header.problem


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_pictures_that_pillow_wrote_and_somebody_cut(format: str) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: it can write nothing")
    buffer = io.BytesIO()
    try:
        image.radial_gradient("L").convert("RGB").save(buffer, format)
    except KeyError:
        pytest.skip(f"Pillow writes no {format}")
    data = buffer.getvalue()
    whole = header_of(data)
    assert (whole.cut, whole.problem) == (False, "")
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        header = header_of(data[: int(len(data) * share)])
        assert header.cut or header.problem, share
