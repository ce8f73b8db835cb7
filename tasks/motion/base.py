"""What the motion tasks share: windows to learn from and to be judged by, and speaking into a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from data_gen.clips.corpus import MotionBatch, MotionCorpus
from tasks.core.loading import load_frozen
from tasks.core.task import Task
from tasks.motion.config import MotionConfig
from tasks.motion.data import WindowSource, open_corpus, val_batches
from tasks.motion.windows import read_speech, write_landmarks


class MotionTask(Task):
    """Learn from random windows of a corpus; be judged by the ten-second windows held out of it."""

    cfg: MotionConfig

    def __init__(self, config: MotionConfig) -> None:
        super().__init__(config)
        self._val: list[MotionBatch] = []
        self._corpus: MotionCorpus | None = None

    def open_data(self) -> MotionCorpus:
        """Open both parts of the data that the recipe names, and return the one to learn from."""
        self._corpus = open_corpus(self.cfg, "train")
        self._val = val_batches(open_corpus(self.cfg, "val"), self.cfg.eval_max_batches)
        self.data_fingerprint = self._corpus.fingerprint
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

    def predict(
        self,
        audio: Tensor,
        pitch_hz: Tensor | None = None,
        *,
        seed: int = 0,
        temperature: float | None = None,
        first: int = 0,
    ) -> Tensor:
        """Imagine landmarks (T, 68, 3) for features (2T, audio_dim) and pitch (2T,) of any length."""
        raise NotImplementedError

    def infer(self) -> None:
        """Speak `infer_audio_source_name` into `infer_out_npy_name`."""
        audio, pitch = read_speech(self.cfg.infer_audio_source_name, self.cfg.audio_feature)
        landmarks = self.predict(audio, pitch, seed=self.cfg.infer_seed)
        print(write_landmarks(self.cfg.infer_out_npy_name, landmarks, self.work_dir))
