"""What the pages of still faces ask and are answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tasks.person.studio.faces.families import RUN
from tasks.person.studio.schemas import Asked, JobShown, UploadId

FamilyName = Literal["voice", "template"]


class NewFace(Asked):
    """A face to make."""

    family: FamilyName
    run: Annotated[str, Field(pattern=RUN)]
    upload: UploadId
    agreed: bool = False
    """That what is said beforehand was read, and that the person agreed."""


class RunShown(BaseModel):
    """A run that makes faces."""

    name: str
    task: str
    updates: int


class FamilyShown(BaseModel):
    """A way to a face: what should be read before, what it takes, who can do it, and what was made."""

    name: FamilyName
    title: str
    says: list[str]
    page: str
    needs: str
    takes: list[str]
    runs: list[RunShown]
    faces: list[JobShown]


class FamiliesShown(BaseModel):
    """All ways."""

    families: list[FamilyShown]
