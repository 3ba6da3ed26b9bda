"""What carries pages to people: one module each, with its Config and its Notifier."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from services.alert.notifiers import email, log, webhook

Channel: TypeAlias = Annotated[
    webhook.Config | email.Config | log.Config, Field(discriminator="kind")
]
"""A section of `channels:` in the configuration; `kind` chooses the notifier."""
