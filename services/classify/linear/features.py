"""What the linear model sees of a text: hashed words, pairs of words, parts of words, and signs.

The one implementation for training and for serving. A feature is the hash of what it stands for:

- words: each token; each pair of neighbours; each token in the reach of a negation
- parts: sequences of 3 to 5 letters in a word, its edges included
- signs: how long, loud and questioning the text is, how it begins and ends, what the platform says

Each of the three blocks counts with its weight over the square root of its size, so that long
texts do not shout down short ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.classify.linear.alphabet import (
    BOLD,
    DIGIT,
    EMOJI,
    GAP,
    JOINER,
    LETTER,
    MARK,
    SIGN,
    SIZE,
    SKIN_TONES,
    Alphabet,
    alphabet,
)
from services.classify.linear.compiled import compiled
from services.classify.reading import READ_CHARACTERS, READ_TITLE_CHARACTERS

ROOM: Final = READ_TITLE_CHARACTERS + 1 + READ_CHARACTERS
"""So many characters are read of title and text: whatever comes takes some milliseconds at most."""
BLOCKS: Final = 3
WEIGHTS: Final = (1.0, 1.0, 0.5)
"""Of words, parts and signs, found by cross-validation on the corpus."""

SHORTEST_PART: Final = 3
LONGEST_PART: Final = 5
LONGEST_WORD: Final = 48
"""Folded letters of a word that count."""
NEGATED: Final = 4
"""Tokens after a negation that it reaches."""

# Kinds of tokens.
WORD: Final = 1
SHOUTED: Final = 2
NUMBER: Final = 3
SIGNS: Final = 4
HANDLE: Final = 5
ADDRESS: Final = 6

NEGATING: Final = (
    "nicht kein keine keinen keinem keiner keines nie niemals nirgends ohne weder ned net nid noed "
    "nix nichts kaum no not never none nothing without dont doesnt didnt isnt wasnt wont cant "
    "couldnt wouldnt shouldnt aint hardly cannot nor arent werent havent hasnt hadnt neither"
)

# What a hash is of, so that equal letters in different roles are different features.
_A_WORD: Final = 0x01000193
_A_PAIR: Final = 0x02000193
_A_NEGATED_WORD: Final = 0x04000193
_A_PART: Final = 0x05000193
_A_SIGN: Final = 0x06000193
_LENGTH, _QUESTIONS, _EXCLAMATIONS, _PICTURES, _LOUD, _FIRST, _BEGINNING, _LAST, _TOLD = range(9)

EDGE: Final = 32
"""Stands before and after the letters of a word."""

_SPREAD: Final = 0x9E3779B1
_MIX_1: Final = 0x85EBCA6B
_MIX_2: Final = 0xC2B2AE35
"""Multipliers of Fibonacci hashing and of MurmurHash3's last step (Austin Appleby)."""


Code: TypeAlias = int | np.uint32
"""A code point or a hash."""


class Texts(NamedTuple):
    """Many texts in one array of code points. Text i is `codes[offsets[i]:offsets[i + 1]]`.

    told: what the platform says of text i, a small number per combination, 0 for nothing.
    """

    codes: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    told: NDArray[np.uint32]

    def of(self, i: int) -> NDArray[np.uint32]:
        """The code points of text i."""
        return self.codes[self.offsets[i] : self.offsets[i + 1]]

    def only(self, rows: NDArray[np.intp]) -> Texts:
        """These texts alone."""
        parts = [self.of(row) for row in rows]
        offsets = np.concatenate(([0], np.cumsum([part.size for part in parts])))
        return Texts(np.concatenate(parts), offsets, self.told[rows])


class Space(NamedTuple):
    """Where one text is worked on. Arrays of tokens, of folded letters, and of features.

    A token: its hash, place in the text, kind, letters, and where its parts end among the features.
    A feature: its hash; of words and pairs also the first and last token.
    """

    hashes: NDArray[np.uint32]
    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    letters: NDArray[np.uint32]
    letters_begin: NDArray[np.int32]
    letters_end: NDArray[np.int32]
    parts_end: NDArray[np.int32]
    features: NDArray[np.uint32]
    first_token: NDArray[np.int32]
    last_token: NDArray[np.int32]


