"""The tell-tale signs of fake or coordinated posts: of one post, and of many that say the same.

What is looked at: the hour, the author's name, handle and followers, the stars, the verdict on the
text, its length, its links. What is not known, and therefore never said: profile pictures, when an
account was made, what else it wrote. None of the signs proves anything; honest people show each.
"""

from __future__ import annotations

import re
from bisect import insort
from datetime import datetime, tzinfo
from math import log
from typing import Final, Literal, NamedTuple, TypeAlias
from zlib import crc32

import msgspec

from libs.common.events import ClassifiedMention
from services.alert.detectors.everyman import says_nothing, stem

SignName: TypeAlias = Literal["names", "profiles", "hours", "pace", "substance", "style"]
ODD, CRITICAL, EXTREME, BRIEF, NAMED, EVERYMAN, PROFILED, THIN, LINKED, NAMELESS, SHARED, PRESS = (
    1 << bit for bit in range(12)
)
"""Of one post: written between midnight and six; a complaint or crisis candidate; the fewest stars
or harsh; of little substance; its author has a name, which says nothing; its author's followers are
known, and hardly any; little more than a link; of no known author; passed on instead of written; an
article."""
_COUNTED: Final = 10
"""So many of them, from the first on, are counted in a cluster."""
ODD_HOURS: Final = range(6)
"""The local hours that begin at midnight and end at six."""
FEW_STARS: Final = 0.2
HARSH: Final = 0.5
"""Severity from which a post without stars is an extreme denunciation."""
FEW_LETTERS: Final = 90
"""A text whose different words have fewer letters has little substance."""
FEW_FOLLOWERS: Final = 5
HEADLINE_LETTERS: Final = 120
"""A post with a link and no more letters than this may be a shared headline."""
CLOSE_SECONDS: Final = 3600
VERBATIM: Final = 0.9
EXACT_AUTHORS: Final = 32
"""Up to so many different authors are counted exactly, more are estimated with an error of 18 %."""
USUAL: Final = {"hours": 0.08, "names": 0.15, "profiles": 0.15}
"""The share of ordinary posts with the sign: rough figures, for ranking only."""

_LINK: Final = re.compile(r"https?://|www\.")
_PASSED_ON: Final = ("RT @", "RT:")
_VIA: Final = re.compile(r"\bvia @\w+\W*\Z")
_QUOTED: Final = {"„": "“”", "“": "”", "»": "«", "«": "»", '"': '"'}


class Post(msgspec.Struct, frozen=True, gc=False):
    """What a cluster learns from one post.

    author: a number for the author, equal for equal ones; for a post without one it is its own.
    at: seconds since 1970.
    stem: a number for the handle without its digits; 0 where it has none.
    """

    author: int
    at: int
    signs: int
    stem: int


def post_of(mention: ClassifiedMention, at: float, zone: tzinfo, letters: int) -> Post:
    """The post's signs. `at` is in seconds since 1970, `letters` those of its different words."""
    author = mention.author
    signs = _signs_of_text(mention, letters)
    if datetime.fromtimestamp(at, zone).hour in ODD_HOURS:
        signs |= ODD
    if author is None:
        return Post(_number(mention.id), int(at), signs | NAMELESS, 0)
    if author.name or author.handle:
        signs |= NAMED | (EVERYMAN if says_nothing(author.name, author.handle) else 0)
    if author.followers is not None:
        signs |= PROFILED | (THIN if author.followers <= FEW_FOLLOWERS else 0)
    alike = stem(author.handle)
    return Post(_number(author.key), int(at), signs, _number(alike) if alike else 0)


def _signs_of_text(mention: ClassifiedMention, letters: int) -> int:
    verdict = mention.classification
    signs = CRITICAL if verdict.label in ("complaint", "crisis_candidate") else 0
    rating = mention.rating
    if rating is not None:
        signs |= EXTREME if rating.value <= FEW_STARS * rating.best else 0
    elif verdict.severity >= HARSH:
        signs |= EXTREME
    if letters < FEW_LETTERS:
        signs |= BRIEF
    if mention.kind == "article":
        signs |= SHARED | PRESS
    elif mention.kind == "repost" or _is_passed_on(mention.text):
        signs |= SHARED
    elif mention.kind != "review" and letters <= HEADLINE_LETTERS and _is_linking(mention.text):
        signs |= LINKED
    return signs


