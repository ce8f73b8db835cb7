"""Make sounds, videos and pictures that are damaged, or odd but right."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.reliability.hostile import SEED
from utils.media.ffmpeg import run

TONE = (0.4 * np.sin(np.arange(8000) / 9)).astype(np.float64)
"""Half a second at 16 000/s."""


def wav(
    samples: np.ndarray = TONE,
    *,
    rate: int = 16_000,
    bits: int = 16,
    channels: int = 1,
    floats: bool = False,
    data_size: int | None = None,
    riff_size: int | None = None,
    kind: int | None = None,
) -> bytes:
    """Write a RIFF file by hand, truthful or not; samples (S,) in -1..1 go to every channel."""
    many = np.repeat(samples[:, None], max(1, channels), axis=1)
    if floats:
        body = many.astype({32: "<f4", 64: "<f8"}[bits]).tobytes()
    elif bits == 8:
        body = np.round(many * 127 + 128).clip(0, 255).astype(np.uint8).tobytes()
    elif bits == 24:
        body = np.round(many * (2**23 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    else:
        body = np.round(many * (2 ** (bits - 1) - 1)).astype({16: "<i2", 32: "<i4"}.get(bits, "<i2")).tobytes()
    width = channels * bits // 8
    tag = kind if kind is not None else 3 if floats else 1
    head = struct.pack("<HHIIHH", tag, channels, rate, (rate * width) & 0xFFFFFFFF, width & 0xFFFF, bits)
    size = len(body) if data_size is None else data_size
    chunks = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + body
    return b"RIFF" + struct.pack("<I", len(chunks) if riff_size is None else riff_size) + chunks


def _not_finite() -> np.ndarray:
    out = TONE.copy()
    out[100:200], out[300], out[301] = np.nan, np.inf, -np.inf
    return out


GOOD_SOUNDS: dict[str, Callable[[], bytes]] = {
    "8-bit": lambda: wav(bits=8),
    "24-bit": lambda: wav(bits=24),
    "32-bit": lambda: wav(bits=32),
    "float32": lambda: wav(bits=32, floats=True),
    "float64": lambda: wav(bits=64, floats=True),
    "float64 with NaN and infinity": lambda: wav(_not_finite(), bits=64, floats=True),
    "float32 a million times too loud": lambda: wav(TONE * 1e6, bits=32, floats=True),
    "float64 beyond float32": lambda: wav(TONE * 1e300, bits=64, floats=True),
    "4 kHz": lambda: wav(TONE[::4], rate=4000),
    "192 kHz": lambda: wav(np.repeat(TONE, 12), rate=192_000),
    "44,101 Hz": lambda: wav(rate=44_101),
    "one sample": lambda: wav(TONE[5:6]),
    "two channels": lambda: wav(channels=2),
    "eight channels": lambda: wav(channels=8),
    "all silence": lambda: wav(0 * TONE),
    "a data size of zero, as a recorder that was stopped leaves": lambda: wav(data_size=0, riff_size=0),
    "a data size of 4 GB, as a pipe leaves": lambda: wav(data_size=0xFFFFFFFF, riff_size=0xFFFFFFFF),
    "a data size that is too large": lambda: wav(data_size=100_000),
    "rubbish behind it": lambda: wav() + b"rubbish" * 100,
    "cut in half": lambda: wav()[: len(wav()) // 2],
    "cut inside a sample": lambda: wav()[:1001],
}
"""What is odd, and holds sound."""

BAD_SOUNDS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "one byte": lambda: b"R",
    "four bytes": lambda: b"RIFF",
    "a head alone": lambda: wav()[:44],
    "half a head": lambda: wav()[:20],
    "no samples": lambda: wav(TONE[:0]),
    "zero channels": lambda: wav(channels=0),
    "a rate of zero": lambda: wav(rate=0),
    "zero bits": lambda: wav(bits=0),
    "a codec that nobody knows": lambda: wav(kind=0xBEEF),
    "a text": lambda: b"hello, I am a sound\n" * 50,
    "a page": lambda: b"<!DOCTYPE html><html>404</html>" * 10,
    "zeros": lambda: bytes(10_000),
    "a play list": lambda: b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    "a concat list": lambda: b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "a session description": lambda: b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\nc=IN IP4 127.0.0.1\n",
    "a subtitle": lambda: b"1\n00:00:00,000 --> 00:00:01,000\nhello\n",
    "a lyrics file": lambda: b"[00:00.00]hello\n",
    "JSON": lambda: b'{"sound": true}',
    "a picture": lambda: picture("PNG"),
    "a pickle": lambda: b"\x80\x04N.",
    "a zip": lambda: b"PK\x03\x04" + bytes(200),
    "an executable": lambda: b"\x7fELF" + bytes(500),
}
EITHER_SOUNDS: dict[str, Callable[[], bytes]] = {
    "1 Hz": lambda: wav(TONE[:2], rate=1),
    "100 channels": lambda: wav(channels=100),
    "65,535 channels": lambda: wav(TONE[:10], channels=65_535),
    "a rate of four billion": lambda: wav(rate=0xFFFFFFFF),
    "random bytes": lambda: np.random.default_rng(SEED).bytes(20_000),
    "a RIFF of rubbish": lambda: wav()[:44] + np.random.default_rng(SEED).bytes(9001),
    "a fragment of mp3": lambda: b"\xff\xfb\x90\x64" + np.random.default_rng(SEED).bytes(5000),
    "an ID3 head that is larger than all": lambda: b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(500),
}
"""What may hold sound for ffmpeg, or not; either must be said or done plainly."""


def picture(form: str, mode: str = "RGB", size: tuple[int, int] = (40, 30), **more: object) -> bytes:
    """Write a picture of any mode, noisy and the same every time."""
    from PIL import Image

    wide, high = size
    noise = np.random.default_rng(SEED).integers(0, 256, (high, wide, 3), np.uint8)
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(noise[..., 0].astype(np.float32))
    else:
        image = Image.fromarray(noise).convert(mode)
    out = io.BytesIO()
    image.save(out, form, **more)
    return out.getvalue()


def turned(orientation: int) -> bytes:
    """Write a JPEG of 40 x 30 whose EXIF says how to turn it."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture("JPEG", exif=exif)


