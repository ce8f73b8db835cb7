"""Who may ask a page on this machine, and what may be sent to it; the live page and the studio keep to the same."""

from __future__ import annotations

import errno
import hmac
import logging
from collections.abc import Collection, Iterable

from utils.command import plain, refused_by_machine

log = logging.getLogger("vizeme")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""What goes with every answer."""


class Refused(Exception):
    """A request that is not answered as asked: status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def refuse_stranger(
    names: Collection[str], host: str, origin: str | None, key: str, keys: Iterable[str]
) -> None:  # fmt: skip
    """Refuse a site whose name was made to point here, another site's page, and who has no key.

    Args:
        names: What the page may be called in `Host`.
        host, origin: As the request says.
        key: The page's key.
        keys: Those that came with the request.

    Raises:
        Refused: With 403.
    """
    if host not in names:
        raise Refused(403, "this page answers to 127.0.0.1 and localhost only")
    if origin is not None and origin not in {f"http://{name}" for name in names}:
        raise Refused(403, "another site's page may not ask this one")
    # as bytes, since only those may be anything; in constant time, since a clock would tell letter by letter
    if not any(hmac.compare_digest(one.encode("utf-8", "replace"), key.encode()) for one in keys):
        raise Refused(403, "open the whole address that the command printed: it ends in ?token= and the page's key")


def failure(error: Exception) -> tuple[int, str]:
    """Say in the log what went wrong while a request was answered; return the status and what its sender is told."""
    refusal = refused_by_machine(error)
    if refusal is None:
        log.exception("A request could not be answered", exc_info=error)
    else:
        log.warning("%s", plain(refusal))
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return 507, "the disk of this machine is full: free some room"
    return 500, "it failed: see the terminal"


def keys_in_cookies(headers: Iterable[str], cookie: str) -> list[str]:
    """Return the values of the cookies of one name, as the headers `Cookie` have them.

    Not by http.cookies, which reads none when one is odd: those of all programs on this machine come together.
    """
    pairs = (part.strip().partition("=") for text in headers for part in text.split(";"))
    return [value for name, _, value in pairs if name == cookie]


def is_sound(start: bytes) -> bool:
    """Tell by its first 16 bytes whether a file is wav, mp3, flac, ogg, m4a/mp4, webm, aiff or aac.

    ffmpeg would also follow play lists, which name other files of this machine.
    """
    beginnings = (b"ID3", b"fLaC", b"OggS", b"\x1aE\xdf\xa3", b"FORM")
    riff = start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE"
    frame = len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0
    return riff or frame or start.startswith(beginnings) or start[4:8] == b"ftyp"
