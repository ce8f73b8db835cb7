"""Checkpoints of other projects: read without running code, recognised, converted, written as ours."""

from __future__ import annotations
