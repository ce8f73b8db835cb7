"""Read and write sound; turn it into features at 50 rows a second.

Conventions: `wav` is (S,) float32 mono, 16 000 samples a second, within [-1, 1]. Feature row k speaks of the 20 ms
from sample 320 k and is centred on time (k + 0.5) * 20 ms, whatever the feature; video frame t owns rows 2t, 2t+1.
A sound of S samples gives ceil(S / 320) rows.
"""

from __future__ import annotations

import functools
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.errors import AssetError, DataError
from utils.ffmpeg import Stream, existing_file, input_arguments
from utils.files import write_aside

if TYPE_CHECKING:
    import torch

RATE = 16_000
HOP = 320
WINDOW = 512
MEL_BANDS = 80
FEATURE_WIDTHS = {"mel": 80, "mfcc": 39, "whisper": 512, "hubert": 1024}
_BLOCK_ROWS = 4096


def read_wav(path: str | Path, rate: int = RATE) -> np.ndarray:
    """Read the sound of any file that ffmpeg reads as (S,) float32 mono at `rate`, from time 0 of the file.

    Raises:
        DataError: the file is missing, empty, or holds no sound.
    """
    file = existing_file(path)
    arguments = [*input_arguments(file), "-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", "1"]
    arguments += ["-af", f"aresample={rate}:async=1:first_pts=0", "-f", "f32le", "pipe:1"]
    blocks = []
    with Stream(arguments) as stream:
        while True:
            block = np.empty(1 << 20, np.float32)
            filled = stream.read_into(block.data.cast("B"))
            blocks.append(block[: filled // 4])
            if filled < block.nbytes:
                break
        if stream.finish() != 0:
            if "matches no streams" in stream.messages():
                raise DataError(f"{path} has no sound.")
            raise DataError(f"{path} could not be read as sound: {stream.last_message()}")
    wav = np.concatenate(blocks)
    if not len(wav):
        raise DataError(f"{path} holds no sound (0 samples).")
    return np.nan_to_num(wav, copy=False).clip(-1, 1)


def write_wav(path: str | Path, wav: np.ndarray, rate: int = RATE) -> None:
    """Write (S,) float32 as 16-bit mono, aside and renamed; values beyond [-1, 1] are clipped."""
    with write_aside(path) as aside, wave.open(str(aside), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        for start in range(0, len(wav), 1 << 20):
            block = np.clip(wav[start : start + (1 << 20)], -1, 1)
            file.writeframes(np.round(block * 32767).astype("<i2").tobytes())


def rows_of(samples: int) -> int:
    """Return how many feature rows a sound of so many samples has."""
    return -(-samples // HOP)


def fit_length(wav: np.ndarray, samples: int) -> np.ndarray:
    """Cut a sound, or lengthen it by silence, to exactly `samples`."""
    return np.pad(wav[:samples], (0, max(0, samples - len(wav))))


def mel(wav: np.ndarray) -> np.ndarray:
    """Return the (T50, 80) log10 mel spectrum: amplitudes, 80 to 7600 Hz, Hann window of 512, floor 1e-6."""
    bank = _mel_bank()
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    rows = [
        np.log10(np.maximum(1e-6, np.abs(np.fft.rfft(frames * window, axis=1)).astype(np.float32) @ bank.T))
        for frames in _framed(wav)
    ]
    return np.concatenate(rows).astype(np.float32)


@functools.cache
def _mel_bank() -> np.ndarray:
    import librosa

    bank: np.ndarray = librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=MEL_BANDS, fmin=80, fmax=7600)
    return bank


def mfcc(wav: np.ndarray) -> np.ndarray:
    """Return (T50, 39): 13 cepstral coefficients of python_speech_features, their slopes, and the slopes' slopes.

    The first coefficient is the log energy. Energies below one step of 16-bit sound count as one, so that
    digital silence and a quiet room are neighbours.
    """
    from python_speech_features import delta, fbank, lifter
    from scipy.fftpack import dct

    emphasised = np.append(wav[:1], wav[1:] - 0.97 * wav[:-1]) * 32768.0
    rows = []
    for frames in _framed(emphasised):
        starts_at_hop = np.append(frames[:, :HOP].reshape(-1), frames[-1, HOP:])
        bands, energy = fbank(
            starts_at_hop, RATE, WINDOW / RATE, HOP / RATE, nfft=WINDOW, preemph=0, winfunc=np.hamming
        )
        cepstrum = lifter(dct(np.log(np.maximum(bands, 1)), type=2, axis=1, norm="ortho")[:, :13], 22)
        cepstrum[:, 0] = np.log(np.maximum(energy, 1))
        rows.append(cepstrum)
    cepstra = np.concatenate(rows)
    slopes = delta(cepstra, 2)
    return np.concatenate([cepstra, slopes, delta(slopes, 2)], axis=1).astype(np.float32)


def rms(wav: np.ndarray) -> np.ndarray:
    """Return the (T50,) root mean square of each 20 ms."""
    blocks = fit_length(wav, rows_of(len(wav)) * HOP).reshape(-1, HOP)
    return np.sqrt(np.mean(np.square(blocks, dtype=np.float32), axis=1))


def pitch_hz(wav: np.ndarray, *, floor_hz: float = 75.0, ceiling_hz: float = 600.0) -> np.ndarray:
    """Return the (T50,) pitch in Hz, 0 where unvoiced.

    The peaks of the autocorrelation, divided by the window's own, are the candidates of a row; the cheapest path
    through them (costs for octave jumps and for changing between voiced and unvoiced) is the answer.
    """
    from utils.pitch import best_path, candidates

    length = 3 * int(RATE / floor_hz)
    peak = float(np.abs(wav).max(initial=0.0))
    if peak == 0:
        return np.zeros(rows_of(len(wav)), np.float32)
    found = [candidates(frames, RATE, floor_hz, ceiling_hz, peak) for frames in _framed(wav, length)]
    return best_path(np.concatenate([f for f, _ in found]), np.concatenate([s for _, s in found]))


def whisper(wav: np.ndarray, folder: str | Path | None = None, *, window: int = 1500) -> np.ndarray:
    """Return (T50, 512): the last layer of the Whisper-base encoder.

    Windows of 30 s overlap by 10 s and give their middle, so memory does not grow with the window count.

    Args:
        folder: Where the model lies (config.json, model.safetensors); None asks `utils.assets`.
        window: Rows that the network sees at once. Fewer than the 1500 (30 s) that it was trained with cost less and
            give other features.
    """
    import torch

    model, features = _whisper_model(_model_folder(folder, "whisper_base_encoder"), window)
    parts = []
    for start, first, stop in _windows(rows_of(len(wav)), window, window // 6):
        # The encoder centres row k on 20 k ms; half a row later is where ours is.
        begin = start * HOP + HOP // 2
        sound = fit_length(wav[begin : begin + window * HOP], window * HOP)
        spectrum = features(sound, sampling_rate=RATE, return_tensors="pt").input_features
        with torch.inference_mode():
            hidden = model(spectrum.to(next(model.parameters()).dtype)).last_hidden_state[0]
        parts.append(hidden[first - start : stop - start].float().numpy())
    return np.concatenate(parts)


def hubert(wav: np.ndarray, folder: str | Path | None = None) -> np.ndarray:
    """Return (T50, 1024): the last hidden state of HuBERT-large, in windows of 20 s that overlap by 5 s.

    Args:
        folder: Where the model lies in transformers' layout; None asks `utils.assets`.
    """
    import torch

    model = _hubert_model(_model_folder(folder, "hubert_large"))
    rows = rows_of(len(wav))
    loud = (wav - wav.mean()) / np.sqrt(wav.var() + 1e-7)
    # The convolutions see 400 samples each 320: 40 more on either side centre a row on its own 20 ms.
    padded = np.pad(loud, (40, 40 + rows * HOP - len(loud))).astype(np.float32)
    window = 1000
    parts = []
    for start, first, stop in _windows(rows, window, 125):
        end = min(start + window, rows)
        with torch.inference_mode():
            sound = torch.from_numpy(padded[start * HOP : end * HOP + 80])[None]
            hidden = model(sound).last_hidden_state[0]
        parts.append(hidden[first - start : stop - start].float().numpy())
    return np.concatenate(parts)


def audio_features(wav: np.ndarray, name: str, frames: int | None = None) -> np.ndarray:
    """Return a feature by name, exactly two rows a video frame: (2T, C), or (2T,) for `pitch_hz` and `rms`.

    Args:
        wav: (S,) float32 at 16 kHz.
        name: mel, mfcc, whisper, hubert, pitch_hz or rms.
        frames: T, the number of video frames; None takes as many as the sound fills. The sound is cut or
            lengthened by silence to them.
    """
    makers: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "mel": mel,
        "mfcc": mfcc,
        "whisper": whisper,
        "hubert": hubert,
        "pitch_hz": pitch_hz,
        "rms": rms,
    }
    if name not in makers:
        raise DataError(f"No audio feature is called '{name}'. Known: {', '.join(makers)}.")
    count = -(-len(wav) // (2 * HOP)) if frames is None else frames
    if count < 1:
        raise DataError("The sound holds no video frame (0 samples).")
    return makers[name](fit_length(wav, count * 2 * HOP))


def _framed(wav: np.ndarray, length: int = WINDOW) -> Iterator[np.ndarray]:
    """Yield blocks of (rows, length) windows, row k centred on sample 320 k + 160, silence beyond the ends."""
    rows = rows_of(len(wav))
    before = (length - HOP) // 2
    padded = np.pad(wav, (before, max(0, (rows - 1) * HOP + length - before - len(wav))))
    for start in range(0, rows, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, rows)
        piece = padded[start * HOP : (stop - 1) * HOP + length]
        yield np.lib.stride_tricks.sliding_window_view(piece, length)[::HOP]


def _windows(rows: int, window: int, margin: int) -> Iterator[tuple[int, int, int]]:
    """Yield (start of the window, first row kept, row after the last kept) so that all rows are kept once."""
    first = 0
    while first < rows:
        start = max(0, first - margin)
        stop = rows if start + window >= rows else start + window - margin
        yield start, first, stop
        first = stop


def _model_folder(folder: str | Path | None, name: str) -> str:
    from utils.assets import asset_path

    return str(Path(folder).resolve() if folder is not None else asset_path(name))


@functools.lru_cache(maxsize=2)
def _whisper_model(folder: str, window: int = 1500) -> tuple[torch.nn.Module, Callable[..., Any]]:
    from safetensors.torch import load_file
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    with _complete(folder, "whisper_base_encoder"):
        config = WhisperConfig.from_json_file(f"{folder}/config.json")
        config.max_source_positions = window
        model = WhisperEncoder(config).eval()
        weights = load_file(f"{folder}/model.safetensors")
        found = {name.split("encoder.", 1)[1]: value.float() for name, value in weights.items() if "encoder." in name}
        found["embed_positions.weight"] = found["embed_positions.weight"][:window]
        model.load_state_dict({name: value for name, value in found.items() if name in model.state_dict()})
        features = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True, chunk_length=window // 50)
        return model, features


@functools.lru_cache(maxsize=1)
def _hubert_model(folder: str) -> torch.nn.Module:
    from transformers import HubertModel

    with _complete(folder, "hubert_large"):
        return HubertModel.from_pretrained(folder, local_files_only=True).eval()


@contextmanager
def _complete(folder: str, name: str) -> Iterator[None]:
    """Turn what goes wrong while a model is read into one line that names its folder."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise AssetError(
            f"{folder} does not hold the whole model ({reason}). "
            f"Delete it, then: python -m utils.assets download {name}"
        ) from None
