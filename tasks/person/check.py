"""Walk the chain from one person's video to their speaking face, and say of every stage whether it is sound.

    python tasks/talking_head.py check May
    python tasks/talking_head.py check demo/ve_conv   # a run of another family, as tasks/run.py --check does

Judged on the held-out end of the video: sound against picture, SyncNet on the recorded lips, the lips imagined from
the sound before and after postnet, how much of that lies outside what this face does, and the rendered face. A stage
that is not trained yet is said to be, with the command. The figures also go to infer_out/<id>/check.json.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch, MotionCorpus
from data_gen.video.dataset import VideoDataset, open_video
from data_gen.video.sync_offset import measure_offset
from tasks.core.checkpoints import Steps, checkpoint_files, parse_steps, training_command, work_dir_of
from tasks.core.loading import load_task
from tasks.motion.losses import lip_metrics
from tasks.person.runs import HEAD_FIRST, POSTNETS, SYNCNETS
from tasks.person.settings import CheckCommand
from tasks.renderer.footage import spread
from tasks.verdicts.door import check_run, config_named, results_of
from tasks.verdicts.findings import Finding, Limit, absent, one_line, tell, worst
from utils.errors import ConfigError, UserError
from utils.faces.landmarks import MOUTH, from_offsets
from utils.faces.lip_figures import Stretch, lip_figures
from utils.rates import FPS

LIMITS: dict[str, Limit] = {
    "offset_frames": Limit(0.75, 1.5, rising=False),
    "offset_within_1": Limit(0.8, 0.5),
    "offset_within_1_kept": Limit(0.9, 0.6),
    "lip_correlation": Limit(0.75, 0.5),
    "lip_error_ratio": Limit(1.02, 1.1, rising=False),
    "outside": Limit(0.02, 0.1, rising=False),
    "lip_spread": Limit(0.7, 0.5),
    "closure_recall": Limit(0.5, 0.25),
    "trembling": Limit(1.3, 2.0, rising=False),
    "face_psnr": Limit(26.0, 22.0),
}
"""From where on the figures of a talking head are good, fair or poor."""
SPEECH = ("lm3d_vae_sync",)
"""The head alone is judged, where it is trained: what it does not do well, a torso does not mend."""
LEAST_CLOSURES = 8
"""Fewer closures of the real lips say little of how many the imagined ones miss."""
RANGE_MARGIN = 0.1
"""The range of a coordinate is widened by this share of itself before something counts as outside."""


def main(args: CheckCommand) -> int:
    """Check, print and write; return 0 whatever was found."""
    if (config := config_named(args.id)) is not None:
        run = work_dir_of(args.id)
        out = args.out or results_of(run) / "check.json"
        check_run(config, run, parse_steps(args.steps), out, as_json=args.json_)
        return 0
    out = args.out or Path("infer_out") / args.id / "check.json"
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder. Name the JSON to write.")
    video = open_video(args.id, args.binary_dir)
    chain = Chain(video, args.checkpoints or Path("checkpoints") / args.id, parse_steps(args.steps))
    tell(chain.stages(args.frames), out, {"id": args.id}, LIMITS, as_json=args.json_)
    return 0


class Chain:
    """A person's video and runs.

    Args:
        video: The processed video.
        folder: Where the runs of this person lie, each in a folder of its task's name.
        steps: Which checkpoints.
    """

    def __init__(self, video: VideoDataset, folder: Path, steps: Steps = "best") -> None:
        self.video, self.folder, self.steps = video, folder, steps
        self._windows: dict[str, list[MotionBatch]] = {}

    def stages(self, frames: int) -> Iterator[Finding]:
        """Judge one stage after the other; a later one may need an earlier one's networks."""
        yield self.picture_and_sound()
        syncnet, missing = self.load(SYNCNETS)
        real = None
        if syncnet is None:
            yield absent("SyncNet on the recorded lips", missing)
        else:
            stage, real = self.recorded(syncnet)
            yield stage
        before = None
        for name, names in (("lips imagined from the sound", SPEECH), ("lips after postnet", POSTNETS)):
            task, missing = self.load(names)
            if task is None:
                yield absent(name, missing)
                continue
            try:
                imagined = self.imagine(task)
                yield (stage := self.imagined(name, task, imagined, syncnet, real, before))
                before = stage.figures
            except UserError as error:
                yield Finding(name, "not measured", one_line(error), means="The network could not be asked.")
                continue
            yield self.range_of(name, imagined)
        if frames:
            yield self.rendered(frames)

    def load(self, names: tuple[str, ...]) -> tuple[Any, str]:
        """Load a person's run by the first name that is there; else None and how to train it."""
        folders = [work_dir_of(self.folder / name) for name in names]
        folder = next((folder for folder in folders if checkpoint_files(folder)), None)
        if folder is None:
            return None, training_command(folders[0])
        try:
            task: Any = load_task(folder, self.steps, kind=names)
            if hasattr(task, "hear_as"):
                task.hear_as(self.video.meta.sound_level)
            return task, ""
        except UserError as error:
            return None, one_line(error)

    def picture_and_sound(self) -> Finding:
        """Measure how late the sound is, from pixels and spectrum, without any network."""
        meta = self.video.meta
        offset = measure_offset(self.video.landmarks_px, self.video.audio("mel"), self.video.kept)
        face_share = float(self.video.motion("face_found")[self.video.kept].mean())
        about = f"{meta.frames / FPS:.0f} s, of which {(meta.frames - meta.val_start) / FPS:.0f} s are held out"
        figures = {"offset_frames": offset.frames, "uncertainty_frames": offset.uncertainty, "face_found": face_share}
        means = "The network would learn lips that come before or after their sound."
        if not offset.measurable:
            said = (
                f"{about}; no clear offset between lips and sound (peak {offset.peak:.2f}, elsewhere {offset.rest:.2f})"
            )
            remedy = "Look whether the speech is this person's, and loud and clear; give a longer video."
            means = "Lips and sound may not belong together."
            return Finding("picture and sound", "fair", said, figures, means, remedy)
        moved = f", after {meta.av_offset_frames:+.1f} were corrected" if meta.av_offset_frames else ""
        said = f"{about}; the sound is {offset.frames:+.2f} frames late (+-{offset.uncertainty:.1f}){moved}"
        verdict = LIMITS["offset_frames"].judge(max(0.0, abs(offset.frames) - offset.uncertainty))
        return Finding("picture and sound", verdict, said, figures, means, "Process the video again.")

    def windows(self, feature: str) -> list[MotionBatch]:
        """Cut the held-out end into windows of at most ten seconds."""
        if feature not in self._windows:
            self._windows[feature] = MotionCorpus([self.video.path], feature, "val").whole(250)
        return self._windows[feature]

    def sync(self, syncnet: Any, landmarks: list[Tensor] | None = None) -> dict[str, float]:
        """Let SyncNet judge held-out lips: the recorded ones, or others (B, T, 68, 3) a window in their place."""
        totals: dict[str, list[float]] = {}
        for number, batch in enumerate(self.windows(syncnet.cfg.audio_feature)):
            if landmarks is not None:
                batch = batch._replace(landmarks=landmarks[number])
            torch.manual_seed(number)
            with torch.no_grad():
                for name, value in syncnet.metrics(batch).items():
                    totals.setdefault(name, []).append(float(value))
        return {name: float(np.mean(values)) for name, values in totals.items()}

    def recorded(self, syncnet: Any) -> tuple[Finding, dict[str, float] | None]:
        """Judge the person's SyncNet by the recorded lips."""
        name, source = "SyncNet on the recorded lips", syncnet.source["path"]
        try:
            real = self.sync(syncnet)
        except UserError as error:
            return Finding(
                name, "not measured", one_line(error), means="SyncNet could not be asked.", source=source
            ), None
        if "offset_within_1" not in real:
            said = "the held-out end has no stretch of two seconds and a half without a cut"
            return Finding(name, "not measured", said, real, "Too little to judge by.", "Give a longer video."), None
        return (
            Finding(
                name, LIMITS["offset_within_1"].judge(real["offset_within_1"]), _say_sync(real), real,
                "It does not hear whether these lips say this sound, so it cannot teach the next stages.",
                "Give more speech (a longer video, --binary_data_dir of clips), --audio_feature ear, or more dropout; "
                "look at the offset above first.", source,
            ),
            real,
        )  # fmt: skip

    @torch.no_grad()
    def imagine(self, task: Any) -> list[Tensor]:
        """Say the held-out sound: likeliest landmarks (B, T, 68, 3) of every window."""
        imagined = []
        for batch in self.windows(task.cfg.audio_feature):
            out = torch.zeros_like(batch.landmarks)
            for index, real in enumerate(batch.mask.sum(dim=1).tolist()):
                rows = slice(0, 2 * real)
                out[index, :real] = task.predict(
                    batch.audio[index, rows], batch.pitch_hz[index, rows], temperature=0.0
                ).cpu()
            imagined.append(out)
        return imagined

    def imagined(
        self, name: str, task: Any, landmarks: list[Tensor], syncnet: Any, real: dict[str, float] | None,
        before: dict[str, float] | None,
    ) -> Finding:  # fmt: skip
        """Judge imagined landmarks (B, T, 68, 3) by the recorded ones, by SyncNet, and by what they were before."""
        windows = self.windows(task.cfg.audio_feature)
        figures = _mean_of([lip_metrics(imagined, batch) for imagined, batch in zip(landmarks, windows, strict=True)])
        verdicts = [LIMITS[key].judge(figures[key]) for key in ("lip_correlation", "lip_spread")]
        said = "opening r = {lip_correlation:.2f}, error {lip_error:.3f}, as lively x {lip_spread:.2f}".format(
            **figures
        )
        if before is not None and "lip_error" in before:
            figures["lip_error_ratio"] = figures["lip_error"] / max(before["lip_error"], 1e-9)
            verdicts.append(LIMITS["lip_error_ratio"].judge(figures["lip_error_ratio"]))
            said += f" ({100 * (figures['lip_error_ratio'] - 1):+.0f} % error against before it)"
        figures |= {key: one for key, one in lip_figures(_stretches(landmarks, windows)).items() if np.isfinite(one)}
        if "trembling" in figures:
            verdicts.append(LIMITS["trembling"].judge(figures["trembling"]))
            said += f", trembling {figures['trembling']:.2f}"
        if figures["closures"] >= LEAST_CLOSURES:
            verdicts.append(LIMITS["closure_recall"].judge(figures["closure_recall"]))
            said += f"; lips meet in {100 * figures['closure_recall']:.0f} % of {figures['closures']:.0f} closures"
        if syncnet is not None and real is not None and syncnet.cfg.audio_feature == task.cfg.audio_feature:
            sync = self.sync(syncnet, landmarks)
            figures |= {f"sync_{key}": value for key, value in sync.items()}
            figures["offset_within_1_kept"] = sync["offset_within_1"] / max(real["offset_within_1"], 1e-9)
            verdicts.append(LIMITS["offset_within_1_kept"].judge(figures["offset_within_1_kept"]))
            said += f"; SyncNet: {_say_sync(sync)}"
        remedy = (
            "Choose another step (--steps), or train it again with less weight on adv and sync."
            if before is not None
            else "Train on more speech or many speakers first (--binary_data_dir), --audio_feature whisper:3-5 or ear; "
            "spread below 0.7 is mumbling: infer_mouth_gain 1.2 helps until then; trembling above 1.3: "
            "infer_mouth_smooth_sigma 1; lips that seldom meet: infer_meet_lips 0.4."
        )
        means = "The mouth does not follow unheard speech as this person's does."
        return Finding(name, worst(verdicts), said, figures, means, remedy, task.source["path"])

    def range_of(self, name: str, landmarks: list[Tensor]) -> Finding:
        """Count how much of the imagined mouth, (B, T, 68, 3) a window, lies outside what it does in the video."""
        own = self.video.landmarks[self.video.frame_ids("train")][:, MOUTH]
        low, high = np.quantile(own, [0.001, 0.999], axis=0)
        room = RANGE_MARGIN * (high - low)
        masks = [batch.mask for batch in next(iter(self._windows.values()))]
        points = torch.cat([imagined[mask] for imagined, mask in zip(landmarks, masks, strict=True)]).numpy()[:, MOUTH]
        outside = float(((points < low - room) | (points > high + room)).mean())
        width = np.quantile(points, 0.999, axis=0) - np.quantile(points, 0.001, axis=0)
        covered = float(np.mean(np.minimum(width / np.maximum(high - low, 1e-6), 1.0)))
        said = (
            f"{100 * outside:.1f} % of the mouth lies outside what this face does; it uses {100 * covered:.0f} % of it"
        )
        return Finding(
            f"range of {name}", LIMITS["outside"].judge(outside), said, {"outside": outside, "covered": covered},
            "The renderer has never seen such a mouth, and will blur or tear it.",
            "Train postnet for this person, or lower infer_lm3d_clamp_std to 2.",
        )  # fmt: skip

    def rendered(self, count: int) -> Finding:
        """Render held-out frames from the recorded landmarks and compare them with the footage."""
        renderer, missing = self.load(HEAD_FIRST)
        if renderer is None:
            return absent("rendered face", missing)
        ids = spread(self.video.frame_ids("val"), count)
        try:
            renderer = self._with_footage(renderer)
            pictures = renderer.render_frames(ids)
            judged = [renderer.judge(int(frame), picture) for frame, picture in zip(ids, pictures, strict=True)]
        except UserError as error:
            return Finding("rendered face", "not measured", one_line(error), means="The renderer could not be asked.")
        figures = {name: float(np.mean([one[name] for one in judged])) for name in judged[0]}
        said = f"PSNR face {figures['face_psnr']:.1f} dB, mouth {figures['mouth_psnr']:.1f} dB over {len(ids)} frames"
        return Finding(
            "rendered face", LIMITS["face_psnr"].judge(figures["face_psnr"]), said, figures,
            "Even from the true landmarks the face does not look like the footage.",
            "Train the renderer longer, or look at the report of the processed video: landmarks and pose come first.",
            renderer.source["path"],
        )  # fmt: skip

    def _with_footage(self, renderer: Any) -> Any:
        """Load the renderer anew so that it sees this video, wherever it was trained."""
        wanted = {"video_id": self.video.path.name, "binary_data_dir": str(self.video.path.parent)}
        return load_task(renderer.source["path"], settings=wanted)


def _say_sync(figures: dict[str, float]) -> str:
    within, confidence = figures["offset_within_1"], figures["confidence"]
    return f"offset found within a frame in {100 * within:.0f} % of seconds, confidence {confidence:.2f}"


def _stretches(landmarks: list[Tensor], windows: list[MotionBatch]) -> list[Stretch]:
    """Put imagined faces (B, T, 68, 3) of every batch beside the recorded ones, window by window."""
    return [
        Stretch(from_offsets(imagined[index][mask].numpy()), from_offsets(batch.landmarks[index][mask].numpy()))
        for imagined, batch in zip(landmarks, windows, strict=True)
        for index, mask in enumerate(batch.mask)
    ]


def _mean_of(figures: list[dict[str, Tensor]]) -> dict[str, float]:
    return {name: float(np.mean([float(one[name]) for one in figures])) for name in figures[0]}
