"""Pack a person into one file: what speaking needs of their networks and of their footage, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_gen.video.dataset import VideoDataset, VideoMeta, open_video
from tasks.core.checkpoints import Steps, find_checkpoint, parse_steps, read_checkpoint, work_dir_of
from tasks.exchange.model_card import UNKNOWN, write_safetensors
from tasks.exchange.settings import names_a_place
from tasks.handover.archive import member_of, write_archive
from tasks.handover.manifest import CARD, Manifest
from tasks.handover.pictures import write_lossless
from tasks.handover.settings import PackCommand
from tasks.person.runs import POSTNETS, RENDERERS, find_run
from tasks.registry import schema_of
from utils.config.schema import with_present_names
from utils.errors import DataError
from utils.files.arrays import save_arrays
from utils.files.aside import folder_beside, write_aside
from utils.files.tables import write_json
from utils.media.pictures import write_picture

log = logging.getLogger("vizeme")
MOTION = ("landmarks", "landmarks_mean", "landmarks_std", "world_from_camera")
"""What head pose, eyes and mending read of motion.safetensors; of the sound they read how loud it was."""
BEHIND = ("landmarks_px", "face_box_px")
"""What a head that is shown before its footage reads besides."""


def main(command: PackCommand) -> None:
    """Write the pack and print its path."""
    out = command.out or Path(f"{command.id}.vizeme")
    print(pack(command.id, out, renderer=command.renderer, steps=parse_steps(command.steps),
               said=(command.licence, command.consent)))  # fmt: skip


def pack(
    person: str, out: Path, *, renderer: str = "auto", steps: Steps = "best", said: tuple[str, str] = ("", "")
) -> Path:
    """Write a person's pack; it appears when it is whole.

    Args:
        renderer: auto takes the one that speaks by itself: the torso's, else the head's with the footage behind it.
        steps: Which checkpoints.
        said: Licence and consent as the user says; empty: as the data says.

    Raises:
        DataError: Something is not trained or not processed.
    """
    draw = find_checkpoint(find_run(person, RENDERERS if renderer == "auto" else (renderer,)), steps)
    move = find_checkpoint(find_run(person, POSTNETS), steps)
    drawing, moving = _recipe(draw), _recipe(move)
    for path, recipe, names in ((draw, drawing, RENDERERS), (move, moving, POSTNETS)):
        if recipe.task_cls not in names:
            raise DataError(f"{path.parent} is a run of {recipe.task_cls}, not of {' or '.join(names)}.")
    earlier = work_dir_of(moving.earlier_run(moving.audio2motion_work_dir, "lm3d_vae_sync", move.parent))
    speech = find_checkpoint(earlier, moving.audio2motion_ckpt_steps)
    video = open_video(drawing.video_id, drawing.binary_data_dir)
    permitted = (said[0] or video.meta.licence or UNKNOWN, said[1] or video.meta.consent or UNKNOWN)
    with folder_beside(out) as scratch:
        files: dict[str, Path] = {}
        for path, name in ((speech, "lm3d_vae_sync"), (move, "postnet"), (draw, drawing.task_cls)):
            _tell_places(name, _recipe(path))
            target = scratch / f"{name}.safetensors"
            files[f"runs/{name}.safetensors"], files[f"runs/{name}.md"] = write_safetensors(
                path, target, raw=False, said=permitted
            )
        files |= {f"footage/{file.name}": file for file in _footage(video, drawing.task_cls, scratch, permitted)}
        members = {name: member_of(file) for name, file in sorted(files.items())}
        about = scratch / CARD
        manifest = Manifest(id=_plain(person), renderer=drawing.task_cls, licence=permitted[0], consent=permitted[1],
                            members=members)  # fmt: skip
        about.write_text(card(manifest), encoding="utf-8")
        files[CARD] = about
        manifest = manifest.model_copy(update={"members": dict(sorted((members | {CARD: member_of(about)}).items()))})
        with write_aside(out) as aside:
            write_archive(aside, manifest, files)
    return out


def _plain(person: str) -> str:
    return Path(person).name


def _recipe(checkpoint: Path) -> Any:
    """Return the settings that a checkpoint was trained with."""
    saved = read_checkpoint(checkpoint)["vizeme"]["recipe"]
    schema = schema_of(saved["task_cls"])
    values = with_present_names(schema, saved)
    return schema(**{name: value for name, value in values.items() if name in schema.model_fields})


def _tell_places(name: str, recipe: Any) -> None:
    """Name the settings that are places on this machine: a pack leaves them out."""
    for setting in type(recipe).model_fields:
        value = getattr(recipe, setting)
        if setting.startswith("infer_") and names_a_place(type(recipe), setting, value):
            log.warning("%s: %s = %s is not packed; give it when the person speaks.", name, setting, value)


def _footage(video: VideoDataset, renderer: str, folder: Path, permitted: tuple[str, str]) -> Iterator[Path]:
    """Write what speaking reads of a dataset, and yield the files."""
    values = video.meta.model_dump() | {"licence": permitted[0], "consent": permitted[1], "audio_features": {}}
    write_json(folder / "meta.json", VideoMeta(**values).model_dump())
    names = (*MOTION, *BEHIND) if renderer == "lm3d_nerf" else MOTION
    save_arrays(folder / "motion.safetensors", {name: video.motion(name) for name in names})
    save_arrays(folder / "audio.safetensors", {"rms": video.audio("rms")})
    yield from (folder / name for name in ("meta.json", "motion.safetensors", "audio.safetensors"))
    if renderer == "lm3d_nerf":
        write_picture(folder / "background.png", video.background)
        write_lossless(video.torso_frames, folder / "torso_frames.mkv", "packing pictures")
        write_lossless(video.torso_mask, folder / "torso_mask.mkv", "packing masks")
        yield from (folder / name for name in ("background.png", "torso_frames.mkv", "torso_mask.mkv"))


def card(manifest: Manifest) -> str:
    """Write what a pack is for people who read it."""
    rows = [f"| `{name}` | {member.bytes:,} | `{member.sha256}` |" for name, member in manifest.members.items()]
    name = manifest.id
    return "\n".join([
        f"# {name}, a talking head", "",
        f"- Licence: {' '.join(manifest.licence.split())}", f"- Consent: {' '.join(manifest.consent.split())}",
        f"- Renderer: `{manifest.renderer}`", "",
        "```bash", f"vizeme unpack {name}.vizeme", f"vizeme speak {name} speech.wav speech.mp4", "```", "",
        "It speaks; what training would go on with is not in it. A face and a voice belong to a person: let it say",
        "only what they agreed to, and tell viewers that the film is made.", "",
        "| member | bytes | SHA-256 |", "|---|---|---|", *rows, "",
    ])  # fmt: skip
