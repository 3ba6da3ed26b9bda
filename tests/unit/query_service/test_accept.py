import pytest

from services.query.accept import preferred_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.8, de;q=0.9", "de"),
        ("fr, de;q=0.2", "de"),
        ("fr", "en"),
        ("de;q=0, en;q=0.1", "en"),
        ("de;q=many", "en"),
        ("DEUTSCH", "en"),
    ],
)
def test_the_language_that_weighs_most_wins(header: str, language: str) -> None:
    assert preferred_language(header) == language
