"""How soon a live head shows its first frame, how many it draws a second, and how far they are from the written ones.

    python -m tests.benchmarks.live demo data/raw/val_wavs/demo.wav [--lookahead 8 16 24] [--seconds 60]

Sound is pushed in pieces of 10 ms. Time is CPU seconds of one thread, after loading; `first` counts from the piece that
lets the first frame out. `motion` is the part of a frame that is not drawing. The last columns compare with the frames
of `infer`: the mean difference of a pixel (0..255), and the correlation of how far the lips are open. `page` asks the
page for the film, as a browser does: wall seconds until the first fragment (0.2 s of film) and of the whole.
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from tasks.person.head import TalkingHead
from tasks.person.live import LiveHead
from tasks.person.page.programme import Programme
from tasks.person.page.server import Server
from tasks.speaking.mend import post_process
from tasks.speaking.sound import Sound
from utils.faces.landmarks import mouth_opening
from utils.media.wav import read_wav, write_wav

PIECE = 160


def listen(head: TalkingHead, wav: np.ndarray, lookahead: int | None) -> dict[str, object]:
    """Say a sound and return seconds of sound and of work until the first frame, per frame, frames and landmarks."""
    live = LiveHead(head, lookahead=lookahead)
    landmarks: list[np.ndarray] = []
    motion_s = 0.0
    advance = live.landmarks.advance

    def noted(count: int, finished: bool) -> tuple[np.ndarray, int]:
        nonlocal motion_s
        began = time.process_time()
        values, known = advance(count, finished)
        motion_s += time.process_time() - began
        landmarks.append(values[known : known + count])
        return values, known

    live.landmarks.advance = noted  # type: ignore[method-assign]
    frames: list[np.ndarray] = []
    first_s, heard_s, began = 0.0, 0.0, time.process_time()
    for start in range(0, len(wav), PIECE):
        pushed = time.process_time()
        for frame in live.push(wav[start : start + PIECE]):
            if not frames:
                first_s, heard_s = time.process_time() - pushed, (start + PIECE) / 16000
            frames.append(frame)
    frames += list(live.finish())
    total = time.process_time() - began
    return {
        "heard": heard_s, "first": first_s, "frame": total / len(frames), "motion": motion_s / len(frames),
        "frames": frames, "landmarks": np.concatenate(landmarks),
    }  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("person")
    parser.add_argument("sound")
    parser.add_argument("--renderer", default="auto")
    parser.add_argument("--lookahead", type=int, nargs="*", default=[8, 16, 24])
    parser.add_argument("--seconds", type=float, default=60, help="use at most so much of the sound")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        piece = Path(folder) / "piece.wav"
        write_wav(piece, read_wav(given.sound)[: int(16000 * given.seconds)])
        run(given, piece, Path(folder))


def run(given: argparse.Namespace, piece: Path, folder: Path) -> None:
    """Measure with one sound."""
    head = TalkingHead.load(given.person, renderer=given.renderer, device="cpu")
    began = time.process_time()
    written = list(head.speak(piece))
    each = (time.process_time() - began) / len(written)
    with Sound(piece) as sound:
        wav, raw, rms = sound.read(0, sound.frames)[: sound.samples], head.landmarks(sound), sound.rms()
    print(f"{given.person}: {len(written)} frames of {written[0].shape[1]} x {written[0].shape[0]}, 1 thread")
    print(f"written by infer: {1000 * each:.1f} ms CPU a frame")
    print(
        f"{'lookahead':>10} {'heard s':>8} {'first s':>8} {'ms/frame':>9} {'motion':>7} {'frames/s':>9} {'differ':>7} "
        f"{'lips r':>7}"
    )
    for lookahead in given.lookahead:
        found = listen(head, wav, lookahead)
        live = LiveHead(head).landmarks
        eyes = live.motion.frames(0, len(raw)).eye_ids
        wanted = post_process(raw, live.person, eyes, rms, head.settings, head.seed)
        apart = np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(found["frames"], written, strict=True)])
        lips = np.corrcoef(mouth_opening(found["landmarks"]), mouth_opening(wanted))[0, 1]
        print(
            f"{lookahead:>10} {found['heard']:>8.2f} {found['first']:>8.3f} {1000 * found['frame']:>9.1f} "
            f"{1000 * found['motion']:>7.1f} {1 / found['frame']:>9.1f} {apart:>7.3f} {lips:>7.4f}",
            flush=True,
        )
    stage = Programme(head, given.person, folder, max_bytes=1)
    speech = stage.add(piece, "sound")
    with Server(stage) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=600)
        began, cpu = time.monotonic(), time.process_time()
        connection.request("GET", f"/play/{speech.id}.mp4?token={server.token}")
        answer = connection.getresponse()
        body = answer.read(1)
        while b"mdat" not in body:
            body += answer.read1()
        first, first_cpu = time.monotonic() - began, time.process_time() - cpu
        answer.read()
        whole, whole_cpu = time.monotonic() - began, time.process_time() - cpu
        connection.close()
        server.shutdown()
    print(
        f"page: first fragment after {first_cpu:.2f} s CPU ({first:.2f} s wall), all {len(written)} frames after "
        f"{whole_cpu:.2f} s CPU ({whole:.1f} s wall), without the encoder's"
    )


if __name__ == "__main__":
    main()
