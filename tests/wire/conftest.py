"""Property tests draw the same examples each time: what fails here fails everywhere."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.load_profile("same")
