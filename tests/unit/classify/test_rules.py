from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from libs.common.errors import ConfigurationError
from libs.common.events import LABELS, Classification, Kind, Rating
from services.classify.rules import RulesClassifier, load_rules
from tests.unit.classify.subjects import a_mention


@pytest.fixture(scope="module")
def rules() -> RulesClassifier:
    return load_rules()


def tagged(
    rules: RulesClassifier,
    text: str,
    *,
    title: str | None = None,
    lang: str | None = None,
    kind: Kind = "post",
    rating: Rating | None = None,
    followers: int | None = None,
) -> Classification:
    mention = a_mention(text, title=title, lang=lang, kind=kind, rating=rating, followers=followers)
    return rules.classify([mention])[0]


def cues(verdict: Classification) -> set[str]:
    return {reason.cue for reason in verdict.reasons}


def test_verdicts_come_in_the_order_of_the_subjects_with_the_models_name(
    rules: RulesClassifier,
) -> None:
    verdicts = rules.classify([a_mention("Super Service, danke!"), a_mention("Nie wieder!")])
    assert [verdict.label for verdict in verdicts] == ["praise", "complaint"]
    assert {verdict.model for verdict in verdicts} == {"rules-1"}
    assert rules.classify([]) == []


def test_a_text_without_any_cue_is_other_with_no_reason(rules: RulesClassifier) -> None:
    verdict = tagged(rules, "Die Motorrad AG sitzt seit hundert Jahren in der Stadt.")
    assert verdict == Classification(
        label="other",
        scores={"complaint": 0, "question": 0, "praise": 0, "crisis_candidate": 0, "other": 1},
        severity=0,
        reasons=(),
        lang="de",
        model="rules-1",
    )


@pytest.mark.parametrize(
    ("plain", "negated", "cue"),
    [
        ("Ich bin zufrieden.", "Ich bin nicht zufrieden.", "not_praise"),
        ("I am satisfied.", "I am not satisfied.", "not_praise"),
    ],
)
def test_negated_praise_is_a_complaint(
    rules: RulesClassifier, plain: str, negated: str, cue: str
) -> None:
    assert tagged(rules, plain).label == "praise"
    verdict = tagged(rules, negated)
    assert verdict.label == "complaint"
    assert cue in cues(verdict)


def test_a_negated_danger_is_none(rules: RulesClassifier) -> None:
    assert tagged(rules, "Bei dem Brand wurde niemand verletzt").scores["crisis_candidate"] < 0.5
    assert "injury" not in cues(tagged(rules, "Nobody was injured."))


def test_negation_ends_at_the_comma(rules: RulesClassifier) -> None:
    assert tagged(rules, "Nein, das war nicht meine Idee, super war es trotzdem").label == "praise"


def test_a_danger_that_is_only_imagined_or_asked_about_weighs_less(rules: RulesClassifier) -> None:
    happened = tagged(rules, "Die Bremse versagt.")
    imagined = tagged(rules, "Was wäre, wenn die Bremse versagt.")
    asked = tagged(rules, "Hat bei jemandem die Bremse versagt?")
    assert happened.label == "crisis_candidate"
    assert imagined.scores["crisis_candidate"] < happened.scores["crisis_candidate"]
    assert asked.scores["crisis_candidate"] < happened.scores["crisis_candidate"]


def test_praise_beside_a_strong_complaint_is_irony_but_not_across_a_but(
    rules: RulesClassifier,
) -> None:
    ironic = tagged(rules, "Super, die Hotline ist nicht erreichbar")
    assert "irony" in cues(ironic)
    assert ironic.scores["praise"] == 0
    fair = tagged(rules, "Super Maschine, aber die Hotline ist nicht erreichbar")
    assert fair.scores["praise"] > 0
    assert fair.label == "complaint"


