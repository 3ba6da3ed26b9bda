"""The kinds of sources there are: one module and one line here for each."""

from __future__ import annotations

from typing import TypeAlias

from services.ingest.collectors import feed

Source: TypeAlias = feed.Config
"""A source in the configuration: the union of every kind's Config, told apart by `kind`."""
