"""What the motion tasks share: windows to learn from and to be judged by, and speaking into a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch, MotionCorpus
from data_gen.ear import refuse_other_ear
from tasks.core.loading import load_frozen
from tasks.core.task import Task
from tasks.motion.config import MotionConfig
from tasks.motion.data import WindowSource, open_corpus, val_batches
from tasks.motion.windows import read_speech, write_landmarks
from utils.errors import ConfigError, DataError
from utils.paths import show_path


class MotionTask(Task):
    """Learn from random windows of a corpus; be judged by the ten-second windows held out of it."""

    cfg: MotionConfig

    def __init__(self, config: MotionConfig) -> None:
        super().__init__(config)
        self._val: list[MotionBatch] = []
        self._corpus: MotionCorpus | None = None
        self._sound_level: str | None = None
        self._ear = ""

    @property
    def sound_level(self) -> str:
        """Return how the sound was levelled that this was trained with (`utils.sound.speech_level`)."""
        return self._sound_level or ""

    @property
    def hears_any_sound(self) -> bool:
        """Say whether it is not known how the sound was levelled, as of a run that was imported: any will do."""
        return self._sound_level is None

    def hear_as(self, sound_level: str) -> None:
        """Take over how the data's sound is levelled, or the saved run's.

        Raises:
            ConfigError: The two are not the same.
        """
        if self._sound_level not in (None, sound_level):
            told = [f"levelled ('{level}')" if level else "as recorded" for level in (self.sound_level, sound_level)]
            raise ConfigError(
                f"The sound of the data and that of the run differ: one is {told[0]}, the other {told[1]}. The data "
                "was made again since the run was begun: train it anew with --reset (the old run is set aside)."
            )
        self._sound_level = sound_level

    def extra_state(self) -> dict[str, Any]:
        """Keep how the sound was levelled, and by which ear it was heard."""
        return {"sound_level": self._sound_level, **({"ear": self._ear} if self._ear else {})}

    def on_load_extra(self, extra: dict[str, Any]) -> None:
        """Take it back; a run of ours that does not say was trained with sound as it was recorded.

        Raises:
            ConfigError: What `audio_feature` names is another ear by now.
        """
        self._ear = str(extra.get("ear", ""))
        again = "Bring that ear back, or train anew with --reset (the old run is set aside)."
        what = show_path(self.work_dir) if self.work_dir else "The run"
        refuse_other_ear(self.cfg.audio_feature, self._ear, what, again)
        level = extra.get("sound_level", "")
        if level is not None:
            self.hear_as(str(level))

    def open_data(self) -> MotionCorpus:
        """Open both parts of the data that the recipe names, and return the one to learn from."""
        self._corpus = open_corpus(self.cfg, "train")
        self._val = val_batches(open_corpus(self.cfg, "val"), self.cfg.eval_max_batches)
        self.data_fingerprint = self._corpus.fingerprint
        self.hear_as(self._corpus.sound_level)
        self._ear = self._corpus.ear
        return self._corpus

    def train_source(self) -> Any:
        """Draw random windows."""
        assert self._corpus is not None, "prepare() opens the corpus"
        return WindowSource(self._corpus, self.cfg)

    def val_source(self) -> Sequence[MotionBatch]:
        """Return the ten-second validation windows."""
        return self._val


class SpeakingTask(MotionTask):
    """Turn speech into landmarks, kept in step by a frozen SyncNet when `weights.sync` asks for it."""

    cfg: Any

    def load_syncnet(self) -> None:
        """Load SyncNet when its loss counts.

        Raises:
            ConfigError: It is none, or listens to another speech feature.
        """
        if self.cfg.weights.sync:
            work_dir = self.cfg.earlier_run(self.cfg.syncnet_work_dir, "syncnet", self.work_dir)
            load_frozen(self, "syncnet", work_dir, self.cfg.syncnet_ckpt_steps, kind="syncnet")

    @torch.no_grad()
    def predict(
        self,
        audio: Tensor,
        pitch_hz: Tensor | None = None,
        *,
        seed: int = 0,
        temperature: float | None = None,
        first: int = 0,
    ) -> Tensor:
        """Imagine landmarks (T, 68, 3) for speech of any length, in overlapping windows of bounded memory.

        Args:
            audio: (2T, audio_dim) features, as
                `data_gen.speech_features.audio_features(wav, task.cfg.audio_feature, frames=T)`.
            pitch_hz: (2T,) Hz, needed when the network listens to pitch.
            seed: The same seed gives the same motion.
            temperature: Spread of the prior's noise; the recipe's `infer_temperature` when None.
            first: Which frame of a longer speech the first one is, a multiple of 4: it has the noise of the whole.

        Raises:
            DataError: The network imagines what is no number.
        """
        audio = torch.as_tensor(audio, dtype=torch.float32)
        pitch_hz = None if pitch_hz is None else torch.as_tensor(pitch_hz, dtype=torch.float32)
        temperature = self.cfg.infer_temperature if temperature is None else temperature
        landmarks = self.imagine(audio, pitch_hz, seed=seed, temperature=temperature, first=first)
        if not torch.isfinite(landmarks).all():
            spoilt = f"The landmarks of {self.cfg.task_cls} are no numbers: its checkpoint is spoilt"
            raise DataError(f"{spoilt}. Choose another: --steps=N")
        return landmarks

    def imagine(self, audio: Tensor, pitch_hz: Tensor | None, *, seed: int, temperature: float, first: int) -> Tensor:
        """Imagine landmarks (T, 68, 3) as `predict` says, its defaults filled in."""
        raise NotImplementedError

    def infer(self) -> None:
        """Speak `infer_audio_source_name` into `infer_out_npy_name`."""
        cfg = self.cfg
        source, track = cfg.infer_audio_source_name, cfg.infer_audio_track
        audio, pitch = read_speech(source, cfg.audio_feature, sound_level=self.sound_level, track=track)
        landmarks = self.predict(audio, pitch, seed=self.cfg.infer_seed)
        sound = Path(self.cfg.infer_audio_source_name)
        print(write_landmarks(self.cfg.infer_out_npy_name, landmarks, self.work_dir, sound))
