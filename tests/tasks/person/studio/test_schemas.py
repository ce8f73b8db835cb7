"""Bodies are closed, and ids are parts of no path but their own."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.person.studio import schemas
from tasks.person.studio.schemas import Asked, Person


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "a\\b", "-a", "a b", "a\n", "ä", "a" * 65, "a\0"])
def test_who_may_not_be_called_so(name):
    with pytest.raises(ValidationError):
        TypeAdapter(Person).validate_python(name)


def test_every_body_refuses_what_it_does_not_know():
    bodies = [one for one in vars(schemas).values() if isinstance(one, type) and issubclass(one, Asked)]
    assert len(bodies) > 10
    for body in bodies:
        with pytest.raises(ValidationError, match="extra_forbidden"):
            body.model_validate({"nonsense": 1})
