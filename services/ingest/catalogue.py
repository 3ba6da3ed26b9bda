"""The kinds of sources there are, and what each needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import getdoc

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from services.ingest.collectors import KINDS


@dataclass(frozen=True, slots=True)
class KindOfSource:
    """A kind of source.

    reads: what it reads, in a sentence. needs: keys that must be set beside `id` and `kind`.
    credentials: keys for secrets that may be set, or must be in some of its modes.
    """

    kind: str
    reads: str
    needs: tuple[str, ...]
    credentials: tuple[str, ...]

    @property
    def keys(self) -> str:
        """The keys for people: those that may be left out in brackets."""
        return ", ".join([*self.needs, *(f"[{key}]" for key in self.credentials)]) or "nothing"


def catalogue() -> list[KindOfSource]:
    """Every kind, by name."""
    found: list[KindOfSource] = []
    for kind, config in sorted(KINDS.items()):
        fields = config.model_fields
        needs = tuple(name for name, field in fields.items() if field.is_required())
        found.append(
            KindOfSource(
                kind=kind,
                reads=(getdoc(config) or "").partition("\n")[0],
                needs=tuple(name for name in needs if name != "id"),
                credentials=tuple(
                    name
                    for name, field in fields.items()
                    if _is_secret(field) and name not in needs
                ),
            )
        )
    return found


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr.__name__ in str(field.annotation)
