"""Pictures of a dataset in a pack: the files as they lie there, and looked through where they come from anybody."""

from __future__ import annotations

from pathlib import Path

from data_gen.video.dataset import VideoDataset
from utils.errors import DataError
from utils.media.picture_file import SUFFIX, PictureFile, PictureWriter, picture_file
from utils.progress import Progress


def file_of(video: VideoDataset, name: str, folder: Path) -> Path:
    """Return the file that holds the pictures `name` of a dataset in tiles.

    Args:
        folder: Where one is written, without loss, when an earlier version left an array.

    Raises:
        DataError: There are none, or they are damaged.
    """
    pictures, file = getattr(video, name), picture_file(video.path, name)
    if file.suffix == SUFFIX:
        return file
    target = folder / f"{name}{SUFFIX}"
    with (
        PictureWriter(target, pictures.shape[1:], lossless=True) as out,
        Progress(f"packing {name}", len(pictures)) as bar,
    ):
        for picture in pictures:
            out.add(picture)
            bar.step()
    return target


def refuse_unsound(file: Path, name: str, shape: tuple[int, ...]) -> None:
    """Refuse a file of pictures that anybody may have made unless all of it is sound.

    Args:
        shape: (T, H, W, 3), or (T, H, W) of masks.

    Raises:
        DataError: Its pictures are others, or what `PictureFile.look_through` says.
    """
    pictures = PictureFile(file, "Ask who made it.")
    if pictures.shape != shape:
        raise DataError(f"footage/{name}{SUFFIX} holds pictures {pictures.shape}, not {shape}. Ask who made it.")
    with Progress(f"looking through {name}", len(pictures)) as bar:
        for _ in pictures.look_through():
            bar.step()
