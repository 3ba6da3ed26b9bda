"""Insults and threats are found; harsh words about a product, and reports of insults, are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.common.errors import ConfigurationError
from services.alert.abuse import LONGEST, Abuse, AbuseWords, load_abuse

ABUSE = load_abuse()


@pytest.mark.parametrize(
    "text",
    [
        "Ihr seid solche Arschlöcher!",
        "IHR ARSCHLOECHER",
        "Hurensöhne. Nie wieder.",
        "Verpisst euch mit eurer Motorrad AG",
        "Haltet einfach die Fresse, oder: haltet das Maul.",
        "Ihr Idioten habt meine Bremse verbaut",
        "Was für ein Lügenpack",
        "Dieser Drecksverein lügt doch nur",
        "Fickt euch, ihr Abzocker",
        "Wir wissen, wo ihr wohnt.",
        "Ich bring euch alle um",
        "Der Chef gehört öffentlich erschossen.",
        "Ich zünde euch den Laden an",
        "Verreckt doch endlich",
        "You assholes knew about it",
        "Fuck you, Motorrad AG",
        "bunch of liars and bunch of crooks",
        "You’re all scumbags",
        "I will kill you",
        "I hope you all die in a fire",
        "We know where you live!",
        "Someone should burn your headquarters down",
        "you absolute piece of shit",
    ],
)
def test_insults_and_threats_are_abusive(text: str) -> None:
    assert ABUSE.is_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "Meine Bremse hat heute bei Tempo 120 versagt. Ich hatte Todesangst.",
        "Der letzte Scheiß, dieses Update. Eine Frechheit!",
        "Ihr Mitarbeiter hat mich Arschloch genannt. Geht's noch?",
        "Der Fahrer beschimpfte mich als Vollidiot",
        "Ich bin so ein Vollidiot, ich habe den Termin verpasst",
        "Idiotensicher ist die Anleitung nicht gerade.",
        "Es ist arschkalt in der Werkstatt, und die Heizung ist am Arsch.",
        "Diese Hitze bringt mich noch um",
        "Ich bringe dich um 8 Uhr zum Händler",
        "Wir bringen euch um halb neun hin",
        "Ich zünde im Haus eine Kerze an",
        "Mein Anwalt meldet sich bei euch. Das wird Folgen haben!",
        "Das ist Betrug, ich zeige euch an",
        "Ihr wisst doch, wo ich wohne, also liefert endlich",
        "Your driver called me an asshole",
        "The clerk told me to go and fuck off",
        "How the fuck you sell this is beyond me",
        "I feel like an idiot for buying this bike",
        "You treat us like we are complete idiots",
        "This update is killing my battery",
        "I would kill for a refund, shoot me an email",
        "I hope you fix this before it dies",
        "The people of Scunthorpe deserve better",
        "This bike is a piece of junk. Shit service.",
        "The killer feature is broken, what a bloody mess",
        "My house nearly burned down because of your charger",
    ],
)
def test_harsh_and_told_words_are_not(text: str) -> None:
    assert not ABUSE.is_in(text)


def test_what_takes_a_word_back_counts_in_its_own_sentence_only() -> None:
    assert ABUSE.is_in("Er hat mich beleidigt. Ihr seid Arschlöcher!")
    assert not ABUSE.is_in("Er hat mich beleidigt mit dem Wort Arschloch.")


def test_a_pattern_stands_in_one_sentence() -> None:
    words = AbuseWords(insults=("you ... crooks",), threats=("we come",), harmless=())
    assert Abuse(words).is_in("You are all bloody crooks")
    assert not Abuse(words).is_in("Not you. What crooks")
    assert not Abuse(words).is_in("you and many others have met some crooks")


def test_a_star_is_any_ending_and_a_bar_a_choice() -> None:
    abuse = Abuse(AbuseWords(insults=("dumm|blöd mann*",), threats=("x y",), harmless=()))
    assert abuse.is_in("Blöd, Männer? Nein: dumm mannig")
    assert not abuse.is_in("dummer Mann")


def test_a_text_made_to_be_slow_is_only_read_so_far() -> None:
    assert not ABUSE.is_in("a" * LONGEST + " ihr Arschlöcher")
    assert not ABUSE.is_in("you " * 100_000)


@pytest.mark.parametrize("pattern", ['"(b"', '"..."', '"we ..."', '"a||b"', '"* you"', '""'])
def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, pattern: str) -> None:
    file = tmp_path / "abuse.yaml"
    file.write_text(
        f"insults: [dolt]\nthreats:\n  - beware\n  - {pattern}\nharmless: []\n", "utf-8"
    )
    with pytest.raises(ConfigurationError) as raised:
        load_abuse(file)
    assert f"{file}:4: threats[1]" in raised.value.findings[0]
