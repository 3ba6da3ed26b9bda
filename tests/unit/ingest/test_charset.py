from __future__ import annotations

import pytest

from services.ingest.reading.feed_formats.charset import decode

TEXT = "<rss>Grüße – „Öl“ €</rss>"
UTF_8 = "application/xml; charset=utf-8"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (TEXT.encode(), UTF_8),
        (TEXT.encode(), "text/xml"),
        (TEXT.encode(), "text/xml; charset=ISO-8859-1"),
        (b"\xef\xbb\xbf" + TEXT.encode(), ""),
        (f"<?xml version='1.0' encoding='iso-8859-1'?>{TEXT}".encode(), ""),
        (f'<?xml version="1.0" encoding="windows-1252"?>{TEXT}'.encode("cp1252"), UTF_8),
        (f'<?xml version="1.0" encoding="ISO-8859-1"?>{TEXT}'.encode("cp1252"), ""),
        (TEXT.encode("cp1252"), "text/xml; charset='windows-1252'"),
        (TEXT.encode("cp1252"), UTF_8),
        (f'<?xml version="1.0" encoding="zlib"?>{TEXT}'.encode("cp1252"), ""),
        (TEXT.encode("utf-16"), "application/xml"),
        (f'<?xml version="1.0" encoding="utf-16"?>{TEXT}'.encode("utf-16-le"), ""),
        (TEXT.encode("utf-32"), ""),
    ],
)
def test_labels_lie_but_the_text_is_found(body: bytes, content_type: str) -> None:
    assert decode(body, content_type) == TEXT


def test_damaged_utf_8_stays_utf_8() -> None:
    assert (
        decode("Größe äöü".encode() + b"\xff" + "ß".encode()[:1], UTF_8) == "Größe äöü\ufffd\ufffd"
    )


def test_stateful_encodings_are_believed() -> None:
    body = '<?xml version="1.0" encoding="iso-2022-jp"?><a>ブレーキ</a>'.encode("iso-2022-jp")
    assert decode(body, "") == "<a>ブレーキ</a>"
