"""The folder of the checkout, or the root of the Bento."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
