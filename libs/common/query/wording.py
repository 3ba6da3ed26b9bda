"""What the parser says, in English and German."""

from __future__ import annotations

from typing import Final

from libs.common.query.errors import Wording

TERM: Final = Wording(
    'a word, a phrase in quotes, a condition such as lang:de, or "("',
    "ein Wort, eine Wortfolge in Anführungszeichen, eine Bedingung wie lang:de oder „(“",
)
VALUE: Final = Wording(
    "a value right after it, in quotes if it has spaces, for example author:anna",
    "ein Wert direkt dahinter, mit Leerzeichen in Anführungszeichen, zum Beispiel author:anna",
)
NUMBER: Final = Wording(
    "a number from {least} to {most}, for example {example}",
    "eine Zahl von {least} bis {most}, zum Beispiel {example}",
)
REACH: Final = Wording(
    "a whole number, for example 50000 or 50k", "eine ganze Zahl, zum Beispiel 50000 oder 50k"
)
DATE: Final = Wording(
    "a day such as 2026-01-31, a time such as 2026-01-31T08:00Z, "
    "or a range such as 2026-01-01..2026-01-31",
    "ein Tag wie 2026-01-31, ein Zeitpunkt wie 2026-01-31T08:00Z "
    "oder ein Zeitraum wie 2026-01-01..2026-01-31",
)
ONE_OF: Final = Wording("one of {names}", "eines von {names}")
FIELDS: Final = Wording(
    "one of {names}; to search for this as text, put it in quotes",
    "eines von {names}; als Text gesucht wird es in Anführungszeichen",
)
DID_YOU_MEAN: Final = Wording(
    "{name}; to search for this as text, put it in quotes",
    "{name}; als Text gesucht wird es in Anführungszeichen",
)
LETTERS: Final = Wording(
    'letters, digits or an emoji to search for; raw:"…" finds punctuation',
    'Buchstaben, Ziffern oder ein Emoji; Satzzeichen findet raw:"…"',
)
NEAR_NUMBER: Final = Wording(
    "NEAR/n or ONEAR/n with n from 1 to {most}, for example NEAR/5",
    "NEAR/n oder ONEAR/n mit n von 1 bis {most}, zum Beispiel NEAR/5",
)
NEAR_OPERAND: Final = Wording(
    "words, phrases, or words and phrases joined by OR in brackets",
    "Wörter, Wortfolgen oder mit OR verbundene Wörter und Wortfolgen in Klammern",
)
OPERATOR_OR_END: Final = Wording(
    "AND, OR, another term or the end", "AND, OR, ein weiterer Begriff oder das Ende"
)
CLOSING: Final = Wording('a ")" for it', "eine „)“ dazu")
QUOTE: Final = Wording("a closing quotation mark", "ein schließendes Anführungszeichen")
PLAIN_RAW: Final = Wording(
    'no wildcards after raw:; in quotes, as raw:"{text}", the character itself is searched for',
    'keine Platzhalter nach raw:; in Anführungszeichen, als raw:"{text}", '
    "wird das Zeichen selbst gesucht",
)
LANGUAGE: Final = Wording(
    "a language code, for example de or en", "ein Sprachkürzel, zum Beispiel de oder en"
)
COUNTRY: Final = Wording(
    "a country code of two letters, for example de or at",
    "ein Länderkürzel aus zwei Buchstaben, zum Beispiel de oder at",
)
SITE: Final = Wording(
    "the name of a site without path, for example example.org (a path goes into url:)",
    "der Name einer Site ohne Pfad, zum Beispiel example.org (ein Pfad gehört in url:)",
)
LENGTH: Final = Wording("at most {most} characters", "höchstens {most} Zeichen")
DEPTH: Final = Wording("at most {most} levels", "höchstens {most} Ebenen")
PHRASE_WORDS: Final = Wording(
    "at most {most} words side by side", "höchstens {most} Wörter nebeneinander"
)
TERMS: Final = Wording("at most {most} terms", "höchstens {most} Begriffe")

UNEXPECTED: Final = Wording("“{found}” does not fit here", "„{found}“ passt hier nicht")
UNEXPECTED_END: Final = Wording("the query ends too early", "die Abfrage hört zu früh auf")
NO_VALUE: Final = Wording("{found} has no value", "{found} hat keinen Wert")
BAD_VALUE: Final = Wording(
    "“{found}” is not a value for {field}", "„{found}“ ist kein Wert für {field}"
)
BACKWARDS: Final = Wording("the range “{found}” is empty", "der Zeitraum „{found}“ ist leer")
UNKNOWN_FIELD: Final = Wording("there is no field “{found}”", "ein Feld „{found}“ gibt es nicht")
NOT_OPENED: Final = Wording("this “)” closes nothing", "diese „)“ schließt nichts")
NOT_CLOSED: Final = Wording("this “(” is never closed", "diese „(“ wird nie geschlossen")
QUOTE_OPEN: Final = Wording(
    "this quotation mark is never closed", "dieses Anführungszeichen wird nie geschlossen"
)
NOTHING_TO_FIND: Final = Wording(
    "there is nothing to search for in “{found}”", "in „{found}“ steht nichts zum Suchen"
)
BAD_NEAR: Final = Wording("“{found}” lacks a distance", "bei „{found}“ fehlt der Abstand")
FAR_NEAR: Final = Wording(
    "the distance in “{found}” is too large or zero",
    "der Abstand in „{found}“ ist zu groß oder null",
)
CHAINED_NEAR: Final = Wording("NEAR joins two terms only", "NEAR verbindet nur zwei Begriffe")
NOT_FOR_NEAR: Final = Wording(
    "“{found}” cannot stand beside NEAR", "„{found}“ kann nicht neben NEAR stehen"
)
WILD_RAW: Final = Wording("raw: compares as written", "raw: vergleicht buchstäblich")
TOO_LONG: Final = Wording("the query is too long", "die Abfrage ist zu lang")
LONG_PHRASE: Final = Wording("the phrase is too long", "die Wortfolge ist zu lang")
TOO_DEEP: Final = Wording("the query is nested too deeply", "die Abfrage ist zu tief verschachtelt")
TOO_MANY: Final = Wording("the query has too many terms", "die Abfrage hat zu viele Begriffe")

MIXED: Final = Wording(
    "AND (also unwritten, between two terms) and OR are mixed without brackets; "
    "AND is done first, brackets would say what is meant",
    "AND (auch ungeschrieben, zwischen zwei Begriffen) und OR sind ohne Klammern gemischt; "
    "AND gilt zuerst, Klammern würden sagen, was gemeint ist",
)
GERMAN_OPERATOR: Final = Wording(
    "“{found}” is searched for as a word; the operator is {operator}",
    "„{found}“ wird als Wort gesucht; der Operator heißt {operator}",
)