def space() -> Space:
    """Room for the longest text."""
    tokens, letters = ROOM + 1, 2 * ROOM + 4
    features = 3 * tokens + 3 * letters + 2 * 3 * tokens + 32
    return Space(
        hashes=np.empty(tokens, np.uint32),
        begins=np.empty(tokens, np.int32),
        ends=np.empty(tokens, np.int32),
        kinds=np.empty(tokens, np.uint8),
        letters=np.empty(letters, np.uint32),
        letters_begin=np.empty(tokens, np.int32),
        letters_end=np.empty(tokens, np.int32),
        parts_end=np.empty(tokens, np.int32),
        features=np.empty(features, np.uint32),
        first_token=np.empty(3 * tokens, np.int32),
        last_token=np.empty(3 * tokens, np.int32),
    )


def texts(read: Sequence[str], told: Sequence[int]) -> Texts:
    """Texts as arrays; each is read up to ROOM."""
    cut = [text[:ROOM] for text in read]
    codes = np.frombuffer("".join(cut).encode("utf-32-le", "surrogatepass"), np.uint32)
    offsets = np.zeros(len(cut) + 1, np.int64)
    np.cumsum([len(text) for text in cut], out=offsets[1:])
    return Texts(codes, offsets, np.array(told, np.uint32))


@compiled
def _mixed(hashed: Code) -> np.uint32:
    # Each step is cut to 32 bits again: compiled arithmetic widens what it multiplies.
    h = np.uint32(hashed)
    h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(_MIX_1))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(_MIX_2))
    return np.uint32(h ^ (h >> np.uint32(16)))


@compiled
def _joined(hashed: Code, code: Code) -> np.uint32:
    return np.uint32(np.uint32(hashed) * np.uint32(_SPREAD) + np.uint32(code) + np.uint32(1))


@compiled
def _kind(code: Code, alphabet: Alphabet) -> int:
    if code < SIZE:
        return int(alphabet.kind[code])
    if SKIN_TONES[0] <= code <= SKIN_TONES[1] or 0xFE00 <= code <= 0xFE0F:
        return MARK
    if 0xD800 <= code <= 0xDFFF or code == 0xFEFF or code == 0xFFFD:
        return GAP
    if 0x3000 <= code <= 0x303F or 0xFF00 <= code <= 0xFF0F:  # ideographic and wide punctuation
        return SIGN
    return SIGN if code >= EMOJI else LETTER


@compiled
def _address_end(codes: NDArray[np.uint32], at: int, end: int, alphabet: Alphabet) -> int:
    """Where the web address or @name that begins here ends; `at` when none does."""
    if codes[at] == 64:  # @
        stop = at + 1
        while stop < end and (_kind(codes[stop], alphabet) in (LETTER, DIGIT) or codes[stop] == 95):
            stop += 1
        return stop if stop > at + 1 else at
    http = at + 4 < end and codes[at] | 32 == 104 and codes[at + 1] | 32 == 116
    http = http and codes[at + 2] | 32 == 116 and codes[at + 3] | 32 == 112
    www = at + 4 < end and codes[at] | 32 == 119 and codes[at + 1] | 32 == 119
    www = www and codes[at + 2] | 32 == 119 and codes[at + 3] == 46
    if http:
        after = at + 5 if codes[at + 4] | 32 == 115 else at + 4
        http = after + 2 < end and codes[after] == 58 and codes[after + 1] == 47
    stop = at
    while (http or www) and stop < end and _kind(codes[stop], alphabet) != GAP:
        stop += 1
    return stop


