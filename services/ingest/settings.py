"""What the ingest service reads of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from libs.common.settings import CommonSettings, Strict, unique_ids
from services.ingest.collectors import Source

HOMEPAGE = "https://brandmelder.invalid/"


class IngestLimits(Strict):
    """How sources are asked, and how much the push API takes at once."""

    user_agent: Annotated[str, Field(min_length=3, max_length=200)] = (
        f"Brandmelder/0.1 (+{HOMEPAGE})"
    )
    """How we name ourselves to sources. Put an address there at which you can be reached."""
    readers: Annotated[int, Field(ge=1, le=200)] = 8
    """Sources read at the same time; never two of one host."""
    body_bytes: Annotated[int, Field(ge=1024, le=1024**3)] = 16 * 1024 * 1024
    """The largest request of the push API, unpacked."""


class PrivacySettings(Strict):
    """authors: `pseudonymous` keeps a keyed hash of the author, `open` also name and handle."""

    authors: Literal["pseudonymous", "open"] = "pseudonymous"


class IngestSettings(CommonSettings):
    """The sections of the file that concern the ingest service."""

    sources: tuple[Source, ...] = ()
    ingest: IngestLimits = IngestLimits()
    privacy: PrivacySettings = PrivacySettings()

    @field_validator("sources")
    @classmethod
    def _unique_sources(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        return unique_ids(sources)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        wishes = [source.id for source in self.sources if getattr(source, "websub", False)]
        if wishes and "public_url" not in self.model_fields_set:
            raise ValueError(f"expected public_url, where the hub of {wishes[0]!r} reaches us")
        return self
