"""Does a task learn as well in bfloat16 as in 32 bits? Short trainings of small networks, figures side by side.

    python -m tests.benchmarks.bf16 [names ...] [--updates 150] [--seeds 2] [--out FOLDER]
                                    [--videos data/binary/videos --video_id ID]

Each task is trained by the same command that a user types, from the same first weights and on the same batches, once
with `precision: 32` and once with `precision: bf16`, for several seeds; the table shows the validation figures at the
end, and below them how far two seeds lie apart in 32 bits: what bf16 changes should be of that size. Data is made
(drawn faces, buzzing voices); the motion tasks take a processed video when one is named. A task that stands on others
(postnet on lm3d_vae_sync on syncnet, ve_conv on face_decoder on face_encoder) gets those of 32 bits and the first seed.
With --out the runs are kept, and the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

from tasks import run
from tasks.core.checkpoints import read_index
from utils.paths import ROOT

PRECISIONS = ("32", "bf16")
Figures = dict[str, float]


class Trial(NamedTuple):
    """How one task is tried.

    Args:
        recipe: The recipe, below egs/datasets.
        settings: What makes it small.
        needs: Setting that names an earlier run -> that task.
        shown: Validation figures of the table.
        share: Share of --updates.
    """

    recipe: str
    settings: tuple[str, ...]
    needs: dict[str, str]
    shown: tuple[str, ...]
    share: float = 1.0


FEATURE = "feature_dim=64"
TRIALS: dict[str, Trial] = {
    "syncnet": Trial("videos/person_small/syncnet", ("audio_feature=mel",), {}, ("sync", "auc", "offset_within_1"), 2),
    "lm3d_vae_sync": Trial(
        "videos/person_small/lm3d_vae_sync",
        ("audio_feature=mel",),
        {"syncnet_work_dir": "syncnet"},
        ("lip_error", "lip_correlation", "mse"),
        2,
    ),
    "postnet": Trial(
        "videos/person_small/postnet",
        ("audio_feature=mel", "postnet_lr=2.0e-4", "warmup_updates=10"),
        {"syncnet_work_dir": "syncnet", "audio2motion_work_dir": "lm3d_vae_sync"},
        ("lip_error", "mse", "sync"),
    ),
    "face_encoder": Trial(
        "face_voice/face_encoder", (FEATURE, "size=64", "width=0.125", "batch_size=16", "lr=1.0e-3"), {}, ("auc",)
    ),
    "face_decoder": Trial(
        "face_voice/face_decoder",
        (FEATURE, "size=64", "width=0.125", "batch_size=16"),
        {"face_encoder": "face_encoder"},
        ("face_cosine", "landmark_error", "texture"),
    ),
    "ve_conv": Trial(
        "face_voice/ve_conv",
        (FEATURE, "width=0.125", "audio_seconds=2.8", "batch_size=8", "weights.contrastive=0.2"),
        {"face_encoder": "face_encoder", "face_decoder_work_dir": "face_decoder"},
        ("cosine", "recall_1", "total_loss"),
        0.5,
    ),
    "template_decoder": Trial(
        "faces/template_decoder_light",
        ("batch_size=4", "eval_max_samples=16", "recogniser_after=0"),
        {},
        ("cosine", "pixel"),
        0.5,
    ),
    "wav2pix": Trial(
        "speakers/wav2pix_small", ("batch_size=8", "epochs=0", "ema_decay=0.9"), {}, ("l1", "speaker_told"), 0.6
    ),
}


class House:
    """A folder with data and runs.

    Args:
        folder: Where.
        updates: Of a training, before a trial's share.
        video: Folder of processed videos and the name of one; None makes one.
    """

    def __init__(self, folder: Path, updates: int, video: tuple[str, str] | None) -> None:
        self.folder, self.updates, self.video = folder, updates, video

    def data(self, name: str) -> list[str]:
        """Make the data of a task once, and return the settings that name it."""
        if TRIALS[name].recipe.startswith("videos"):
            if self.video is None:
                self._once("videos/made", self._video)
            videos, video_id = self.video or (str(self.folder / "videos"), "made")
            return [f"person_binary_data_dir={videos}", f"video_id={video_id}"]
        make = {"template_decoder": self._templates, "wav2pix": self._speakers}.get(name, self._persons)
        place = self._once({"template_decoder": "templates", "wav2pix": "pairs"}.get(name, "persons"), make)
        known_by = [f"infer_recogniser={self.folder / 'recogniser.onnx'}"] if name == "template_decoder" else []
        return [f"binary_data_dir={place}", *known_by]

    def _once(self, name: str, make: object) -> Path:
        place = self.folder / name
        if not place.exists():
            assert callable(make)
            make(place)
        return place

    def _video(self, place: Path) -> None:
        from tests.made import make_video_dataset

        make_video_dataset(place, frames=1500, size=32)

    def _persons(self, place: Path) -> None:
        from tests.made_persons import make_persons

        make_persons(place, 40, faces=4)

    def _templates(self, place: Path) -> None:
        from data_gen import run as data_run
        from tests.made_faces import make_faces, make_recogniser

        make_faces(self.folder / "faces", people=12, photos=6)
        given = ["--faces", self.folder / "faces", "--out", place]
        given += ["--recogniser", make_recogniser(self.folder / "recogniser.onnx")]
        data_run.main(["templates", *map(str, given), "--aligned", "--val_identities", "3"])

    def _speakers(self, place: Path) -> None:
        from data_gen import run as data_run
        from tests.made_faces import make_speakers

        make_speakers(self.folder / "speakers", speakers=3, takes=12)
        data_run.main(["wav2pix", "--pairs", str(self.folder / "speakers"), "--out", str(place)])

    def train(self, name: str, precision: str, seed: int) -> Figures:
        """Train one task, unless it is trained already, and return its validation figures at the end."""
        trial = TRIALS[name]
        updates = max(4, round(trial.share * self.updates))
        settings = [*self.data(name), *trial.settings, f"precision={precision}", f"seed={seed}"]
        settings += [f"max_updates={updates}", f"val_check_interval={updates}", "num_valid_plots=0"]
        for setting, earlier in trial.needs.items():
            self.train(earlier, PRECISIONS[0], 1)
            settings.append(f"{setting}={self.place(earlier, PRECISIONS[0], 1)}")
        place = self.place(name, precision, seed)
        if updates not in read_index(place):
            words = [f"--config={ROOT / 'egs/datasets' / trial.recipe}.yaml", f"--exp_name={place}"]
            run.main(words + [word for setting in settings for word in ("--set", setting)])
        return {key.removeprefix("val/"): value for key, value in read_index(place)[updates].items()}

    def place(self, name: str, precision: str, seed: int) -> Path:
        """Return the folder of a run."""
        return self.folder / "runs" / f"{name}_{precision}_{seed}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"tasks (default: all): {', '.join(TRIALS)}")
    parser.add_argument("--updates", type=int, default=150, help="of a training; some tasks take a share of them")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, help="keep data and runs here")
    parser.add_argument("--videos", default="data/binary/videos", help="folder of processed videos")
    parser.add_argument("--video_id", default="", help="processed video for the motion tasks; empty makes one")
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(TRIALS)):
        parser.error(f"no such task: {', '.join(unknown)}")
    logging.disable(logging.INFO)
    with contextlib.ExitStack() as stack:
        folder = given.out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        video = (str(Path(given.videos).resolve()), given.video_id) if given.video_id else None
        house = House(folder.resolve(), given.updates, video)
        print("| task | updates | figure | 32 | bf16 | bf16 - 32 | seeds apart (32) |")
        print("|---|---|---|---|---|---|---|")
        for name in given.names or TRIALS:
            seeds = range(1, given.seeds + 1)
            found = {p: [house.train(name, p, seed) for seed in seeds] for p in PRECISIONS}
            for figure in TRIALS[name].shown:
                full, half = ([run_[figure] for run_ in found[p]] for p in PRECISIONS)
                change = statistics.mean(half) - statistics.mean(full)
                apart = max(full) - min(full)
                cells = [" / ".join(f"{value:.4f}" for value in values) for values in (full, half)]
                updates = max(4, round(TRIALS[name].share * given.updates))
                ends = f"{change:+.4f} | {apart:.4f} |"
                print(f"| {name} | {updates} | {figure} | {cells[0]} | {cells[1]} | {ends}", flush=True)


if __name__ == "__main__":
    main()
