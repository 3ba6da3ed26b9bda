"""What a story is about in one line, and the mentions that tell it best.

Both are made of what its mentions say more often than the watch usually does. A headline holds
words as people wrote them: no handles, no insults, nobody who is addressed by name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import fsum, log, log10, sqrt
from typing import Final, NamedTuple

from libs.common.query.fold import fold
from services.alert.page import Quote
from services.alert.vocabulary import (
    READ_CHARACTERS,
    Vocabulary,
    is_insult,
    stop_words_in,
    term_of,
    without_addresses,
)

TELLING: Final = 5
MOST_PARTS: Final = 3
MOST_WORDS: Final = 5
ALIKE: Final = 0.6
"""From this Jaccard similarity of three-word sequences on two texts are the same."""

_READ: Final = 120
"""Mentions, the newest, that a headline is made of."""
_TOKEN: Final = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*|[^\s\w]")
_APOSTROPHE: Final = re.compile("['\u2019]")
_ADDRESSED: Final = frozenset(
    fold("herr herrn frau dr prof mr mrs ms miss sir madam chef chefin ceo").split()
)
_GAP: Final = 2
"""Stop words that may follow one another in a phrase, as in `Kratzer im Tank`."""
_LONGEST: Final = 3
"""Words of a phrase after its first."""
_STRESS: Final = 2.0
"""How much more a word counts that decided the label or stands in a title."""
_WORTH: Final = 0.2
"""A further part is worth saying when it scores this much of the first."""
_SPOKEN_OF: Final = 0.12
"""What is said in a smaller share of the texts is not what they are about."""
_FULLER: Final = 0.08
"""Share of the texts with a word that must have it in the same phrase."""
_NO_NOUN: Final = 0.5
"""A German word with a small initial tells little where it stands alone."""
_MILLION: Final = 6.0
"""A million followers are worth as much as the gravest severity, a thousand half of it."""
_FIRST: Final = 0.5
_NEW_PLATFORM: Final = 0.4
_COMMON_LANGUAGES: Final = ("de", "en")


class _Word(NamedTuple):
    """A word of a text: as written, and its term; empty for a stop word, None for what must not
    be repeated and for marks between words."""

    written: str
    term: str | None


class _Part(NamedTuple):
    """A piece of the headline: its terms, how it is written most often, how much it says, and in
    how many texts."""

    terms: tuple[str, ...]
    written: str
    score: float
    spoken: int


def headline(quotes: Sequence[Quote], watch: str, title: str, vocabulary: Vocabulary) -> str:
    """For example `Motorrad AG: Bremse versagt, Lupora (Produkt gefährdet Menschen)`.

    quotes: the story's mentions. watch: its name. title: the playbook's, in the reader's language.
    Without anything distinctive it is the watch and the title.
    """
    said = subject(quotes, watch, vocabulary)
    return f"{watch}: {', '.join(said)} ({title})" if said else f"{watch}: {title}"


def subject(quotes: Sequence[Quote], watch: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The distinctive words and phrases alone, in the order of a text that has them."""
    language, told = _in_one_language(_apart(quotes))
    known = {term_of(word) for word in re.findall(r"\w+", watch.lower())}
    texts = [_words(quote.text or "") for quote in told]
    weights = _weights(told, texts, vocabulary, known)
    parts = _candidates(texts, weights, language)
    chosen: list[_Part] = []
    for part in parts:
        if _related(part.terms, (term for each in chosen for term in each.terms)):
            continue
        if chosen and part.score < _WORTH * chosen[0].score:
            break
        fuller = _fuller(part, parts)
        if sum(len(each.terms) for each in chosen) + len(fuller.terms) > MOST_WORDS:
            break
        chosen.append(fuller)
        if len(chosen) == MOST_PARTS:
            break
    return tuple(part.written for part in _in_order(chosen, texts))


