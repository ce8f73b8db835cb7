"""Lay the wings under one package, `vizeme`, without moving them: nothing called `utils` is installed bare."""

from setuptools import find_packages, setup

WINGS = ("tasks", "modules", "data_gen", "utils")
FOLDERS = {
    "vizeme": "scripts/vizeme", "vizeme.egs": "egs", "vizeme.checkpoints.shipped": "checkpoints/shipped",
    **{f"vizeme.{wing}": wing for wing in WINGS},
}  # fmt: skip
INNER = [f"vizeme.{wing}.{name}" for wing in WINGS for name in find_packages(wing)]

setup(
    packages=[*FOLDERS, *INNER],
    package_dir=FOLDERS,
    package_data={
        "vizeme.egs": ["**/*.yaml"],
        "vizeme.checkpoints.shipped": ["**/*"],
        "": ["*.html"],
        "vizeme.tasks.person.studio": ["static/**/*"],
    },
)
