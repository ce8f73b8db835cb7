"""What every task is made of; see docs/house.md."""

from utils.processes.lean_imports import lean_imports

lean_imports()  # before the first of these files imports Lightning