@pytest.mark.parametrize(
    ("rating", "label"),
    [
        (Rating(value=1, best=5), "complaint"),
        (Rating(value=2, best=5), "complaint"),
        (Rating(value=3, best=10), "complaint"),
        (Rating(value=5, best=5), "praise"),
        (Rating(value=10, best=10), "praise"),
    ],
)
def test_stars_speak_for_themselves(rules: RulesClassifier, rating: Rating, label: str) -> None:
    verdict = tagged(rules, "Montag geliefert.", kind="review", rating=rating)
    assert verdict.label == label
    assert [reason.field for reason in verdict.reasons] == ["rating"]


def test_one_star_turns_nice_words_around(rules: RulesClassifier) -> None:
    verdict = tagged(rules, "Super.", kind="review", rating=Rating(value=1, best=5))
    assert verdict.label == "complaint"


@pytest.mark.parametrize("value", [math.nan, math.inf, 3.0])
def test_stars_out_of_nothing_are_left_out(rules: RulesClassifier, value: float) -> None:
    verdict = tagged(rules, "Montag geliefert.", rating=Rating(value=value, best=0.0))
    assert verdict.label == "other"


def test_the_kind_of_a_post_counts(rules: RulesClassifier) -> None:
    assert tagged(rules, "Koffer am Vorjahresmodell", kind="question").label == "question"
    assert "hint" in cues(tagged(rules, "Bitte mal ansehen", kind="hint"))


def test_a_hint_needs_less_to_be_a_crisis(rules: RulesClassifier) -> None:
    text = "Vor dem Werk stehen Leute, es gab einen Unfall"
    assert tagged(rules, text).label != "crisis_candidate"
    assert tagged(rules, text, kind="hint").label == "crisis_candidate"


def test_reach_and_feeling_raise_severity(rules: RulesClassifier) -> None:
    text = "Das Ladegerät hat Feuer gefangen"
    quiet = tagged(rules, text)
    heard = tagged(rules, text, followers=1_000_000)
    loud = tagged(rules, f"{text}!!! UNFASSBAR, bitte teilen 😡😡")
    assert quiet.severity < heard.severity <= 1
    assert quiet.severity < loud.severity <= 1


def test_experience_is_more_severe_than_hearsay(rules: RulesClassifier) -> None:
    told = tagged(rules, "Ein Ladegerät hat Feuer gefangen")
    lived = tagged(rules, "Gestern hat mein Ladegerät Feuer gefangen")
    assert told.severity < lived.severity


def test_a_job_ad_is_no_praise(rules: RulesClassifier) -> None:
    verdict = tagged(rules, "Tolles Team, beste Laune: wir stellen ein! Jetzt bewerben (m/w/d)")
    assert verdict.label == "other"
    assert "job_ad" in cues(verdict)


def test_the_title_is_read_too_and_reasons_point_into_it(rules: RulesClassifier) -> None:
    verdict = tagged(rules, "Mehr dazu im Bericht.", title="Rückrufaktion: Bremse versagt")
    assert verdict.label == "crisis_candidate"
    title = "Rückrufaktion: Bremse versagt"
    assert {(r.field, title[r.start : r.end]) for r in verdict.reasons[:2]} == {
        ("title", "Bremse versagt"),
        ("title", "Rückrufaktion"),
    }


def test_a_cue_does_not_reach_from_the_title_into_the_text(rules: RulesClassifier) -> None:
    assert tagged(rules, "versagt nie", title="Neue Bremse").label != "crisis_candidate"


@pytest.mark.parametrize(
    "text",
    [
        "Die Bremsen versagten",
        "DIE BREMSEN VERSAGTEN",
        "Die Bremsen versagten.",
        "die bremsen versagten",
    ],
)
def test_case_does_not_change_what_is_found(rules: RulesClassifier, text: str) -> None:
    assert tagged(rules, text, lang="de").label == "crisis_candidate"


@pytest.mark.parametrize("word", ["Unverschämtheit", "Unverschaemtheit", "Unverschamtheit"])
def test_umlauts_may_be_written_in_any_way(rules: RulesClassifier, word: str) -> None:
    assert tagged(rules, f"Was für eine {word}", lang="de").label == "complaint"