def _animated(form: str) -> bytes:
    from PIL import Image

    frames = [Image.new("RGB", (40, 30), (k * 60, 0, 0)) for k in range(4)]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:], duration=40)
    return out.getvalue()


def bomb(side: int) -> bytes:
    """Write a PNG of a few kB that claims side x side pixels."""
    import zlib

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min(side // 8 * 1000, 10_000_000) + 1), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


GOOD_PICTURES: dict[str, Callable[[], bytes]] = {
    "CMYK": lambda: picture("JPEG", "CMYK"),
    "16-bit": lambda: picture("PNG", "I;16"),
    "a palette": lambda: picture("PNG", "P"),
    "a palette with transparency": lambda: picture("PNG", "P", transparency=3),
    "one bit": lambda: picture("PNG", "1"),
    "grey": lambda: picture("PNG", "L"),
    "grey with alpha": lambda: picture("PNG", "LA"),
    "alpha": lambda: picture("PNG", "RGBA"),
    "grey JPEG": lambda: picture("JPEG", "L"),
    "progressive JPEG": lambda: picture("JPEG", progressive=True),
    "an animated GIF": lambda: _animated("GIF"),
    "an animated PNG": lambda: _animated("PNG"),
    "an animated webp": lambda: _animated("WEBP"),
    "a floating TIFF": lambda: picture("TIFF", "F"),
    "a 16-bit TIFF": lambda: picture("TIFF", "I;16"),
    "bmp": lambda: picture("BMP"),
    "1 x 1": lambda: picture("PNG", size=(1, 1)),
    "1 x 500": lambda: picture("PNG", size=(1, 500)),
    "3001 x 1": lambda: picture("PNG", size=(3001, 1)),
    "odd": lambda: picture("PNG", size=(37, 41)),
    "an ICC profile of rubbish": lambda: picture("JPEG", icc_profile=b"rubbish"),
    "rubbish behind it": lambda: picture("PNG") + b"rubbish",
    **{f"EXIF turn {n}": (lambda n=n: turned(n)) for n in (1, 2, 3, 4, 5, 6, 7, 8)},
    "EXIF turn 9, which is none": lambda: turned(9),
    "EXIF turn 0, which is none": lambda: turned(0),
}
BAD_PICTURES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "one byte": lambda: b"\x89",
    "a head alone": lambda: picture("PNG")[:8],
    "a PNG cut at 50 %": lambda: picture("PNG")[: len(picture("PNG")) // 2],
    "a PNG cut at 90 %": lambda: picture("PNG")[: len(picture("PNG")) * 9 // 10],
    "a JPEG cut at 50 %": lambda: picture("JPEG")[: len(picture("JPEG")) // 2],
    "a JPEG without its end": lambda: picture("JPEG", size=(200, 200))[:-800],
    "a webp cut at 50 %": lambda: picture("WEBP")[: len(picture("WEBP")) // 2],
    "a text": lambda: b"I am a picture",
    "a page": lambda: b"<!DOCTYPE html>",
    "an SVG that names a file": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>',
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "a sound": wav,
    "zeros": lambda: bytes(1000),
    "10,000 million pixels": lambda: bomb(100_000),
    "400 million pixels": lambda: bomb(20_000),
    "a claim of 2 billion a side": lambda: bomb(2_000_000_000),
    "a claim of 0 a side": lambda: bomb(0),
    "a pickle": lambda: b"\x80\x04N.",
}

_PICTURE = ["-f", "lavfi", "-i", "testsrc=size={}:rate={}:duration={}"]
_SOUND = ["-f", "lavfi", "-i", "sine=frequency=300:duration={}"]


def make_videos(folder: Path) -> dict[str, Path]:
    """Let ffmpeg write good videos of every odd kind, small and short."""

    def source(size: str = "64x48", rate: float = 25, seconds: float = 0.6) -> list[str]:
        return [word.format(size, rate, seconds) if "{" in word else word for word in _PICTURE]

    sound = [word.format(0.6) for word in _SOUND]
    x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    vfr = ["-fps_mode", "vfr"]
    plans: dict[str, list[str]] = {
        "plain.mp4": [*source(), *sound, *x264],
        "no_sound.mp4": [*source(), *x264],
        "odd_size.mkv": [*source("63x47"), *sound, "-c:v", "ffv1"],
        "tiny.mkv": [*source("16x16"), *sound, "-vf", "crop=1:1", "-c:v", "ffv1"],
        "variable_rate.mkv": [*source(), *sound, "-vf", "select='not(mod(n,3))+not(mod(n,7))'", *vfr, *x264],
        "one_frame.mp4": [*source(), *sound, "-frames:v", "1", *x264],
        "wide_pixels.mp4": [*source(), *sound, "-vf", "setsar=4/3", *x264],
        "slow.mp4": [*source(rate=3, seconds=1), *sound, *x264],
        "fast.mp4": [*source(rate=120, seconds=0.3), *sound, *x264],
        "grey.mkv": [*source(), *sound, "-c:v", "ffv1", "-pix_fmt", "gray"],
        "ten_bit.mkv": [*source(), *sound, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le"],
        "alpha.mov": [*source(), *sound, "-c:v", "qtrle", "-pix_fmt", "argb"],
        "interlaced.mkv": [*source(), *sound, "-c:v", "mpeg2video", "-flags", "+ilme+ildct"],
        "animation.gif": [*source(rate=10), "-f", "gif"],
        "sound_alone.mp4": [*sound, "-c:a", "aac"],
        "sound.mp3": [*sound, "-c:a", "libmp3lame"],
        "sound.flac": [*sound, "-c:a", "flac"],
        "sound.ogg": [*sound, "-c:a", "libvorbis", "-ac", "2"],
    }
    made = {}
    for name, words in plans.items():
        made[name] = folder / name
        run(["-y", *words, "-threads", "1", f"file:{made[name]}"], 60, name)
    made["turned.mp4"] = folder / "turned.mp4"
    plain = ["-display_rotation", "90", "-i", f"file:{made['plain.mp4']}", "-c", "copy"]
    run(["-y", *plain, f"file:{made['turned.mp4']}"], 60, "turned")
    return made
