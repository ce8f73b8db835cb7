"""The application of the studio: its pages, and the table of all that they may ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tasks.person.studio import (
    footage,
    job_routes,
    judging,
    people,
    speaking,
    training,
    upload_routes,
)
from tasks.person.studio.answers import Ask, Row, endpoint
from tasks.person.studio.faces import routes as faces
from tasks.person.studio.guards import Guard
from tasks.person.studio.openapi import describe
from tasks.person.studio.studio import Studio

PAGES = Path(__file__).with_name("static")


def document(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Describe all routes."""
    return describe(ROWS)


ROWS: tuple[Row, ...] = (
    *footage.ROWS,  # before those of people: "new" is nobody's name
    *people.ROWS,
    *training.ROWS,
    *speaking.ROWS,
    *judging.ROWS,
    *faces.ROWS,
    *job_routes.ROWS,
    *upload_routes.ROWS,
    Row("GET", "/api/openapi.json", document, "describe all of this as OpenAPI"),
)
"""All that may be asked."""


def make_app(studio: Studio, port: int, key: str) -> Starlette:
    """Return the application.

    Args:
        port: Where it listens, which is part of what it may be called.
        key: What opens it.
    """
    names = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
    guard = Middleware(Guard, names=names, key=key, cookie=f"vizeme-studio-{port}")

    async def front(request: Request) -> Response:
        return FileResponse(PAGES / "index.html", media_type="text/html; charset=utf-8")

    async def not_so(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        reasons = {404: "there is nothing here", 405: "this address does not answer to that method"}
        return JSONResponse({"error": reasons.get(status, "that was not understood")}, status)

    routes = [Route(row.path, endpoint(studio, row), methods=[row.method]) for row in ROWS]
    return Starlette(
        routes=[Route("/", front), *routes, Mount("/static", StaticFiles(directory=PAGES))],
        middleware=[guard],
        exception_handlers={HTTPException: not_so},
        lifespan=studio.at_work,
    )