def test_folding_does_not_make_praise_of_already(rules: RulesClassifier) -> None:
    assert tagged(rules, "Das war schon da").scores["praise"] == 0
    assert tagged(rules, "Das war schön da").scores["praise"] > 0
    assert tagged(rules, "Das war schoen da").scores["praise"] > 0


def test_words_in_addresses_and_account_names_count_for_nothing(rules: RulesClassifier) -> None:
    text = "Siehe https://example.org/feuer-bremse-versagt und @BoykottJetzt"
    assert tagged(rules, text).scores["crisis_candidate"] == 0


@pytest.mark.parametrize(
    ("lang", "text", "read_as"),
    [
        ("en", "Die Bremse hat versagt", "en"),
        ("de-AT", "Die Bremse hat versagt", "de"),
        ("und", "Die Bremse hat versagt", "de"),
        (None, "De rem werkt niet meer, wat een slechte service van jullie", None),
        ("nl", "De rem werkt niet meer", "nl"),
        (None, "Тормоза отказали на полном ходу", None),
        (None, "🙂🙂", None),
    ],
)
def test_the_platforms_word_goes_before_the_own_guess(
    rules: RulesClassifier, lang: str | None, text: str, read_as: str | None
) -> None:
    assert tagged(rules, text, lang=lang).lang == read_as


def test_a_text_in_neither_language_is_read_with_both_lexicons(rules: RulesClassifier) -> None:
    assert tagged(rules, "Motorrad AG boycott", lang="fr").label == "crisis_candidate"


def test_scores_and_severity_stay_between_0_and_1_and_name_every_label(
    rules: RulesClassifier,
) -> None:
    text = "Bremse versagt, Feuer, Tote, Boykott, Datenleck, Betrug, Rückruf! " * 50
    verdict = tagged(rules, text, followers=10**9)
    assert tuple(verdict.scores) == LABELS
    assert all(0 <= score <= 1 for score in verdict.scores.values())
    assert 0.9 <= verdict.severity <= 1


def test_what_comes_late_in_a_long_text_weighs_less(rules: RulesClassifier) -> None:
    filler = "Es folgt der Bericht vom Treffen am See. " * 30
    early, late = tagged(rules, f"Ärgerlich. {filler}"), tagged(rules, f"{filler} Ärgerlich.")
    assert early.label == "complaint"
    assert 0 < late.scores["complaint"] < early.scores["complaint"]


def test_own_lexicons_add_to_the_shipped_ones_and_show_in_the_name(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "language: de\n"
        "sets:\n  model: |\n    tourer 9, tourer neun\n"
        "cues:\n  safety_defect:\n    label: crisis_candidate\n    severity: 0.9\n"
        "    cues:\n      0.9: |\n        # known weak spot\n        <model> + wackelt\n",
        encoding="utf-8",
    )
    rules = load_rules([own])
    assert rules.name.startswith("rules-1+")
    assert tagged(rules, "Der Tourer Neun wackelt in der Kurve").label == "crisis_candidate"
    assert tagged(rules, "Die Bremse hat versagt").label == "crisis_candidate"
    assert tagged(load_rules(), "Der Tourer Neun wackelt in der Kurve").label == "other"


@pytest.mark.parametrize(
    ("text", "hurt"),
    [
        ("Three weeks in the hospital, and your brakes are still on sale", True),
        ("Two weeks in the hospital thanks to your handlebar", True),
        ("The new software in the hospital runs great", False),
        ("They use your battery packs in the hospital where I work", False),
    ],
)
def test_a_hospital_beside_what_riders_hold_on_to_tells_of_an_injury(
    rules: RulesClassifier, text: str, hurt: bool
) -> None:
    verdict = tagged(rules, text, lang="en")
    assert (verdict.label == "crisis_candidate") is hurt
    assert (verdict.severity >= 0.7) is hurt


