"""From the bytes of an answer to text, whatever its labels say."""

from __future__ import annotations

import codecs
import re
from typing import Final

_DECLARED: Final = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})")
_XML_DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_IN_HEADER: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STATEFUL: Final = ("iso-2022", "iso2022", "hz", "utf-7", "utf7")


def decode(body: bytes, content_type: str) -> str:
    """The text, without byte order mark and XML declaration. Never fails.

    Text that is valid UTF-8 is UTF-8, since other encodings do not look like it by accident;
    labels are often wrong. Then the document's own declaration counts, then the header's, and
    what is left is UTF-8 with damage, or Windows-1252.
    """
    return _XML_DECLARATION.sub("", _decode(body, content_type), count=1)


def is_utf_8(body: bytes, content_type: str) -> bool:
    """Whether all says so: the bytes, and every label there is."""
    if not {"utf-8", "utf8"}.issuperset(_labels(body, content_type)):
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode(body: bytes, content_type: str) -> str:
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    if body[:4] in (b"<\0?\0", b"\0<\0?"):
        return body.decode("utf-16-le" if body[0] else "utf-16-be", "replace")
    labels = _labels(body, content_type)
    if not any(label.startswith(_STATEFUL) for label in labels):
        try:
            return body.decode()
        except UnicodeDecodeError:
            pass
    for label in labels:
        if label in ("utf-8", "utf8"):
            continue
        try:
            return body.decode(label)
        except (LookupError, ValueError):
            continue
    damaged = body.decode("utf-8", "replace")
    lost = damaged.count("\ufffd")
    return damaged if lost * 2 < _beyond_ascii(damaged) else body.decode("cp1252", "replace")


def _labels(body: bytes, content_type: str) -> list[str]:
    declared = _DECLARED.search(body[:1024])
    in_header = _IN_HEADER.search(content_type)
    labels = [declared[1].decode("ascii", "replace")] if declared else []
    labels += [in_header[1]] if in_header else []
    # Browsers read these labels as Windows-1252, so that is what people write under them.
    western = {"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"}
    return ["cp1252" if label.lower() in western else label.lower() for label in labels]


def _beyond_ascii(text: str) -> int:
    return sum(not character.isascii() for character in text)
