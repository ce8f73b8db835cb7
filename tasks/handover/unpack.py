"""Unpack a person: look at all of the pack, then write their runs and what there is of their footage."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_gen.video.dataset import DATASET, VideoDataset
from tasks.exchange.sources.exported import exported
from tasks.exchange.write import write_run
from tasks.handover.archive import Archive, open_archive
from tasks.handover.manifest import Manifest, check_name, pictures_of
from tasks.handover.pack import BEHIND, MOTION
from tasks.handover.pictures import refuse_unsound
from tasks.handover.ready import places, refuse_taken, refuse_taken_by_others
from tasks.handover.settings import UnpackCommand
from tasks.weights.read import read_file
from utils.errors import DataError
from utils.files.aside import folder_beside, make_folder, write_aside
from utils.files.digests import sha256
from utils.files.tables import read_json, write_json
from utils.media.picture_file import SUFFIX
from utils.media.pictures import read_photo

LONGEST, LARGEST = 25 * 3600 * 4, 4096
"""Frames, and pixels along a side, of what is unpacked."""


def main(command: UnpackCommand) -> None:
    """Unpack and print the folder of the runs."""
    print(unpack(command.pack, command.exp_name, command.binary_data_dir))


def unpack(path: Path, name: str = "", binary_dir: Path = Path("data/binary/videos")) -> Path:
    """Write the runs and the footage of a pack as those of a person; each folder appears when it is whole.

    Args:
        name: What the person is called here; as in the pack when empty.
        binary_dir: Where processed videos lie.

    Raises:
        DataError: The pack is damaged or none, or something of that name is here already.
    """
    with open_archive(path) as archive:
        person = check_name(name or archive.manifest.id, "--exp_name")
        runs, footage = places(person, binary_dir)
        refuse_taken_by_others(archive, runs, footage)
        make_folder(footage.parent)
        _refuse_no_room(archive, footage.parent)
        with folder_beside(footage) as scratch:
            files = {}
            for number, member in enumerate(sorted(archive.manifest.members)):
                files[member] = scratch / f"{number}{Path(member).suffix}"
                archive.copy_out(member, files[member])
            with write_aside(runs) as aside:
                _write_runs(archive, files, aside, person, binary_dir)
                refuse_taken(runs)  # somebody else may have come first meanwhile
                with write_aside(footage, DATASET) as beside:
                    _write_footage(archive, files, beside, person)
    return runs


def _refuse_no_room(archive: Archive, folder: Path) -> None:
    need, free = sum(member.bytes for member in archive.manifest.members.values()), shutil.disk_usage(folder).free
    if need > free:
        reason = f"What is in the pack needs {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        raise OSError(errno.ENOSPC, reason, str(folder))


def _needed(manifest: Manifest) -> tuple[str, ...]:
    return ("lm3d_vae_sync", "postnet", *manifest.renderers)


def _write_runs(archive: Archive, files: dict[str, Path], folder: Path, person: str, binary_dir: Path) -> None:
    for name in _needed(archive.manifest):
        file = _file(archive, files, f"runs/{name}.safetensors")
        foreign = read_file(file)
        if foreign.kind != "vizeme":
            raise DataError(f"{archive.path}: runs/{name}.safetensors is not an export of this project.")
        converted = exported(foreign.tensors, foreign.extras, Path(f"{archive.path}:{name}"))
        if converted.recipe["task_cls"] != name:
            raise DataError(f"{archive.path}: runs/{name}.safetensors is a run of {converted.recipe['task_cls']}.")
        converted.recipe["video_id"] = person
        where = "binary_data_dir" if name in archive.manifest.renderers else "person_binary_data_dir"
        converted.recipe[where] = str(binary_dir)
        origin = {"source": "vizeme/pack", "file": archive.path.name, "sha256": sha256(file)}
        write_run(folder / name, converted, origin)


def _file(archive: Archive, files: dict[str, Path], name: str) -> Path:
    if name not in files:
        raise DataError(f"{archive.path}: {name} is missing.")
    return files[name]


def _write_footage(archive: Archive, files: dict[str, Path], folder: Path, person: str) -> None:
    folder.mkdir()
    names = ("meta.json", "motion.safetensors", "audio.safetensors")
    meta = read_json(_file(archive, files, "footage/meta.json"))
    if not isinstance(meta, dict):
        raise DataError(f"{archive.path}: footage/meta.json is damaged.")
    write_json(folder / "meta.json", meta | {"id": person, "audio_features": {}})
    for name in names[1:]:
        shutil.copyfile(_file(archive, files, f"footage/{name}"), folder / name)
    try:
        video = VideoDataset(folder)
        if video.meta.frames > LONGEST or max(video.meta.height, video.meta.width) > LARGEST:
            raise DataError(f"{video.meta.frames} frames of {video.meta.width}x{video.meta.height}")
        pictures = pictures_of(archive.manifest.renderers)
        for name in (*MOTION, *(BEHIND if pictures else ())):
            video.motion(name)
        video.audio("rms")
        _write_pictures(archive, files, folder, pictures, (video.meta.frames, video.meta.height, video.meta.width))
    except DataError as error:  # its advice is for who processed the video; the names are those of the moment
        reason = str(error).replace(str(folder), "footage").split(". ")[0].removesuffix(".")
        reason = reason.removeprefix(f"{archive.path}: ")
        for name, file in files.items():
            reason = reason.replace(str(file), name)
        raise DataError(f"{archive.path}: its footage is not sound: {reason}. Ask who made it.") from None


def _write_pictures(
    archive: Archive, files: dict[str, Path], folder: Path, names: Sequence[str], shape: tuple[int, int, int]
) -> None:
    if "torso_mask" in names:
        plate = read_photo(_file(archive, files, "footage/background.png"))
        if plate.shape != (*shape[1:], 3):
            raise DataError(f"{archive.path}: footage/background.png is {plate.shape[1]}x{plate.shape[0]}.")
        np.save(folder / "background.npy", plate)
    for name in names:
        file = _file(archive, files, f"footage/{name}{SUFFIX}")
        refuse_unsound(file, name, shape if name.endswith("mask") else (*shape, 3))
        file.rename(folder / f"{name}{SUFFIX}")  # it may be most of a disk, and is on the same one
