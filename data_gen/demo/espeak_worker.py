"""Speak one text with espeak-ng and write the sound and its phonemes to stdout.

Run as a child process by `speech.py`, never imported: espeak-ng keeps global state and is GPL, so it stays
behind a pipe. Reads one JSON object {"text", "voice", "variant", "rate", "pitch", "range"} from stdin; writes one
JSON line {"sample_rate", "samples", "phonemes": [[mnemonic, sample], ...], "words": [[position, length, sample],
...]} and then the samples as int16.
"""

from __future__ import annotations

import ctypes
import json
import sys

import espeakng_loader

AUDIO_OUTPUT_SYNCHRONOUS = 2
PHONEME_EVENTS = 1
CHARS_UTF8, END_PAUSE = 1, 0x1000
RATE, PITCH, RANGE = 1, 3, 4
EVENT_END, EVENT_WORD, EVENT_PHONEME = 0, 1, 7


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


def main() -> int:
    """Speak the request on stdin; return 0, or 1 with the reason on stderr."""
    request = json.loads(sys.stdin.buffer.read())
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data_path = espeakng_loader.get_data_path().encode()
    sample_rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path, PHONEME_EVENTS)
    if sample_rate <= 0:
        print("espeak-ng did not start", file=sys.stderr)
        return 1
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    name = request["voice"] + (f"+{request['variant']}" if request.get("variant") else "")
    if library.espeak_SetVoiceByName(name.encode()) != 0:
        print(f"espeak-ng has no voice {name!r}", file=sys.stderr)
        return 1
    for parameter, key in ((RATE, "rate"), (PITCH, "pitch"), (RANGE, "range")):
        library.espeak_SetParameter(parameter, int(request[key]), 0)

    sound = bytearray()
    phonemes: list[tuple[str, int]] = []
    words: list[tuple[int, int, int]] = []

    def receive(samples: int | None, count: int, events: ctypes.Array[_Event]) -> int:
        index = 0
        while events[index].type != EVENT_END:
            event = events[index]
            position = round(event.audio_position * sample_rate / 1000)
            if event.type == EVENT_PHONEME:
                phonemes.append((event.id.string.decode("utf-8", "replace"), position))
            elif event.type == EVENT_WORD:
                words.append((event.text_position - 1, event.length, position))
            index += 1
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        return 0

    callback_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))
    callback = callback_type(receive)
    library.espeak_SetSynthCallback(callback)
    text = request["text"].encode() + b"\0"
    code = library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 0, 0, CHARS_UTF8 | END_PAUSE, None, None)
    library.espeak_Synchronize()
    if code != 0 or not sound:
        print(f"espeak-ng made no sound (code {code})", file=sys.stderr)
        return 1
    header = {"sample_rate": sample_rate, "samples": len(sound) // 2, "phonemes": phonemes, "words": words}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + bytes(sound))
    return 0


if __name__ == "__main__":
    sys.exit(main())
