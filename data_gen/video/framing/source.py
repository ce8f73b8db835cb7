"""Which video a dataset was cut out of, and where in it its square lies."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Pixel = Annotated[int, Field(ge=-65536, le=65536)]


class Source(BaseModel):
    """The video that a dataset was cut out of."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sha256: str
    crop_px: tuple[Pixel, Pixel, Pixel, Pixel]
    """x0, y0, x1, y1 of the square in its upright frames; it may reach beyond them."""
    start_s: float = Field(ge=0)
    """Where in it the first frame lies."""

    @model_validator(mode="after")
    def _a_square(self) -> Source:
        x0, y0, x1, y1 = self.crop_px
        if not x1 - x0 == y1 - y0 > 0:
            raise PydanticCustomError("square", "crop_px is no square")
        return self