def a_lexicon(folder: Path, *, sets: str, cue: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(
        f"language: en\nsets:\n{sets}cues:\n  wear:\n    label: complaint\n"
        f"    cues:\n      0.9: |\n        {cue}\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("word", ["sprocket", "cush drive", "dynamo", "dynamos"])
def test_either_of_two_sets_or_a_word_may_stand_in_one_place(tmp_path: Path, word: str) -> None:
    sets = "  drive: sprocket, cush drive\n"
    own = a_lexicon(tmp_path, sets=f"{sets}  light: dynamo*\n", cue="<drive>|<light>|hub + rattles")
    assert "wear" in cues(tagged(load_rules([own]), f"The {word} rattles", lang="en"))
    assert "wear" in cues(tagged(load_rules([own]), "The hub rattles", lang="en"))
    assert "wear" not in cues(tagged(load_rules([own]), "The <drive> rattles", lang="en"))


@pytest.mark.parametrize(
    ("cue", "finding"),
    [
        ("<drive>|<lamp> + rattles", "there is no set named 'lamp'"),
        ("<Drive> + rattles", "'<Drive>': expected <set>, in small letters, as a word by itself"),
        ("<drive>* + rattles", "'<drive>*': expected <set>, in small letters, as a word by itself"),
        ("<drive rattles", "'<drive': expected <set>, in small letters, as a word by itself"),
    ],
)
def test_what_looks_like_a_set_and_is_none_is_a_finding(
    tmp_path: Path, cue: str, finding: str
) -> None:
    own = a_lexicon(tmp_path, sets="  drive: sprocket\n", cue=cue)
    with pytest.raises(ConfigurationError) as caught:
        load_rules([own])
    assert caught.value.findings == [f"{own}: cues.wear: {cue!r}: {finding}"]


@pytest.mark.parametrize(
    "entry", ["<light>", "<drive>", "hub|rim", "hub / rim", "hub + rim", "=hub"]
)
def test_a_set_holds_words_and_phrases_only(tmp_path: Path, entry: str) -> None:
    sets = f'  light: dynamo\n  drive: "{entry}, sprocket"\n'
    own = a_lexicon(tmp_path, sets=sets, cue="<drive> + rattles")
    with pytest.raises(ConfigurationError) as caught:
        load_rules([own])
    assert caught.value.findings == [
        f"{own}:2: sets: the set 'drive' holds words and phrases only, not {entry!r}"
    ]


def test_the_lexicon_shown_in_the_documentation_works(tmp_path: Path) -> None:
    documentation = (Path(__file__).parents[3] / "docs/classifier.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", documentation, re.DOTALL)
    own = tmp_path / "our-words.yaml"
    own.write_text(blocks[1], encoding="utf-8")
    rules = load_rules([own])
    assert tagged(rules, "Der Tourer 9 flattert ab Tempo 140").label == "crisis_candidate"
    assert tagged(rules, "Feuer frei für die Neue!").label == "other"


def test_a_bad_lexicon_names_every_finding(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        "language: de\ncues:\n  complaint:\n    label: complaint\n    cues:\n      0.5: |\n"
        "        <nowhere>, ab*, a*b, mist +\nmodifiers:\n  hedge: a + b\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigurationError) as caught:
        load_rules([bad])
    assert caught.value.findings == [
        f"{bad}: cues.complaint: '<nowhere>': there is no set named 'nowhere'",
        f"{bad}: cues.complaint: 'ab*': 'ab*': expected at least 3 letters with a star",
        f"{bad}: cues.complaint: 'a*b': 'a*b': a star stands at the beginning or the end of a word",
        f"{bad}: cues.complaint: 'mist +': expected words on both sides of +",
        f"{bad}: modifiers.hedge: 'a + b': a modifier is a word or a phrase, in one piece",
    ]


def test_a_lexicon_of_the_wrong_shape_names_the_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("language: fr\ncues:\n  x:\n    label: angry\n    cues: {2.0: mist}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_rules([bad])
    assert [finding.split(" ")[0] for finding in caught.value.findings] == [
        f"{bad}:1:",
        f"{bad}:4:",
        f"{bad}:5:",
    ]