def _is_linking(text: str) -> bool:
    return ("://" in text or "www." in text) and _LINK.search(text, 0, 4_000) is not None


def _is_passed_on(text: str) -> bool:
    """Whether the whole text is somebody else's, and says so."""
    if text.startswith(_PASSED_ON):
        return True
    if "via @" in text and _VIA.search(text, max(0, len(text) - 60)):
        return True
    closing = _QUOTED.get(text[:1])
    return closing is not None and text[-1] in closing


class Tally(msgspec.Struct, array_like=True):
    """The signs of posts that say the same, as running sums.

    copies: posts written by different authors, the first among them. repeats: further posts of
    authors who are counted already. shared: reposts, articles, quotations. press: an article says
    the same. close: copies within an hour of the one before. alike: those with a handle that is,
    without its digits, that of most. likeness: the sum of the copies' similarities.
    """

    copies: int = 0
    repeats: int = 0
    shared: int = 0
    press: bool = False
    first: int = 0
    last: int = 0
    close: int = 0
    counts: list[int] = msgspec.field(default_factory=lambda: [0] * _COUNTED)
    stem: int = 0
    votes: int = 0
    alike: int = 0
    likeness: float = 0.0
    authors: list[int] = msgspec.field(default_factory=list)
    """The smallest of the authors' numbers, in order (Bar-Yossef et al. 2002)."""

    @property
    def size(self) -> int:
        """All posts, whoever wrote or passed them on."""
        return self.copies + self.repeats + self.shared

    def add(self, post: Post, similarity: float) -> None:
        """`similarity` is that to the posts before; that of the first is not used."""
        if post.signs & SHARED:
            self.shared += 1
            self.press = self.press or bool(post.signs & PRESS)
            return
        if post.author in self.authors:
            self.repeats += 1
            return
        if self.copies:
            self.close += abs(post.at - self.last) <= CLOSE_SECONDS
            self.likeness += similarity
        self.first = min(self.first, post.at) if self.copies else post.at
        self.last = max(self.last, post.at) if self.copies else post.at
        self.copies += 1
        for bit in range(_COUNTED):
            self.counts[bit] += post.signs >> bit & 1
        self._count_stem(post.stem)
        if len(self.authors) < EXACT_AUTHORS or post.author < self.authors[-1]:
            insort(self.authors, post.author)
            del self.authors[EXACT_AUTHORS:]

    def numbers(self) -> dict[str, float]:
        """The measured signs by name; `first` is in seconds since 1970. Shares are 0 to 1; those of
        names and profiles are of the posts with a known one, whose number stands beside them."""
        copies = max(1, self.copies)
        named, profiled = self._count(NAMED), self._count(PROFILED)
        return {
            "copies": float(self.copies),
            "authors": float(self._authors()),
            "repeats": float(self.repeats),
            "shared": float(self.shared),
            "first": float(self.first),
            "hours": (self.last - self.first) / 3600,
            "close_share": self.close / max(1, self.copies - 1),
            "odd_hours_share": self._count(ODD) / copies,
            "named": float(named),
            "everyman_share": self._count(EVERYMAN) / max(1, named),
            "profiled": float(profiled),
            "thin_share": self._count(THIN) / max(1, profiled),
            "alike_share": self.alike / copies,
            "extreme_share": self._count(EXTREME) / copies,
            "brief_share": self._count(BRIEF) / copies,
            "critical_share": self._count(CRITICAL) / copies,
            "linked_share": self._count(LINKED) / copies,
            "nameless_share": self._count(NAMELESS) / copies,
            "similarity": self.likeness / max(1, self.copies - 1),
        }

    def _count(self, sign: int) -> int:
        return self.counts[sign.bit_length() - 1]

    def _authors(self) -> int:
        if len(self.authors) < EXACT_AUTHORS:
            return len(self.authors)
        return max(EXACT_AUTHORS, round((EXACT_AUTHORS - 1) * 2**32 / self.authors[-1]))

    def _count_stem(self, stem: int) -> None:
        """Boyer-Moore's vote: the stem of more than half of the handles stays in the end."""
        if not stem:
            return
        if not self.votes:
            self.stem, self.alike = stem, 0
        self.votes += 1 if stem == self.stem else -1
        self.alike += stem == self.stem


_ENOUGH: Final = 3
"""A share of fewer posts, known names or known profiles says nothing."""


