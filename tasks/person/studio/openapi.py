"""Write down in OpenAPI what may be asked, from the table of rows and the schemas that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from tasks.person.studio.answers import PARTS, Row
from tasks.person.studio.schemas import Problem

_REF = "#/components/schemas/{model}"


def describe(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the document, OpenAPI 3.1."""
    models = {schema for row in rows for schema in (row.takes, row.gives) if isinstance(schema, type)} | {Problem}
    ordered = sorted(models, key=lambda model: model.__name__)
    names, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vizeme studio",
            "version": "1",
            "description": "From a video to a speaking person. Only on this machine; every request needs the key.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "vizeme-studio-PORT"},
            },
        },
    }


def _operation(row: Row, names: Any) -> dict[str, Any]:
    def content(schema: type[BaseModel]) -> dict[str, Any]:
        return {"application/json": {"schema": names[(schema, "validation")]}}

    parts = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": PARTS.get(name, ".+")}}
        for name in re.findall(r"{(\w+)}", row.path)
    ]
    words = [
        {"name": name, "in": "query", "required": False, "description": says, "schema": {"type": "string"}}
        for name, says in row.query.items()
    ]
    good: dict[str, Any] = {"description": "done"}
    if isinstance(row.gives, str):
        good["content"] = {row.gives: {"schema": {} if row.gives == "application/json" else {"type": "string"}}}
    elif row.gives is not None:
        good["content"] = content(row.gives)
    operation: dict[str, Any] = {
        "operationId": f"{row.run.__module__.rsplit('.', 1)[1]}_{row.run.__name__}",
        "tags": [row.path.split("/")[2]],
        "summary": row.says[:1].upper() + row.says[1:],
        "parameters": parts + words,
        "responses": {
            str(204 if row.gives is None else row.status): good,
            "default": {"description": "not done: why, in one line", "content": content(Problem)},
        },
    }
    if row.takes is not None:
        needed = any(info.is_required() for info in row.takes.model_fields.values())
        operation["requestBody"] = {"required": needed, "content": content(row.takes)}
    return operation
