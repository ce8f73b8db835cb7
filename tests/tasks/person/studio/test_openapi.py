"""The document says what the table of rows does."""

from __future__ import annotations

import json
import re

from tasks.person.studio.app import ROWS
from tests.tasks.person.studio.conftest import client_of


def test_the_document_is_whole(studio):
    document = client_of(studio).get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"].items()
    operations = {(method.upper(), path): one for path, item in paths for method, one in item.items()}
    assert set(operations) == {(row.method, row.path) for row in ROWS}
    names = [one["operationId"] for one in operations.values()]
    assert len(set(names)) == len(names)
    for (_, path), one in operations.items():
        parts = {part["name"] for part in one["parameters"] if part["in"] == "path" and part["required"]}
        assert parts == set(re.findall(r"{(\w+)}", path))
        assert len(one["responses"].keys() - {"default"}) == 1


def test_every_reference_leads_somewhere(studio):
    text = client_of(studio).get("/api/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    references = set(re.findall(r'"\$ref":\s*"([^"]+)"', text))
    assert len(references) > 20
    assert references <= {f"#/components/schemas/{name}" for name in schemas}


def test_bodies_are_closed(studio):
    schemas = client_of(studio).get("/api/openapi.json").json()["components"]["schemas"]
    assert schemas["NewPerson"]["additionalProperties"] is False
    assert set(schemas["NewPerson"]["required"]) == {"id", "upload", "consent", "licence"}
