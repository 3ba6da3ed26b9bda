"""The section that turns second opinions on, and what they may cost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.common.errors import ConfigurationError
from libs.common.settings import parse
from services.classify.second_opinion.endpoint import Tokens
from services.classify.second_opinion.spending import Reserved, Spending
from services.classify.settings import ClassifySettings, SecondOpinionSection, TokenBudget
from tests.unit.classify.subjects import NOON

SECTION = """
classify:
  second_opinion:
    endpoint: https://llm.example/v1/
    model: some/model:7b
    api_key: ${KEY}
    budget: {per_day: 2, input_price: 0.15, output_price: 0.6}
"""
BUDGET = TokenBudget(per_day=10, input_price=1_000_000, output_price=2_000_000)


def section(text: str = SECTION, key: str = "sk-1") -> SecondOpinionSection | None:
    settings = parse(text, "brandmelder.yaml", ClassifySettings, {"KEY": key})
    return settings.classify.second_opinion


def test_it_is_off_unless_it_is_configured() -> None:
    assert section("company: Motorrad AG") is None


def test_the_section_is_read_and_the_key_is_hidden() -> None:
    found = section()
    assert found is not None
    assert (found.endpoint, found.timeout) == ("https://llm.example/v1", timedelta(seconds=10))
    assert found.api_key is not None
    assert found.api_key.get_secret_value() == "sk-1"
    assert "sk-1" not in repr(found)


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("https://llm.example/v1/", "llm.example", "begins with https:// or http://"),
        ("https://llm.example/v1/", "https://me:secret@llm.example", "an address alone"),
        ("https://llm.example/v1/", "https://llm.example/?key=secret", "an address alone"),
        (
            "https://llm.example",
            "http://llm.example",
            "endpoint: expected https://, or allow_private",
        ),
        (
            "https://llm.example",
            "HTTP://llm.example",
            "endpoint: expected https://, or allow_private",
        ),
        ("some/model:7b", '"two words"', "pattern"),
        ("${KEY}", "secret key", "without spaces"),
        ("per_day: 2, ", "", "field required"),
        ("input_price: 0.15", "input_price: -1", "greater than or equal to 0"),
    ],
)
def test_what_cannot_work_is_found_at_the_start(old: str, new: str, finding: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        section(SECTION.replace(old, new))
    assert finding in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_model_of_ones_own_may_be_asked_without_tls() -> None:
    own = SECTION.replace("https://llm.example/v1/", "http://llm.internal:8000/v1")
    found = section(own + "    allow_private: true\n")
    assert found is not None
    assert found.endpoint == "http://llm.internal:8000/v1"


def test_without_a_budget_it_does_not_start() -> None:
    without = "\n".join(line for line in SECTION.splitlines() if "budget" not in line)
    with pytest.raises(ConfigurationError, match="budget: field required"):
        section(without)


def test_what_was_set_aside_becomes_what_it_took() -> None:
    spending = Spending(BUDGET, 100)
    reserved = spending.reserve(Tokens(2, 3), NOON)
    assert reserved == Reserved(NOON.date(), 8.0, 2.0)
    assert spending.reserve(Tokens(3, 0), NOON) == "budget"
    spending.settle(reserved, Tokens(1, 1))
    assert spending.spent(NOON) == 3.0
    assert spending.reserve(Tokens(7, 0), NOON) == Reserved(NOON.date(), 7.0, 7.0)


def test_what_cost_nothing_is_given_back() -> None:
    spending = Spending(BUDGET, 100)
    reserved = spending.reserve(Tokens(2, 3), NOON)
    assert isinstance(reserved, Reserved)
    spending.release(reserved)
    assert spending.spent(NOON) == 0.0


def test_an_answer_that_counts_nothing_costs_what_was_sent() -> None:
    spending = Spending(BUDGET, 100)
    reserved = spending.reserve(Tokens(2, 3), NOON)
    assert isinstance(reserved, Reserved)
    spending.settle(reserved, Tokens(0, 0))
    assert spending.spent(NOON) == 2.0


def test_as_much_as_the_dearest_answer_of_the_day_is_set_aside() -> None:
    spending = Spending(BUDGET, 100)
    reserved = spending.reserve(Tokens(1, 0), NOON)
    assert isinstance(reserved, Reserved)
    spending.settle(reserved, Tokens(0, 2))
    assert spending.reserve(Tokens(1, 0), NOON) == Reserved(NOON.date(), 4.0, 1.0)
    assert spending.reserve(Tokens(1, 0), NOON) == "budget", "a third one might not fit"
    tomorrow = NOON + timedelta(days=1)
    assert spending.reserve(Tokens(1, 0), tomorrow) == Reserved(tomorrow.date(), 1.0, 1.0)


def test_an_answer_after_midnight_belongs_to_the_day_of_its_question() -> None:
    spending = Spending(BUDGET, 100)
    reserved = spending.reserve(Tokens(8, 0), NOON)
    assert isinstance(reserved, Reserved)
    tomorrow = NOON + timedelta(days=1)
    spending.reserve(Tokens(2, 0), tomorrow)
    spending.settle(reserved, Tokens(0, 0))
    assert spending.spent(tomorrow) == 2.0


def test_a_model_of_ones_own_costs_nothing() -> None:
    spending = Spending(TokenBudget(per_day=0, input_price=0, output_price=0), 2)
    for _ in range(2):
        assert spending.reserve(Tokens(1_000, 1_000), NOON) == Reserved(NOON.date(), 0.0, 0.0)
    assert spending.reserve(Tokens(1, 1), NOON + timedelta(seconds=59)) == "rate"
    assert isinstance(spending.reserve(Tokens(1, 1), NOON + timedelta(seconds=60)), Reserved)
