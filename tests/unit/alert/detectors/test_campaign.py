"""Who says the same as somebody else, and when that looks made."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from libs.common.events import Author, ClassifiedMention, Kind, Rating
from services.alert.detector import Finding
from services.alert.detectors.campaign import ALONE, CLUSTERS, GROWN, Campaign, Copy
from services.alert.detectors.similarity import sketch
from tests.unit.alert.detectors.campaign_posts import (
    BERLIN,
    CHEATED,
    NIGHT,
    NOON,
    OTHER,
    REWORDED,
    a_fake_wave,
    fold,
    ordinary_texts,
    said,
)

MINUTE = timedelta(minutes=1)


def findings(copies: list[Copy]) -> list[Finding]:
    return [copy.finding for copy in copies if copy.finding is not None]


def clusters(copies: list[Copy]) -> list[int | None]:
    return [copy.cluster for copy in copies]


def apart(index: int) -> str:
    """A text about its own matter, for every index another one."""
    rng = Random(index)
    words = [
        "".join(rng.choices("abcdefghijklmnoprstuvwz", k=rng.randint(3, 9))) for _ in range(20)
    ]
    return " ".join(words)


def test_what_nobody_else_says_is_no_copy() -> None:
    assert fold(Campaign(), said(CHEATED, "anna"), said(OTHER, "ben")) == [ALONE, ALONE]


def test_the_second_to_say_it_copies_and_the_third_joins() -> None:
    state = Campaign()
    first, second, third = fold(state, said(CHEATED, "a"), said(REWORDED, "b"), said(CHEATED, "c"))
    assert first == ALONE
    assert second.cluster is not None
    assert second.cluster == third.cluster
    assert 0 < second.cluster < 2**48
    assert (second.copied, third.copied) == (True, True)
    assert second.similarity == pytest.approx(0.87, abs=0.1)
    assert third.similarity == 1.0


def test_who_repeats_himself_is_no_copy_of_himself() -> None:
    state = Campaign()
    assert fold(state, *(said(at=NOON + number * MINUTE) for number in range(9))) == [ALONE] * 9


def test_the_first_author_is_in_the_cluster_but_copies_nobody() -> None:
    state = Campaign()
    _, copied, again = fold(
        state, said(by="anna"), said(by="ben"), said(by="anna", at=NOON + MINUTE)
    )
    assert again.cluster == copied.cluster
    assert not again.copied


def test_repeats_in_a_cluster_make_no_further_copies() -> None:
    state = Campaign()
    loud = [said(by=f"loud{number % 3}", at=NIGHT + number * MINUTE) for number in range(60)]
    assert findings(fold(state, *loud)) == []
    (finding,) = findings(fold(state, *a_fake_wave(9)))
    assert finding.numbers["repeats"] == 57
    assert finding.numbers["copies"] == finding.numbers["authors"]


@pytest.mark.parametrize(
    "text", ["Danke!", "Top", "Nie wieder", "😡😡😡", "https://a.example/b", "Hotel Alpenhof", ""]
)
def test_short_texts_are_never_copies(text: str) -> None:
    many = [said(text, f"author{number}", at=NIGHT + number * MINUTE) for number in range(50)]
    assert fold(Campaign(), *many) == [ALONE] * 50


def test_hints_of_several_people_in_the_same_words_are_no_campaign() -> None:
    hints = [replace(one, kind="hint") for one in a_fake_wave(40)]
    assert fold(Campaign(), *hints) == [ALONE] * 40


def test_fake_reviews_are_suspected_with_their_signs() -> None:
    copies = fold(Campaign(), *a_fake_wave(5))
    (finding,) = findings(copies)
    assert copies[3].finding == finding
    assert finding.detector == "campaign"
    assert finding.at == (NIGHT + 30 * MINUTE).timestamp()
    assert finding.surprise > 8
    similarity = finding.numbers.pop("similarity")
    assert 0.8 <= similarity <= 1.0
    assert finding.numbers.pop("signs") >= 5
    assert finding.numbers == {
        "cluster": float(copies[3].cluster or 0),
        "copies": 4.0,
        "authors": 4.0,
        "repeats": 0.0,
        "shared": 0.0,
        "first": NIGHT.timestamp(),
        "hours": 0.5,
        "close_share": 1.0,
        "odd_hours_share": 1.0,
        "named": 4.0,
        "everyman_share": 1.0,
        "profiled": 4.0,
        "thin_share": 1.0,
        "alike_share": 0.0,
        "extreme_share": 1.0,
        "brief_share": 0.0,
        "critical_share": 1.0,
        "linked_share": 0.0,
        "nameless_share": 0.0,
    }


def test_a_suspicion_is_told_again_only_when_it_has_grown_fourfold() -> None:
    told = findings(fold(Campaign(), *a_fake_wave(70, minutes=1)))
    assert [finding.numbers["copies"] for finding in told] == [4, 4 * GROWN, 4 * GROWN**2]


def test_many_authors_are_estimated() -> None:
    wave = a_fake_wave(400, minutes=1)
    last = findings(fold(Campaign(), *wave))[-1]
    assert last.numbers["copies"] == pytest.approx(256, rel=0.05)
    assert last.numbers["authors"] == pytest.approx(256, rel=0.5)


def test_few_signs_need_more_authors() -> None:
    by_day = [
        said(
            CHEATED if number % 3 else REWORDED,
            f"person{number}",
            at=NOON + 20 * number * MINUTE,
            name=f"Roswitha Okonjo {number}",
            followers=300,
        )
        for number in range(14)
    ]
    (finding,) = findings(fold(Campaign(), *by_day))
    assert finding.numbers["copies"] in (8, 12)
    assert finding.numbers["odd_hours_share"] == 0.0


def test_a_catchphrase_that_comes_up_now_and_then_is_no_campaign() -> None:
    days = timedelta(days=1)
    now_and_then = [
        said(CHEATED, f"person{number}", at=NOON + number * days, severity=0.8)
        for number in range(60)
    ]
    copies = fold(Campaign(), *now_and_then)
    assert findings(copies) == []
    assert all(copy.copied for copy in copies[1:])


def test_the_hour_is_that_of_the_place() -> None:
    wave = a_fake_wave(8, at=NIGHT.replace(hour=22))  # 23:30 in Berlin, 00:00 from the fourth on
    (finding,) = findings(fold(Campaign(), *wave))
    assert finding.numbers["odd_hours_share"] < 1.0


def test_accounts_that_differ_in_digits_only_are_alike() -> None:
    wave = [
        said(by=f"bot{number}", at=NOON + number * MINUTE, handle=f"reisefan_{37 * number}")
        for number in range(8)
    ]
    (finding, *_) = findings(fold(Campaign(), *wave))
    assert finding.numbers["alike_share"] == 1.0


def uncritical(one: ClassifiedMention) -> ClassifiedMention:
    verdict = replace(one.classification, label="praise", severity=0.0)
    return replace(one, classification=verdict, rating=Rating(value=5, best=5))


def test_what_people_copy_in_a_competition_is_no_suspicion() -> None:
    wish = "Ich folge der Seite und würde so gerne das Wochenende im Hotel Alpenhof gewinnen!"
    people = [
        said(wish, f"person{number}", at=NOON + number * MINUTE, name="Ada Okonjo", followers=90)
        for number in range(60)
    ]
    copies = fold(Campaign(), *map(uncritical, people))
    assert findings(copies) == []
    assert all(copy.copied for copy in copies[1:])


def test_praise_is_suspected_only_of_odd_accounts() -> None:
    wave = [uncritical(one) for one in a_fake_wave(8)]
    assert len(findings(fold(Campaign(), *wave))) == 1
    known = [
        replace(one, author=Author(key=f"p{number}", name="Ada Okonjo", followers=90))
        for number, one in enumerate(wave)
    ]
    assert findings(fold(Campaign(), *known)) == []


@pytest.mark.parametrize("kind", ["repost", "article"])
def test_what_is_passed_on_is_copied_but_not_suspected(kind: Kind) -> None:
    spread = [replace(one, kind=kind) for one in a_fake_wave(60)]
    copies = fold(Campaign(), said(by="origin", at=NIGHT), *spread)
    assert findings(copies) == []
    assert all(copy.copied and copy.cluster == copies[1].cluster for copy in copies[1:])


@pytest.mark.parametrize("dress", ["RT @anna: {}", "„{}“", '"{}"', "{} via @anna"])
def test_quotations_pass_on(dress: str) -> None:
    quoted = [replace(one, kind="post", text=dress.format(one.text)) for one in a_fake_wave(60)]
    assert findings(fold(Campaign(), *quoted)) == []


HEADLINE = "Gäste erheben schwere Vorwürfe gegen das Hotel Alpenhof in Grünegg"


def test_a_repeated_headline_is_no_campaign_whichever_comes_first() -> None:
    article = said(OTHER, "paper", kind="article", title=HEADLINE, at=NIGHT)
    posts = [replace(one, kind="post", text=HEADLINE) for one in a_fake_wave(40)]
    assert findings(fold(Campaign(), article, *posts)) == []
    assert findings(fold(Campaign(), *posts[:3], article, *posts[3:])) == []
    assert findings(fold(Campaign(), posts[0], article, *posts[1:])) == []
    assert findings(fold(Campaign(), *posts)) != []


def test_a_shared_link_is_no_campaign_unless_the_accounts_are_odd() -> None:
    shared = f"{HEADLINE} https://paper.example/17"
    people = [
        said(shared, f"person{number}", at=NOON + number * MINUTE, name="Ada Okonjo", followers=90)
        for number in range(60)
    ]
    assert findings(fold(Campaign(), *people)) == []
    bots = [replace(one, kind="post", text=shared) for one in a_fake_wave(8)]
    assert len(findings(fold(Campaign(), *bots))) == 1


def test_posts_without_an_author_count_each_for_itself_and_that_is_told() -> None:
    wave = [replace(one, author=None) for one in a_fake_wave(8)]
    (finding,) = findings(fold(Campaign(), *wave))
    assert finding.numbers["nameless_share"] == 1.0
    assert finding.numbers["named"] == 0.0


def test_late_and_back_filled_posts_join_but_are_no_reason_to_tell() -> None:
    wave = a_fake_wave(8)
    filled = [replace(one, backfill=True) for one in wave[:6]]
    state = Campaign()
    copies = fold(state, *filled)
    assert findings(copies) == []
    assert len(set(clusters(copies[1:]))) == 1
    (finding,) = findings(fold(state, wave[6]))
    assert finding.numbers["copies"] == 7
    late = [replace(one, collected_at=one.published_at + timedelta(days=2)) for one in wave]
    assert findings(fold(Campaign(), *late)) == []


def test_a_text_is_forgotten_after_a_week_and_a_cluster_after_two() -> None:
    week = timedelta(days=7)
    state = Campaign()
    fold(state, said(by="a", at=NOON))
    assert fold(state, said(by="b", at=NOON + week + MINUTE)) == [ALONE]
    (copy,) = fold(state, said(by="c", at=NOON + week + 2 * MINUTE))
    assert copy.cluster is not None
    (later,) = fold(state, said(by="d", at=NOON + 3 * week))
    assert later.cluster == copy.cluster
    assert fold(state, said(by="e", at=NOON + 5 * week + MINUTE)) == [ALONE]
    (anew,) = fold(state, said(by="f", at=NOON + 5 * week + 2 * MINUTE))
    assert anew.cluster not in (None, copy.cluster)


def test_what_comes_out_of_a_far_past_pushes_nothing_out() -> None:
    state = Campaign()
    fold(state, said(by="anna", at=NOON))
    past = [
        said(apart(number), f"old{number}", at=NOON - timedelta(days=30), backfill=True)
        for number in range(600)
    ]
    fold(state, *past)
    (copy,) = fold(state, said(by="ben", at=NOON))
    assert copy.copied


def test_ordinary_talk_pushes_no_criticism_out() -> None:
    state = Campaign()
    fold(state, said(by="anna"))
    talk = [
        said(apart(number), f"talk{number}", at=NOON + MINUTE, label="other")
        for number in range(600)
    ]
    assert fold(state, *talk) == [ALONE] * 600
    (copy,) = fold(state, said(by="ben", at=NOON + MINUTE))
    assert copy.copied


def test_passing_fashions_do_not_push_a_growing_campaign_out() -> None:
    state = Campaign()
    wave = a_fake_wave(5)
    before = fold(state, *wave[:4])
    for number in range(3 * CLUSTERS):
        at = NIGHT + (60 + number) * MINUTE
        fold(state, said(apart(number), "x", at=at), said(apart(number), "y", at=at))
    (after,) = fold(state, wave[4])
    assert after.cluster == before[3].cluster


def test_unrelated_people_make_no_campaign() -> None:
    texts = [
        said(text, f"person{number}", at=NIGHT + number * MINUTE)
        for number, text in enumerate(ordinary_texts())
    ]
    copies = fold(Campaign(), *texts)
    assert findings(copies) == []
    assert sum(copy.copied for copy in copies) <= 3


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_unrelated_posts_in_between_change_nothing(rng: Random) -> None:
    wave = a_fake_wave(12)
    between = [
        said(apart(number), f"person{number}", at=NIGHT, label=rng.choice(["complaint", "other"]))
        for number in range(100)
    ]
    mixed: list[ClassifiedMention] = list(wave)
    for one in between:
        mixed.insert(rng.randint(0, len(mixed)), one)
    state = Campaign()
    in_company = [(one, fold(state, one)[0]) for one in mixed]
    assert [copy for one, copy in in_company if one in wave] == fold(Campaign(), *wave)
    assert all(copy == ALONE for one, copy in in_company if one not in wave)


def a_mixed_stream() -> list[ClassifiedMention]:
    """A wave, reposts, an article, short words and ordinary posts, the times not in order."""
    rng = Random(4)
    stream = [
        *a_fake_wave(20),
        *(replace(one, kind="repost") for one in a_fake_wave(5, at=NOON)),
        said(OTHER, "paper", kind="article", title=HEADLINE),
        *(said(HEADLINE, f"p{number}", at=NOON + number * MINUTE) for number in range(5)),
        *(said("Danke!", f"d{number}") for number in range(5)),
        *(
            said(text, f"o{number}", at=NOON - timedelta(days=number % 12))
            for number, text in enumerate(ordinary_texts()[:60])
        ),
    ]
    rng.shuffle(stream)
    return stream


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 95)))
def test_a_restart_at_any_post_changes_nothing(restarts: set[int]) -> None:
    stream = a_mixed_stream()
    whole = Campaign()
    expected = fold(whole, *stream)
    state = Campaign()
    copies = []
    for number, mention in enumerate(stream):
        if number in restarts:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=Campaign)
        copies += fold(state, mention)
    assert copies == expected
    assert msgspec.msgpack.encode(state) == msgspec.msgpack.encode(whole)


def test_every_process_comes_to_the_same() -> None:
    program = (
        "import hashlib, msgspec\n"
        "from tests.unit.alert.detectors.test_campaign import Campaign, a_mixed_stream, fold\n"
        "state = Campaign()\n"
        "copies = fold(state, *a_mixed_stream())\n"
        "print(hashlib.sha256(repr(copies).encode() + msgspec.msgpack.encode(state)).hexdigest())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[4],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


def test_the_state_stays_small_whatever_comes() -> None:
    state = Campaign()
    for number in range(400):
        at = NOON + number * MINUTE
        for by in range(40 if number < 20 else 2):
            fold(state, said(apart(number), f"{number}/{by}", at=at, handle=f"h{by}"))
        fold(state, said(apart(-number - 1), f"single{number}", at=at, label="other"))
    assert all(cluster is not None for cluster in state.clusters)
    assert len(msgspec.msgpack.encode(state)) <= 14_000


@settings(deadline=None)
@given(
    st.lists(
        st.text(max_size=200) | st.text(alphabet="\ud800\udfff\u202eאבג字😡\u200d ", max_size=200),
        max_size=12,
    )
)
def test_whatever_is_written_is_folded(texts: list[str]) -> None:
    state = Campaign()
    for number, text in enumerate([*texts, *texts]):
        mention = said(text, f"by{number}", name=text, handle=text, title=text, kind="article")
        copy = state.fold(mention, NOON.timestamp(), BERLIN)
        assert copy.cluster is None or sketch(text or text) is not None
    assert len(msgspec.msgpack.encode(state)) <= 14_000


def test_a_text_of_a_megabyte_is_compared_by_its_beginning() -> None:
    huge = " ".join(ordinary_texts()[:200])
    huge *= 1 + 1_000_000 // len(huge)
    _, copy = fold(Campaign(), said(huge, "a"), said(huge + " und noch viel mehr", "b"))
    assert copy.similarity == 1.0
