"""What a stream says of its pictures, and the filters that make them 8-bit, progressive and of one size and colour.

Every reader of a video's pictures takes these filters, so that a phone's HDR, a camcorder's fields and a meeting's
changing size look the same to training, to clips and to face crops.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from utils.media.header import StreamHeader

_HDR = {"arib-std-b67": "HLG", "smpte2084": "PQ"}
_WIDE = {"bt2020", "smpte431", "smpte432"}
"""Primaries that show too pale when they are taken for BT.709's."""
_WHITE_NITS = 203
"""How bright the white of ordinary pictures is in HDR (ITU-R BT.2408)."""
_STEADY_FORMATS = re.compile(r"(?:yuv4(?:20|22|44)p(?:10le|12le)?|nv12|gray|rgb24|bgr24|bgra|rgba|gbrp)")
"""Pixel formats that can be named to a filter as the header writes them."""
_SIZE = re.compile(r", (\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?, (\d{1,5})x(\d{1,5})[, ]")
_PIXEL = re.compile(r"SAR (\d+):(\d+)")


@dataclass(frozen=True)
class PictureForm:
    """What a video stream says of its pictures.

    Attributes:
        width, height: As coded, before they are turned and before pixels are made square.
        pixel: Width and height of a pixel; (1, 1) when they are square or nothing is said.
        pixel_format: As ffmpeg calls it.
        full_range: Whether black is 0 and not 16.
        matrix, primaries, transfer: Of the colours, as ffmpeg calls them; "unknown" when nothing is said.
        interlaced: Whether a picture holds two moments, a line each in turn.
        turned: Whether a matrix says how to turn or mirror it.
    """

    width: int
    height: int
    pixel: tuple[int, int] = (1, 1)
    pixel_format: str = ""
    full_range: bool = False
    matrix: str = "unknown"
    primaries: str = "unknown"
    transfer: str = "unknown"
    interlaced: bool = False
    turned: bool = False

    @property
    def hdr(self) -> str:
        """Return HLG or PQ, or nothing for ordinary pictures."""
        return _HDR.get(self.transfer, "")

    @property
    def foreign_colours(self) -> bool:
        """Tell whether the colours must be brought to BT.709."""
        return bool(self.hdr) or self.primaries in _WIDE

    @property
    def treatment(self) -> str:
        """Say what is done to the pictures before anything else; nothing for ordinary ones."""
        words = [f"HDR ({self.hdr}), tone-mapped to BT.709"] if self.hdr else []
        if self.foreign_colours and not self.hdr:
            words.append(f"colours brought from {self.primaries} to BT.709")
        if self.interlaced:
            words.append("interlaced, brought to whole pictures (bwdif)")
        return "; ".join(words)

    @property
    def one_graph(self) -> bool:
        """Tell whether a change of size in mid-stream is met by `first_filters` and not by starting all filters anew.

        That would begin the time anew, and repeat seconds. What is turned first cannot be met.
        """
        return not self.turned and _STEADY_FORMATS.fullmatch(self.pixel_format) is not None

    def first_filters(self) -> list[str]:
        """Return the filters that come before all others: whole pictures, of the size that the stream has at first."""
        filters = ["bwdif=mode=send_frame:deint=interlaced"] if self.interlaced else []
        if self.one_graph:
            size = f"{self.width}:{self.height}"
            fitted = f"scale={size}:force_original_aspect_ratio=decrease,pad={size}:-1:-1:eval=frame"
            filters += [fitted, f"format={self.pixel_format}"]
        return filters

    @property
    def cropping_format(self) -> str:
        """Return the pixel format in which a picture is cut to the pixel without a loss."""
        return "yuv444p10le" if self.foreign_colours else "rgb24"

    def last_filters(self) -> list[str]:
        """Return the filters that bring scaled pictures to BT.709: floats are dear, so they come last."""
        if not self.foreign_colours:
            return []
        primaries = "bt2020" if self.primaries == "unknown" else self.primaries
        transfer = "bt709" if self.transfer == "unknown" else self.transfer
        matrix = "bt2020nc" if self.matrix == "unknown" else self.matrix
        span = "pc" if self.full_range else "tv"
        says = f"setparams=color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}:range={span}"
        to = "zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv444p"
        if not self.hdr:
            return [says, to]
        linear = f"zscale=t=linear:npl={_WHITE_NITS},format=gbrpf32le,zscale=p=bt709"
        return [says, linear, "tonemap=mobius", to]


def picture_form(stream: StreamHeader) -> PictureForm | None:
    """Read what a video stream's header says of its pictures; None when it does not say how large they are."""
    match = _SIZE.search(stream.text + " ")
    if match is None:
        return None
    words = [word.strip() for word in (match[2] or "").split(", ")]
    colours = next((word.split("/") for word in words if word.count("/") == 2), ["unknown"] * 3)
    if "bt2020" in words:  # one word when all three are called alike
        colours = ["bt2020nc", "bt2020", "unknown"]
    pixel = _PIXEL.search(stream.text)
    shape = (int(pixel[1]), int(pixel[2])) if pixel is not None else (1, 1)
    return PictureForm(
        width=int(match[3]),
        height=int(match[4]),
        pixel=shape if 0 not in shape and shape[0] != shape[1] else (1, 1),
        pixel_format=match[1],
        full_range="pc" in words,
        matrix=colours[0],
        primaries=colours[1],
        transfer=colours[2],
        interlaced=any(word.startswith(("top ", "bottom ")) for word in words),
        turned=stream.turned,
    )
