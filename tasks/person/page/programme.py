"""What the page can show: one person, the sounds that it may say, and whose turn it is."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.person.live import play_sound
from tasks.person.mp4_stream import Mp4Stream
from tasks.person.page.guard import Refused
from tasks.speaking.sound import Sound

if TYPE_CHECKING:
    from tasks.person.head import TalkingHead


MAX_UPLOADS, MAX_ARRIVING = 20, 4
"""Uploads that are kept, and that may arrive at a time: what all of them take is bounded by the largest allowed."""
WAIT_S = 10.0
"""How long a request waits for the one that is being drawn to end."""


@dataclass(frozen=True)
class Speech:
    """Something that can be spoken."""

    id: str
    name: str
    path: Path
    frames: int
    track: int | None = None
    """Which of its tracks of sound is heard, from 0; None is the loudest."""


class Programme:
    """Keep the sounds that one person may say, and let one speech be drawn at a time.

    Args:
        head: The talking head.
        person: Its name.
        folder: Where uploads are kept until the end.
        max_bytes: Largest upload.
    """

    def __init__(self, head: TalkingHead, person: str, folder: Path, *, max_bytes: int) -> None:
        self.head, self.person, self.folder, self.max_bytes = head, person, folder, max_bytes
        self.speeches: dict[str, Speech] = {}
        self.uploads: list[str] = []
        self.stopping = threading.Event()
        self.waiting = 0
        """Requests that wait for the one that is being drawn to end."""
        self._speaking = threading.Lock()
        self._listing = threading.Lock()
        self._arriving = threading.BoundedSemaphore(MAX_ARRIVING)

    def add(self, path: Path, name: str, *, uploaded: bool = False, track: int | None = None) -> Speech:
        """Take up a sound, of which a track is heard (None: the loudest); of uploads only the last 20 are kept.

        Raises:
            DataError: It cannot be read.
        """
        with Sound(path, track) as sound:
            speech = Speech(secrets.token_hex(8), name, path, sound.frames, track)
        with self._listing:
            self.speeches[speech.id] = speech
            if uploaded:
                self.uploads.append(speech.id)
                if len(self.uploads) > MAX_UPLOADS:
                    self.speeches.pop(self.uploads.pop(0)).path.unlink(missing_ok=True)
        return speech

    @contextmanager
    def arrival(self) -> Iterator[Path]:
        """Give a new file's path to an upload that begins to arrive; what was not taken up is deleted at the end.

        Raises:
            Refused: Too many arrive already.
        """
        if not self._arriving.acquire(blocking=False):
            raise Refused(503, f"{MAX_ARRIVING} sounds are arriving already; send it again when they have")
        path = self.folder / secrets.token_hex(8)
        try:
            yield path
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            self._arriving.release()

    def play(self, speech: Speech, send: Callable[[bytes], object]) -> None:
        """Draw a speech and hand the bytes of the mp4 to `send`; one at a time.

        Raises:
            Refused: Another one is being drawn and does not end.
        """
        with self._turn(), Sound(speech.path, speech.track) as sound:
            frames = play_sound(self.head, sound)
            first = next(frames)
            pictures = _rest(first, frames)
            how: dict[str, Any] = {"track": speech.track, "marks": self.head.marks("stream")}
            with Mp4Stream(pictures, first.shape[:2], speech.path, speech.frames, **how) as stream:
                for block in stream:
                    if self.stopping.is_set():
                        return
                    send(block)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until nobody else is drawing; who draws sees `waiting` and gives way when its player takes nothing."""
        with self._listing:
            self.waiting += 1
        try:
            free = self._speaking.acquire(timeout=WAIT_S)
        finally:
            with self._listing:
                self.waiting -= 1
        if not free:
            raise Refused(503, "another speech is being played")
        try:
            yield
        finally:
            self._speaking.release()


def _rest(first: Any, others: Any) -> Any:
    """Yield a frame and those that follow it; closing it closes them."""
    try:
        yield first
        yield from others
    finally:
        others.close()