def telling(quotes: Sequence[Quote], vocabulary: Vocabulary) -> tuple[Quote, ...]:
    """The at most five mentions that tell the story best, by time; no two nearly the same.

    What counts: distinctive words, severity, reach, to be the first to speak of it, another
    platform, and what the others have not said.
    """
    told = [quote for quote in quotes if quote.text]
    texts = [_words(quote.text or "") for quote in told]
    weights = _weights(told, texts, vocabulary, ())
    spoken = [{word.term for word in text if word.term in weights} for text in texts]
    shingles = [_shingles(quote.text or "") for quote in told]
    heaviest = max(weights, key=lambda term: (weights[term], term), default="")
    speaking = (quote for quote, terms in zip(told, spoken, strict=True) if heaviest in terms)
    first = min(speaking, key=_time, default=None)
    most = max((_weight(terms, weights) for terms in spoken), default=0.0) or 1.0
    worth = [
        _weight(terms, weights) / most
        + quote.severity
        + log10(1 + max(0, quote.followers or 0)) / _MILLION
        + _FIRST * (quote is first)
        for quote, terms in zip(told, spoken, strict=True)
    ]
    chosen: list[int] = []
    left = list(range(len(told)))
    while left and len(chosen) < TELLING:
        heard = {term for index in chosen for term in spoken[index]}
        platforms = {told[index].platform for index in chosen}
        best = max(
            (
                worth[index]
                + _weight(spoken[index] - heard, weights) / most
                + _NEW_PLATFORM * (told[index].platform not in platforms),
                -index,
            )
            for index in left
        )
        index = -best[1]
        chosen.append(index)
        left = [i for i in left if i != index and _jaccard(shingles[i], shingles[index]) < ALIKE]
    return tuple(sorted((told[index] for index in chosen), key=_time))


def _weight(terms: Iterable[str | None], weights: Mapping[str, float]) -> float:
    return fsum(weights[term] for term in terms if term)


def _time(quote: Quote) -> tuple[float, str]:
    return quote.published_at.timestamp(), quote.mention


def _apart(quotes: Sequence[Quote]) -> list[Quote]:
    """By time, of copies the first alone: one text said often is one text."""
    kept: list[Quote] = []
    shingles: list[frozenset[tuple[str, ...]]] = []
    for quote in sorted((quote for quote in quotes if quote.text), key=_time)[-_READ:]:
        own = _shingles(quote.text or "")
        if all(_jaccard(own, other) < ALIKE for other in shingles):
            kept.append(quote)
            shingles.append(own)
    return kept


def _in_one_language(quotes: Sequence[Quote]) -> tuple[str, list[Quote]]:
    """The language most are written in, and those in it: words of two make no line."""
    languages = [_language(quote.text or "") for quote in quotes]
    counted = Counter(languages)
    language = max(_COMMON_LANGUAGES, key=lambda each: counted[each])
    of_it = zip(quotes, languages, strict=True)
    return language, [quote for quote, each in of_it if each == language]


def _language(text: str) -> str:
    """Whose stop words it has more of."""
    words = [fold(word) for word in re.findall(r"[^\W\d_]+", text[:READ_CHARACTERS].lower())]
    return max(
        _COMMON_LANGUAGES,
        key=lambda each: sum(word in stop_words_in(each) for word in words),
    )


def _words(text: str) -> list[_Word]:
    """The words and marks of a text. Who follows `Herr` or `Mr` is nobody's business."""
    words: list[_Word] = []
    name = False
    for match in _TOKEN.finditer(without_addresses(text[:READ_CHARACTERS])):
        written = match.group()
        low = written.lower()
        if not written[0].isalnum():
            name = name and written == "."
            words.append(_Word(written, None))
            continue
        addressed = fold(low) in _ADDRESSED
        term = None if name or addressed or is_insult(fold(low)) else _term(low)
        name = addressed or (name and written[0].isupper())
        words.append(_Word(written, term))
    return words


def _term(word: str) -> str:
    """Of a word that may have hyphens, digits or an apostrophe, of which the first part counts;
    empty where it has too few letters."""
    letters = "".join(filter(str.isalpha, _APOSTROPHE.split(word)[0]))
    return term_of(letters) if len(letters) >= 3 else ""


def _weights(
    quotes: Sequence[Quote],
    texts: Sequence[Sequence[_Word]],
    vocabulary: Vocabulary,
    known: Iterable[str],
) -> dict[str, float]:
    """How much each term says about these texts."""
    counted: Counter[str] = Counter()
    stress: Counter[str] = Counter()
    for quote, text in zip(quotes, texts, strict=True):
        own = {word.term for word in text if word.term}
        counted.update(own)
        stress.update(_stressed(quote) & own)
    total = len(texts) + 1
    weights = {}
    for term, count in counted.items():
        nats = log(count / total / vocabulary.share(term)) - 1.0
        if nats > 0.0 and term not in known:
            more = 1.0 + (_STRESS - 1.0) * stress[term] / count
            weights[term] = sqrt(count) * count * nats * more
    return weights


