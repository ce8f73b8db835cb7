"""Pack a person into one file: what speaking needs of their networks and of their footage, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_gen.video.dataset import VideoDataset, VideoMeta, open_video
from tasks.core.checkpoints import Steps, find_checkpoint, parse_steps, read_checkpoint, work_dir_of
from tasks.exchange.model_card import UNKNOWN, write_safetensors
from tasks.exchange.settings import names_a_place
from tasks.handover.archive import member_of, write_archive
from tasks.handover.manifest import CARD, Manifest, pictures_of
from tasks.handover.pictures import file_of
from tasks.handover.ready import renderer_runs
from tasks.handover.settings import PackCommand
from tasks.person.runs import PORTRAIT, POSTNETS, RENDERERS, find_run
from tasks.registry import schema_of
from utils.config.schema import with_present_names
from utils.errors import DataError
from utils.files.arrays import save_arrays
from utils.files.aside import folder_beside, write_aside
from utils.files.tables import write_json
from utils.media.picture_file import SUFFIX
from utils.media.pictures import write_picture

log = logging.getLogger("vizeme")
MOTION = ("landmarks", "landmarks_mean", "landmarks_std", "world_from_camera")
"""What head pose, eyes and mending read of motion.safetensors; of the sound they read how loud it was."""
BEHIND = ("landmarks_px", "face_box_px")
"""What a renderer that shows the footage reads besides."""


def main(command: PackCommand) -> None:
    """Write the pack and print its path."""
    out = command.out or Path(f"{command.id}.vizeme")
    print(pack(command.id, out, renderer=command.renderer, steps=parse_steps(command.steps),
               said=(command.licence, command.consent), portrait=not command.no_portrait))  # fmt: skip


def pack(
    person: str,
    out: Path,
    *,
    renderer: str = "auto",
    steps: Steps = "best",
    said: tuple[str, str] = ("", ""),
    portrait: bool = True,
) -> Path:
    """Write a person's pack; it appears when it is whole.

    Args:
        renderer: auto takes the one that speaks by itself: the torso's, else the head's with the footage behind it.
        steps: Which checkpoints.
        said: Licence and consent as the user says; empty: as the data says.
        portrait: Pack a trained portrait too, with the footage's frames, which it is laid into.

    Raises:
        DataError: Something is not trained or not processed.
    """
    draws = [find_checkpoint(run, steps) for run in renderer_runs(person, renderer, portrait=portrait)]
    move = find_checkpoint(find_run(person, POSTNETS), steps)
    drawing, *laying = [_recipe(path, names) for path, names in zip(draws, (RENDERERS, (PORTRAIT,)), strict=False)]
    moving = _recipe(move, POSTNETS)
    earlier = work_dir_of(moving.earlier_run(moving.audio2motion_work_dir, "lm3d_vae_sync", move.parent))
    speech = find_checkpoint(earlier, moving.audio2motion_ckpt_steps)
    video = open_video(drawing.video_id, drawing.binary_data_dir)
    for recipe in laying:
        if (other := open_video(recipe.video_id, recipe.binary_data_dir).path.resolve()) != video.path.resolve():
            raise DataError(f"{draws[1].parent} was trained on {other}, not on {video.path}. Give --no-portrait.")
    permitted = (said[0] or video.meta.licence or UNKNOWN, said[1] or video.meta.consent or UNKNOWN)
    drawn = {recipe.task_cls: path for recipe, path in zip((drawing, *laying), draws, strict=True)}
    runs = {"lm3d_vae_sync": speech, "postnet": move, **drawn}
    with folder_beside(out) as scratch:
        files: dict[str, Path] = {}
        for name, path in runs.items():
            _tell_places(name, _recipe(path))
            target = scratch / f"{name}.safetensors"
            files[f"runs/{name}.safetensors"], files[f"runs/{name}.md"] = write_safetensors(
                path, target, raw=False, said=permitted
            )
        files |= {f"footage/{file.name}": file for file in _footage(video, pictures_of(runs), scratch, permitted)}
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


def _recipe(checkpoint: Path, names: Collection[str] = ()) -> Any:
    """Return the settings that a checkpoint was trained with; `DataError` when its task has none of some names."""
    saved = read_checkpoint(checkpoint)["vizeme"]["recipe"]
    if names and saved["task_cls"] not in names:
        raise DataError(f"{checkpoint.parent} is a run of {saved['task_cls']}, not of {' or '.join(names)}.")
    schema = schema_of(saved["task_cls"])
    values = with_present_names(schema, saved)
    return schema(**{name: value for name, value in values.items() if name in schema.model_fields})


def _tell_places(name: str, recipe: Any) -> None:
    """Name the settings that are places on this machine: a pack leaves them out."""
    for setting in type(recipe).model_fields:
        value = getattr(recipe, setting)
        if setting.startswith("infer_") and names_a_place(type(recipe), setting, value):
            log.warning("%s: %s = %s is not packed; give it when the person speaks.", name, setting, value)


def _footage(
    video: VideoDataset, pictures: Sequence[str], folder: Path, permitted: tuple[str, str]
) -> Iterator[Path]:
    """Write what speaking reads of a dataset, and yield the files; pictures are those of the dataset itself."""
    values = video.meta.model_dump() | {"licence": permitted[0], "consent": permitted[1], "audio_features": {}}
    write_json(folder / "meta.json", VideoMeta(**values).model_dump())
    names = (*MOTION, *BEHIND) if pictures else MOTION
    save_arrays(folder / "motion.safetensors", {name: video.motion(name) for name in names})
    save_arrays(folder / "audio.safetensors", {"rms": video.audio("rms")})
    yield from (folder / name for name in ("meta.json", "motion.safetensors", "audio.safetensors"))
    if "torso_mask" in pictures:
        write_picture(folder / "background.png", video.background)
        yield folder / "background.png"
    yield from (file_of(video, name, folder) for name in pictures)


def card(manifest: Manifest) -> str:
    """Write what a pack is for people who read it."""
    rows = [f"| `{name}` | {member.bytes:,} | `{member.sha256}` |" for name, member in manifest.members.items()]
    name = manifest.id
    frames = " The frames of the footage are." if f"footage/frames{SUFFIX}" in manifest.members else ""
    return "\n".join([
        f"# {name}, a talking head", "",
        f"- Licence: {' '.join(manifest.licence.split())}", f"- Consent: {' '.join(manifest.consent.split())}",
        f"- Renderer: `{'`, `'.join(manifest.renderers)}`", "",
        "```bash", f"vizeme unpack {name}.vizeme", f"vizeme speak {name} speech.wav speech.mp4", "```", "",
        f"It speaks; what training would go on with is not in it.{frames} A face and a voice belong to a person: let",
        "it say only what they agreed to, and tell viewers that the film is made.", "",
        "| member | bytes | SHA-256 |", "|---|---|---|", *rows, "",
    ])  # fmt: skip
