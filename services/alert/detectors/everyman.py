"""Names that say nothing about who writes: everyman names and made-up ones.

An everyman name is one of the most frequent German or English first names, alone, with an initial
or with one of the most frequent surnames: `Peter`, `Peter M.`, `Thomas Müller`, `John Smith`. A
made-up one is a word for a role (`Kunde`, `Guest`) or a handle with a run of digits as platforms
propose it (`sabine84712`). Many honest people are called so: it is a sign only in numbers.
"""

from __future__ import annotations

import re
from typing import Final

from libs.common.query.fold import fold

_FIRST: Final = frozenset(
    fold(
        """
        max hans peter thomas michael andreas stefan stephan christian martin markus daniel
        klaus juergen wolfgang frank uwe bernd ralf jan paul lukas leon jonas felix tim tom
        maria anna sabine petra monika susanne claudia andrea nicole julia laura lisa sarah
        katharina stefanie sandra karin ursula birgit heike angelika erika marie sophie lena
        john james robert david william richard joseph mark charles chris mike steve kevin
        mary patricia jennifer linda elizabeth barbara susan jessica karen emily emma kate jane
        """
    ).split()
)
_LAST: Final = frozenset(
    fold(
        """
        mustermann musterfrau müller schmidt schneider fischer weber meyer meier maier mayer
        wagner becker schulz schulze hoffmann schäfer koch bauer richter klein wolf schröder
        neumann schwarz braun zimmermann krüger hofmann hartmann lange werner krause huber
        smith johnson williams brown jones miller davis wilson anderson taylor thomas moore
        jackson martin white clark lewis walker hall young king wright green doe
        """
    ).split()
)
_ROLES: Final = frozenset(
    fold(
        """
        anonym anonymous anonymus unbekannt unknown kunde kundin customer gast guest user nutzer
        nutzerin benutzer verbraucher verbraucherin consumer käufer käuferin buyer tester
        bewerter reviewer mitarbeiter mitarbeiterin employee patient patientin niemand nobody
        jemand someone somebody exkunde exmitarbeiter
        """
    ).split()
)
_PART: Final = re.compile(r"[^\W\d_]+")
_NUMBERED: Final = re.compile(r"[^\W\d_][\w.-]{0,60}?\d{4,}")
_LONGEST: Final = 64


def says_nothing(name: str | None, handle: str | None) -> bool:
    """Whether name and handle leave open who that is. False where there is neither."""
    return (name is not None and _is_anybody(name[:_LONGEST])) or (
        handle is not None and _is_made_up(handle[:_LONGEST])
    )


def stem(handle: str | None) -> str | None:
    """A handle without its digits, where it has some: equal for `kunde_17` and `kunde_4711`."""
    if handle is None:
        return None
    handle = handle[:_LONGEST]
    if not any(map(str.isdigit, handle)):
        return None
    return "".join(_PART.findall(fold(handle))) or None


def _is_anybody(name: str) -> bool:
    parts = _PART.findall(fold(name))
    if not parts or len(parts) > 2:
        return False
    first, last = parts[0], parts[-1]
    if first in _ROLES or last in _ROLES:
        return True
    return first in _FIRST and (len(parts) == 1 or len(last) == 1 or last in _LAST)


def _is_made_up(handle: str) -> bool:
    if _NUMBERED.fullmatch(handle) is not None:
        return True
    parts = _PART.findall(fold(handle))
    return len(parts) == 1 and parts[0] in _ROLES