class Measure(NamedTuple):
    """One measured quantity, the sign it speaks for, and from where on.

    of: the number of posts of which the share is taken.
    """

    name: str
    sign: SignName
    number: str
    least: float
    of: str


MEASURES: Final = (
    Measure("everyman", "names", "everyman_share", 0.5, "named"),
    Measure("thin", "profiles", "thin_share", 0.5, "profiled"),
    Measure("alike", "profiles", "alike_share", 0.5, "copies"),
    Measure("odd_hours", "hours", "odd_hours_share", 0.4, "copies"),
    Measure("close", "pace", "close_share", 0.6, "copies"),
    Measure("extreme", "substance", "extreme_share", 0.7, "copies"),
    Measure("brief", "substance", "brief_share", 0.7, "copies"),
    Measure("verbatim", "style", "similarity", VERBATIM, "copies"),
)
_NEEDED: Final = ((12, 1), (8, 2), (5, 3), (4, 4))
"""The more authors, the fewer signs make a suspicion: from so many authors on, so many signs."""
FEWEST_AUTHORS: Final = _NEEDED[-1][0]
_ALIKE: Final = 0.77
"""Mean similarity from which posts are copies of one another: 0.8, less the error of a mean of
three. Below it lie short posts that share a phrase."""
_PERSONAL: Final = frozenset[SignName]({"names", "profiles", "hours"})
_TEXTUAL: Final = frozenset[SignName]({"substance", "style"})
"""These alone are how a catchphrase looks that comes up again and again."""
_ODD_PEOPLE: Final = 2
"""So many of those are needed where the posts could be passed on, or are no criticism."""


def is_known(measure: Measure, numbers: dict[str, float]) -> bool:
    """Whether the measure is known of enough posts to say anything."""
    return numbers[measure.of] >= _ENOUGH


def holds(measure: Measure, numbers: dict[str, float]) -> bool:
    return is_known(measure, numbers) and numbers[measure.number] >= measure.least


def signs_in(numbers: dict[str, float]) -> tuple[SignName, ...]:
    """The signs that hold, by the numbers of a tally."""
    return tuple(dict.fromkeys(one.sign for one in MEASURES if holds(one, numbers)))


def suspicious(tally: Tally) -> bool:
    """Whether so many signs come together that it looks made, not grown.

    What the press says is passed on, not coordinated. Short posts with a link may be, and what is
    no criticism may be a competition's or a fashion's: those are suspected only where the accounts
    and hours are odd.
    """
    if tally.press or tally.copies < FEWEST_AUTHORS:
        return False
    numbers = tally.numbers()
    authors = min(numbers["authors"], numbers["copies"])
    if authors < FEWEST_AUTHORS or numbers["similarity"] < _ALIKE:
        return False
    signs = signs_in(numbers)
    if _TEXTUAL.issuperset(signs):
        return False
    harmless = numbers["linked_share"] >= 0.5 or numbers["critical_share"] < 0.5
    if harmless and len(_PERSONAL.intersection(signs)) < _ODD_PEOPLE:
        return False
    needed = next(signs for copies, signs in _NEEDED if authors >= copies)
    return len(signs) >= needed


def surprise(tally: Tally) -> float:
    """How unlikely the hours, names and profiles are by chance, as -log10 of the probability: the
    sum of Chernoff's bounds on the three counts against the usual shares, as if they were
    independent."""
    numbers = tally.numbers()
    seen = {
        "hours": (numbers["copies"], numbers["odd_hours_share"]),
        "names": (numbers["named"], numbers["everyman_share"]),
        "profiles": (numbers["profiled"], numbers["thin_share"]),
    }
    return sum(count * _divergence(share, USUAL[name]) for name, (count, share) in seen.items())


def _divergence(share: float, usual: float) -> float:
    """Of two biased coins (Kullback & Leibler), in decimal digits; 0 for no more than usual."""
    if share <= usual:
        return 0.0
    heads = share * log(share / usual, 10)
    return heads + ((1 - share) * log((1 - share) / (1 - usual), 10) if share < 1 else 0.0)


def _number(name: str) -> int:
    """A number of 32 bits, spread evenly, the same in every process."""
    number = crc32(name.encode("utf-8", "surrogatepass")) * 0x9E3779B1 & 0xFFFFFFFF
    return number ^ number >> 15