def _stressed(quote: Quote) -> set[str]:
    """The terms that decided, and those of a title, which is a line of its own."""
    title, _, text = (quote.text or "").partition("\n")
    lines = (*quote.words, title if text else "")
    return {_term(word) for line in lines for word in line.lower().split()}


def _candidates(
    texts: Sequence[Sequence[_Word]], weights: Mapping[str, float], language: str
) -> list[_Part]:
    """Words and phrases that enough texts have, the best first."""
    spelled: dict[tuple[str, ...], Counter[str]] = {}
    for text in texts:
        seen: dict[tuple[str, ...], str] = {}
        for terms, written in _phrases(text, weights):
            seen.setdefault(terms, written)
        for terms, written in seen.items():
            spelled.setdefault(terms, Counter())[written] += 1
    alone = {terms[0]: spellings.total() for terms, spellings in spelled.items() if len(terms) == 1}
    fewest = 1 if len(texts) < 3 else max(2.0, _SPOKEN_OF * len(texts))
    parts = []
    for terms, spellings in spelled.items():
        count, written = spellings.total(), _commonest(spellings)
        rarest = min(alone[term] for term in terms)
        if max(alone[term] for term in terms) < fewest or (count < 2 <= fewest):
            continue
        if len(terms) > 1:
            fit = count / rarest
        elif language == "de" and not written[0].isupper():
            fit = _NO_NOUN
        else:
            fit = 1.0
        parts.append(_Part(terms, written, fit * sum(weights[term] for term in terms), count))
    return sorted(parts, key=lambda part: (-part.score, part.terms))


def _fuller(part: _Part, parts: Iterable[_Part]) -> _Part:
    """The best phrase around a word that enough of its texts have, or the word."""
    if len(part.terms) > 1:
        return part
    fewest = min(part.spoken, max(2.0, _FULLER * part.spoken))
    return next(
        (
            each
            for each in parts
            if len(each.terms) > 1 and part.terms[0] in each.terms and each.spoken >= fewest
        ),
        part,
    )


def _phrases(
    text: Sequence[_Word], weights: Mapping[str, float]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each distinctive word, and those that follow one another, up to three, with the stop words
    between them."""
    for start, word in enumerate(text):
        if not word.term or word.term not in weights:
            continue
        yield (word.term,), word.written
        terms, gap = [word.term], 0  # stop words since the last term
        for end in range(start + 1, len(text)):
            term = text[end].term
            gap = gap + 1 if term == "" else 0
            if term is None or gap > _GAP or end - start > _LONGEST:
                break
            if term and term not in weights:
                break
            if term and term not in terms:
                terms.append(term)
                yield tuple(terms), " ".join(each.written for each in text[start : end + 1])


def _commonest(spellings: Counter[str]) -> str:
    """The commonest spelling, the first among equals; shouting only where nobody says it calmly."""
    calm = {written: count for written, count in spellings.items() if not _shouted(written)}
    best = max(calm or spellings, key=lambda written: spellings[written])
    return best if calm else best.capitalize()


def _shouted(written: str) -> bool:
    return written.isupper() and len(written) > 4


def _related(terms: Iterable[str], taken: Iterable[str]) -> bool:
    """Whether it says again what was said: the same word, or a compound with it."""
    return any(
        mine == other or (min(len(mine), len(other)) >= 5 and (mine in other or other in mine))
        for mine in terms
        for other in taken
    )


def _in_order(parts: Sequence[_Part], texts: Sequence[Sequence[_Word]]) -> list[_Part]:
    """As the first text has them that has most of them; what it lacks comes last."""
    if not parts:
        return []
    places = [
        {word.term: index for index, word in reversed(list(enumerate(text)))} for text in texts
    ]
    model = max(places, key=lambda place: sum(part.terms[0] in place for part in parts))
    return sorted(parts, key=lambda part: model.get(part.terms[0], len(model) + READ_CHARACTERS))


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Its sequences of three words; all of it when it is shorter."""
    words = re.findall(r"\w+", fold(text))
    return frozenset(zip(words, words[1:], words[2:], strict=False)) or frozenset([tuple(words)])


def _jaccard(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
