"""Vizeme: faces from voices.

The wings `tasks`, `modules`, `data_gen` and `utils` are packages of their own in the project's folder, imported by
these names everywhere. Installed, they lie inside this package, so that nothing called `utils` stands bare among other
people's packages; importing this one lets Python find them.
"""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
ROOT = _HERE if (_HERE / "tasks").is_dir() else _HERE.parents[1]
"""The folder that holds the wings: this package where it is installed, the checkout where it is not."""
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
