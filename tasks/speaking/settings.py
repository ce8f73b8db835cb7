"""How a person speaks: the infer_* settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from utils.config.schema import Config, Count, Fraction, Positive, Weight, Whole
from utils.media.marks.settings import MarkSettings

Compose = Literal["auto", "portrait", "head", "full"]
_FOOTAGE = {"infer_bg_img_fname": "", "infer_c2w_name": "", "infer_pose_mode": "loop"}
"""Settings that leave pose and background as they are in the footage."""


class PoseSettings(Config):
    """How the head moves while it speaks."""

    infer_pose_mode: Literal["loop", "still"] = "loop"
    """`loop`: the head moves as in the longest shot of the footage (or as `infer_c2w_name` says), forth and back for as
    long as the sound lasts; in a portrait it turns where it hardly moves, and rests and speaks with the sound. `still`:
    it keeps one pose; eyes and brows go on as `infer_inject_eye_blink_mode` says."""
    infer_still_frame_idx: Whole | None = None
    """Whose pose `still` keeps: a frame of the footage, or of `infer_c2w_name`; the most usual one when not given."""
    infer_c2w_name: str = ""
    """Camera poses to use in place of the footage's: .npy, [1, T, 3, 4] or [T, 4, 4], camera in the head's frame."""
    infer_smooth_camera_path: bool = True
    """Average the head's motion in the footage over a few frames."""
    infer_smooth_camera_path_kernel_size: Count = 7
    """Over how many frames."""

    @property
    def path_is_smoothed(self) -> bool:
        """Say whether the head's motion is averaged: `infer_smooth_camera_path`."""
        return self.infer_smooth_camera_path

    @property
    def footage_is_seen(self) -> bool:
        """Say whether true frames are shown, so that how they follow each other is seen."""
        return False


class PostSettings(Config):
    """How predicted landmarks are mended before rendering."""

    infer_lm3d_clamp_std: Weight = 3.0
    """Keep every coordinate within this many standard deviations of the person's mean (brows and eyes: half of it in x
    and y); 0 turns it off. Lower it when the mouth opens unnaturally wide."""
    infer_mouth_gain: Positive = 1.0
    """Exaggerate mouth and jaw about their mean: 1.2 to 1.5 mends a mumbling mouth."""
    infer_meet_lips: Fraction = 0.3
    """Lips that are nearer than this share of the way from the person's nearest to their widest are brought together,
    as p, b and m want it; 0 turns it off. Lower it when the mouth shuts where it should be a little open."""
    infer_lm3d_lle_percent: Fraction = 0.0
    """How far (0..1) points other than the mouth are pulled to combinations of the person's 10 most alike frames."""
    infer_inject_eye_blink_mode: Literal["none", "gt", "period"] = "gt"
    """Brows, nose and eyes: `gt` as in the footage whose head pose is shown, `period` a still gaze with one of the
    person's blinks every few seconds, `none` as predicted from the voice."""
    infer_eye_blink_ref_frames_start_idx: int | None = None
    """First frame of the blink that `period` repeats; found in the footage when not given."""
    infer_eye_blink_ref_frames_end_idx: int | None = None
    """Frame after the end of that blink."""
    infer_close_mouth_when_sil: bool = True
    """Close the mouth in silences, which the networks may not know. Where nobody speaks at all, it stays closed."""
    infer_close_mouth_in_pauses: bool = True
    """A long pause in a real room is a silence, too: what does not stand out of the room's own noise. Without it, only
    what `infer_sil_db` says is one, and rooms are seldom that quiet."""
    infer_pause_seconds: Annotated[float, Field(gt=0)] = 1.0
    """Shorter pauses of a room are left to the networks: in them people breathe, with the mouth open."""
    infer_sil_ref_frame_idx: int | None = None
    """Frame whose mouth is the closed one; found in the footage when not given."""
    infer_sil_db: Annotated[float, Field(lt=0)] = -50.0
    """What is so many decibels below the speech of the same sound is silence in any case. -30 closes the mouth in soft
    speech, too."""
    infer_sil_seconds: Annotated[float, Field(gt=0)] = 0.4
    """Shorter silences leave the mouth alone."""
    infer_lm3d_smooth_sigma: Weight = 0.0
    """Gaussian smoothing over time of all points but the mouth, in frames."""
    infer_mouth_smooth_sigma: Weight = 0.4
    """The same for the mouth; more than 1 begins to blur speech."""


class InferSettings(PostSettings, PoseSettings, MarkSettings):
    """What --infer reads and writes, and how; GeneFace's names."""

    infer_audio_source_name: str = ""
    """The sound to speak: any file that ffmpeg reads."""
    infer_audio_track: Count | None = None
    """Which of its tracks of sound is heard, from 1 on; the loudest when not given."""
    infer_cond_name: str = ""
    """Landmarks to render: the .npy that infer_postnet.sh wrote, [1, T, 204] or [T, 68, 3]."""
    infer_out_npy_name: str = ""
    """Where the landmarks go (.npy)."""
    infer_out_video_name: str = ""
    """Where the video goes (.mp4)."""
    infer_bg_img_fname: str = ""
    """What is seen behind the person: the footage's background when empty; a picture, or a colour: white, black, green,
    grey, '#rrggbb'."""
    infer_scale_factor: Positive = 1.0
    """Size of the rendered picture relative to the footage."""
    infer_temperature: Weight | None = None
    """How freely audio-to-landmarks varies: 0 gives the likeliest motion, 1 a different one for every seed; as the
    postnet's recipe says when not given."""

    infer_compose: Compose = "auto"
    """`portrait`: the rendered lower face is laid into the true frame whose pose it has, so that hair, ears, eyes and
    shoulders are the footage's own. `head`: the whole head is drawn over the footage's shoulders. `full`: head and
    torso are drawn. auto: portrait where pose and background are the footage's, else full."""

    @field_validator("infer_compose")
    @classmethod
    def _a_portrait_needs_the_footage(cls, value: str, info: ValidationInfo) -> str:
        if value == "portrait" and (others := _not_the_footages(info.data)):
            raise PydanticCustomError(
                "portrait",
                "a portrait shows the footage's own frames, which {names} would replace: use head or full",
                {"names": " and ".join(others)},
            )
        return value

    @property
    def portrait(self) -> bool:
        """Say whether the lower face is laid into the true frame."""
        if self.infer_compose != "auto":
            return self.infer_compose == "portrait"
        return not _not_the_footages(self.model_dump())

    @property
    def path_is_smoothed(self) -> bool:
        """Say whether the head's motion is averaged; a true frame shows it as it is."""
        return self.infer_smooth_camera_path and not self.portrait

    @property
    def footage_is_seen(self) -> bool:
        """Say whether true frames are shown: in a portrait."""
        return self.portrait


def _not_the_footages(settings: Mapping[str, Any]) -> list[str]:
    """Name the settings that show another pose or background than the footage's."""
    return [name for name, own in _FOOTAGE.items() if settings.get(name, own) != own]