@compiled
def _disguised(code: Code, kind: int) -> np.uint32:
    """The letter of a code point from SIZE on; 0 for none."""
    if kind == MARK:
        return np.uint32(0)
    if BOLD[0] <= code < BOLD[1]:
        return np.uint32(97 + (code - BOLD[0]) % 26)
    return np.uint32(code)


@compiled
def _word(
    codes: NDArray[np.uint32],
    at: int,
    end: int,
    alphabet: Alphabet,
    space: Space,
    n: int,
    used: int,
) -> tuple[int, int]:
    """Reads the word that begins here as token n. Returns where it ends, and the letters used.

    Letters said more than twice in a row count twice: "sooooo" is "soo".
    """
    begin, full = used, used + LONGEST_WORD
    hashed, before, run, capitals, seen = np.uint32(0), np.uint32(0), 0, 0, 0
    digits = True
    while at < end:
        code = codes[at]
        if code < SIZE:
            kind = int(alphabet.kind[code])
            letter, further = alphabet.first[code], alphabet.second[code]
        else:
            kind = _kind(code, alphabet)
            letter, further = _disguised(code, kind), np.uint32(0)
        if kind == LETTER:
            seen += 1
            capitals += (65 <= code <= 90) | (code == 196) | (code == 214) | (code == 220)
        elif kind == JOINER:
            if at + 1 >= end or _kind(codes[at + 1], alphabet) != LETTER:
                break
        elif kind not in (DIGIT, MARK):
            break
        digits &= kind == DIGIT
        while letter != 0:
            run = run + 1 if letter == before else 1
            before = letter
            if run <= 2 and used < full:
                hashed = _joined(hashed, letter)
                space.letters[used] = letter
                used += 1
            letter, further = further, np.uint32(0)
        at += 1
    loud = seen > 3 and capitals == seen
    space.hashes[n] = hashed
    space.kinds[n] = NUMBER if digits else SHOUTED if loud else WORD
    space.letters_begin[n] = begin
    space.letters_end[n] = used
    return at, used


@compiled
def _tokens(
    codes: NDArray[np.uint32], begin: int, end: int, alphabet: Alphabet, space: Space
) -> int:
    """Cuts a text into tokens. Returns how many."""
    n, used, at = 0, 1, begin
    space.letters[0] = EDGE
    while at < end:
        code = codes[at]
        kind = _kind(code, alphabet)
        stop = at
        if code == 64 or code | 32 == 104 or code | 32 == 119:  # @, h, w
            stop = _address_end(codes, at, end, alphabet)
        if stop > at:
            space.kinds[n] = HANDLE if code == 64 else ADDRESS
            space.hashes[n] = np.uint32(space.kinds[n])
        elif kind in (LETTER, DIGIT):
            space.begins[n] = at - begin
            stop, used = _word(codes, at, end, alphabet, space, n, used)
            space.letters[used] = EDGE
            space.ends[n] = stop - begin
            used += 1
            n += 1
            at = stop
            continue
        elif kind == SIGN:
            stop = at + 1
            while stop < end and codes[stop] == code:
                stop += 1
            same = alphabet.first[code] if code < SIZE else code
            space.kinds[n] = SIGNS
            space.hashes[n] = _joined(_joined(np.uint32(0), same), min(stop - at, 3))
        else:
            at += 1
            continue
        space.letters_begin[n] = space.letters_end[n] = used
        space.begins[n] = at - begin
        space.ends[n] = stop - begin
        n += 1
        at = stop
    return n


@compiled
def _words(space: Space, n: int, negations: NDArray[np.uint32]) -> int:
    """The words, not mixed yet. Returns how many."""
    count, reach, before = 0, 0, np.uint32(0)
    for t in range(n):
        hashed = space.hashes[t]
        space.features[count] = hashed + np.uint32(_A_WORD)
        space.first_token[count] = space.last_token[count] = t
        count += 1
        if t > 0:
            space.features[count] = _joined(before, hashed) + np.uint32(_A_PAIR)
            space.first_token[count] = t - 1
            space.last_token[count] = t
            count += 1
        before = hashed
        if space.kinds[t] == SIGNS:
            reach = 0
            continue
        if reach > 0:
            space.features[count] = hashed + np.uint32(_A_NEGATED_WORD)
            space.first_token[count] = space.last_token[count] = t
            count += 1
            reach -= 1
        at = np.searchsorted(negations, hashed)
        if at < negations.size and negations[at] == hashed:
            reach = NEGATED
    return count


