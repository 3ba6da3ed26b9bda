"""The normal form prints what the parser reads back."""

import pytest
from hypothesis import given

from libs.common.query import Query, QueryError, parse, render
from tests.unit.query.generators import queries, unhurried


@unhurried
@given(queries)
def test_every_tree_is_read_back_from_its_normal_form(query: Query) -> None:
    assert parse(render(query)).query == query


@unhurried
@given(queries)
def test_the_normal_form_needs_no_warning_and_is_its_own_normal_form(query: Query) -> None:
    text = render(query)
    again = parse(text)
    assert render(again.query) == text
    assert not [warning for warning in again.warnings if "brackets" in warning.message()]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("", ""),
        ("  ", ""),
        ("a b", "a AND b"),
        ("a or b and c", "a OR (b AND c)"),
        ("((a))", "a"),
        ("-a not b", "NOT a AND NOT b"),
        ("–a", "NOT a"),
        ("not (a b)", "NOT (a AND b)"),
        ("„Motorrad AG“", '"Motorrad AG"'),
        ('"say \\"no\\""', '"say \\"no\\""'),
        ("raw:C++", 'raw:"C++"'),
        ('Author:"Erika Mustermann"', 'author:"Erika Mustermann"'),
        ("a near/5 (b OR c)", "a NEAR/5 (b OR c)"),
        ("reach ≥ 50k", "reach>=50000"),
        ("reach>1.500.000", "reach>1500000"),
        ("severity:0,7", "severity=0.7"),
        ("date:2026-01-01", "date:2026-01-01"),
        ("date:2026-01-01..", "date>=2026-01-01"),
        ("date<=2026-01-31", "date<2026-02-01"),
        ("date>=2026-01-01T08:00+01:00", "date>=2026-01-01T07:00:00Z"),
    ],
)
def test_the_normal_form_of(written: str, normal: str) -> None:
    assert render(parse(written).query) == normal


def test_a_printed_query_that_is_wrong_stays_wrong() -> None:
    with pytest.raises(QueryError):
        parse("a NEAR/5 (b AND c)")
