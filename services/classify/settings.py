"""The section `classify` of the configuration."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import httpx
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from libs.common.settings import CommonSettings, Duration, Strict

Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""In the currency of the endpoint's prices."""


def _base_address(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("https", "http") or not parsed.host:
        raise ValueError("expected an address that begins with https:// or http://")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError("expected an address alone; what proves who asks belongs into api_key")
    return url.rstrip("/")


def _sendable(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("expected a key without spaces, in ASCII")
    return key


class TokenBudget(Strict):
    """What second opinions may cost on a day, in UTC, and what a million tokens cost. With prices
    of 0 nothing is ever spent: for a model of one's own."""

    per_day: Money
    input_price: Money
    output_price: Money


class SecondOpinionSection(Strict):
    """Who is asked about uncertain texts and crisis candidates, and what that may cost.

    endpoint: of an OpenAI-compatible API, up to what stands before `/chat/completions`.
    timeout: how long a batch waits for all its answers. allow_private: the endpoint may stand in a
    private network or on this machine, and only then be asked without TLS.
    """

    allow_private: bool = False
    endpoint: Annotated[str, AfterValidator(_base_address)]
    model: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
    api_key: Annotated[SecretStr, AfterValidator(_sendable)] | None = None
    timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=30))] = timedelta(
        seconds=10
    )
    budget: TokenBudget
    requests_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 60

    @field_validator("endpoint")
    @classmethod
    def _is_not_overheard(cls, endpoint: str, info: ValidationInfo) -> str:
        # Were allow_private itself wrong, it would be missing here and be found anyway.
        if endpoint.lower().startswith("http:") and info.data.get("allow_private") is False:
            raise ValueError("expected https://, or allow_private: true for one of your own")
        return endpoint


class ClassifySection(Strict):
    """lexicons: own lexicon files, added to the shipped ones. model: an own model that `make train`
    wrote, in place of the shipped one. second_opinion: off unless it stands there.
    docs/classifier.md says how to make or use each."""

    lexicons: tuple[Path, ...] = ()
    model: Path | None = None
    second_opinion: SecondOpinionSection | None = None


class ClassifySettings(CommonSettings):
    """What the classify service needs to know."""

    classify: ClassifySection = ClassifySection()
