"""One short video, processed once for all tests that look at what comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_gen.video.dataset import VideoDataset
from data_gen.video.job import VideoJob
from data_gen.video.pipeline import process_video
from utils import assets
from utils.media.video import VideoWriter


@pytest.fixture(scope="session")
def portrait_video(tmp_path_factory) -> Path:
    """Write 2.4 s at 30 frames a second of a public-domain portrait that sways, with a humming sound."""
    from skimage.data import astronaut

    path = tmp_path_factory.mktemp("raw") / "my video.mp4"
    picture = astronaut()[:360, 20:480]
    time = np.arange(int(2.4 * 16_000)) / 16_000
    hum = (0.3 * np.sin(2 * np.pi * 140 * time) * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)
    with VideoWriter(path, 360, 440, fps=30, audio=hum) as writer:
        for index in range(72):
            shift = round(8 + 6 * np.sin(index / 9))
            writer.write(np.ascontiguousarray(picture[:, shift : shift + 440]))
    return path


@pytest.fixture(scope="session")
def done(portrait_video, tmp_path_factory) -> tuple[VideoJob, VideoDataset]:
    data_dir = tmp_path_factory.mktemp("data")
    job = VideoJob("Astro-1", portrait_video, size=128, data_dir=data_dir, licence="public domain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assets, "roots", lambda: [data_dir / "no_assets"])
        return job, process_video(job)
