from __future__ import annotations

from libs.common.events import Author
from services.ingest.api.hints import Hint, Reporter, hint_id, mentions_of, receipt
from tests.unit.ingest.building import NOW, a_watch, some_watches

WATCHES = some_watches(a_watch("board", "Mustermann"), a_watch("motorrad-ag", "Motorrad"))


def seen_by(hint: Hint) -> list[str]:
    return [mention.watch for mention in mentions_of(hint, "h1", WATCHES, NOW)]


def test_a_hint_goes_to_the_watch_it_names_else_to_those_it_matches_else_to_all() -> None:
    assert seen_by(Hint("Es brennt bei Motorrad", watch="board")) == ["board"]
    assert seen_by(Hint("Es brennt bei Motorrad")) == ["motorrad-ag"]
    assert seen_by(Hint("Es brennt!")) == ["board", "motorrad-ag"]
    assert seen_by(Hint(url="https://x.example/1")) == ["board", "motorrad-ag"]


def test_a_hint_is_a_mention_with_the_reporter_as_its_author() -> None:
    hint = Hint("Motorrad brennt", "https://x.example/1", Reporter("Ann", "+49 228 1"))
    (mention,) = mentions_of(hint, "h1", WATCHES, NOW)
    assert (mention.kind, mention.source, mention.platform) == ("hint", "hint", "hint")
    assert (mention.text, mention.url) == ("Motorrad brennt", "https://x.example/1")
    assert mention.author is not None
    assert mention.author == Author(key=mention.author.key, handle="+49 228 1", name="Ann")
    assert mention.published_at == NOW


def test_no_hint_is_taken_for_another_unless_its_sender_says_so() -> None:
    assert hint_id(None) != hint_id(None)
    assert hint_id("k") == hint_id("k") != hint_id("l")


def test_the_reporter_gets_an_answer_in_their_language() -> None:
    mentions = mentions_of(Hint("Motorrad"), "0123456789abcdef", WATCHES, NOW)
    german = receipt("0123456789abcdef", mentions, "de")
    assert german.watches == ("motorrad-ag",)
    assert german.message.startswith("Danke")
    assert german.message.endswith("01234567")
    assert receipt("0123456789abcdef", mentions, "en").message.startswith("Thank you")
