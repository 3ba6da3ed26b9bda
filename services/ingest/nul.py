"""NUL, which JSON can write and no database takes."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

NUL: Final = "\0"
REPLACEMENT: Final = "\ufffd"

StructT = TypeVar("StructT", bound=msgspec.Struct)


def may_hold_nul(body: bytes) -> bool:
    """Whether this JSON may decode to a NUL. A backslash before the escape makes it plain text,
    so what was decoded decides."""
    return b"\\u0000" in body


def without_nul(struct: StructT) -> StructT:
    """The same with U+FFFD in place of every NUL in its texts, those of structs in it too."""
    changed: dict[str, object] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, str) and NUL in value:
            changed[name] = value.replace(NUL, REPLACEMENT)
        elif isinstance(value, msgspec.Struct):
            changed[name] = without_nul(value)
    return msgspec.structs.replace(struct, **changed) if changed else struct