@compiled
def _parts(space: Space, n: int, count: int) -> int:
    """The parts, not mixed yet. An edge stands before and after the letters of each word."""
    letters, features = space.letters, space.features
    for t in range(n):
        if space.kinds[t] <= SHOUTED:
            begin, end = space.letters_begin[t] - 1, space.letters_end[t] + 1
            for first in range(begin, end - SHORTEST_PART + 1):
                hashed = _joined(
                    _joined(letters[first] + np.uint32(1), letters[first + 1]), letters[first + 2]
                )
                features[count] = hashed + np.uint32(_A_PART + 3)
                count += 1
                if first + 4 <= end:
                    hashed = _joined(hashed, letters[first + 3])
                    features[count] = hashed + np.uint32(_A_PART + 4)
                    count += 1
                if first + 5 <= end:
                    hashed = _joined(hashed, letters[first + 4])
                    features[count] = hashed + np.uint32(_A_PART + 5)
                    count += 1
        space.parts_end[t] = count
    return count


@compiled
def _signs(codes: NDArray[np.uint32], told: Code, space: Space, n: int, count: int) -> int:
    """The signs, not mixed yet. codes: those of this text only. told: what the platform says."""
    questions, exclamations, pictures, loud, length = 0, 0, 0, 0, 0
    for t in range(n):
        loud += space.kinds[t] == SHOUTED
        if space.kinds[t] == SIGNS:
            code = codes[space.begins[t]]
            questions += code == 63
            exclamations += code == 33
            pictures += code > 0x2190
    while n >> length > 1:
        length += 1
    first = space.hashes[0] if n else np.uint32(0)
    second = space.hashes[1] if n > 1 else np.uint32(0)
    last = space.hashes[n - 1] if n else np.uint32(0)
    for role, value in (
        (_LENGTH, np.uint32(length)),
        (_QUESTIONS, np.uint32(min(questions, 3))),
        (_EXCLAMATIONS, np.uint32(min(exclamations, 3))),
        (_PICTURES, np.uint32(min(pictures, 3))),
        (_LOUD, np.uint32(min(loud, 3))),
        (_FIRST, first),
        (_BEGINNING, _joined(first, second)),
        (_LAST, last),
        (_TOLD, np.uint32(told)),
    ):
        space.features[count] = _joined(value, np.uint32(role)) + np.uint32(_A_SIGN)
        count += 1
    return count


@compiled
def features_of(
    codes: NDArray[np.uint32],
    told: Code,
    alphabet: Alphabet,
    negations: NDArray[np.uint32],
    space: Space,
) -> tuple[int, int, int, int]:
    """Fills `space` with the tokens and features of one text.

    Returns how many tokens there are, and where the words, the parts and the signs end among the
    features.
    """
    n = _tokens(codes, 0, codes.size, alphabet, space)
    words = _words(space, n, negations)
    parts = _parts(space, n, words)
    signs = _signs(codes, told, space, n, parts)
    for f in range(signs):  # all at once: the processor mixes several in one go
        space.features[f] = _mixed(space.features[f])
    return n, words, parts, signs


def _hash_of(word: str) -> int:
    hashed = 0
    for character in word:
        hashed = (hashed * _SPREAD + ord(character) + 1) & 0xFFFF_FFFF
    return hashed


ALPHABET: Final = alphabet()
NEGATIONS: Final = np.array(sorted({_hash_of(word) for word in NEGATING.split()}), np.uint32)
