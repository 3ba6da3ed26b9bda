from __future__ import annotations

import pytest

from services.classify.language import from_platform
from services.classify.rules import RulesClassifier, load_rules
from tests.unit.classify.subjects import a_mention


@pytest.fixture(scope="module")
def rules() -> RulesClassifier:
    return load_rules()


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("de", "Das war wohl nichts"),
        ("de", "Schönes Wochenende"),
        ("de", "Bin gleich da, fahrt schon mal vor"),
        ("de", "Der Service is echt nice, love it, aber die App nervt"),
        ("de", "du hast doch keine ahnung"),
        ("en", "what a day"),
        ("en", "Just picked up my new bike"),
        ("en", "ur app doesnt work lol"),
        ("en", "The Kindergarten next door is loud"),
        (None, "Je ne suis pas content de ce service, c'est nul"),
        (None, "No me gusta el servicio, es muy malo para los clientes"),
        (None, "Nie jestem zadowolony z tego serwisu"),
        (None, "Сервис ужасный"),
        (None, "サービスが悪い"),
        (None, "12345 !!!"),
    ],
)
def test_the_language_is_told_from_small_words(
    rules: RulesClassifier, lang: str | None, text: str
) -> None:
    [verdict] = rules.classify([a_mention(text)])
    assert verdict.lang == lang


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de", "de"),
        ("de-CH", "de"),
        ("EN_us", "en"),
        ("gsw", "gsw"),
        ("und", None),
        ("qme", None),
        ("", None),
        ("deutsch", None),
        ("x-private", None),
        (None, None),
    ],
)
def test_the_platforms_tag_is_cut_to_its_language(tag: str | None, language: str | None) -> None:
    assert from_platform(tag) == language
