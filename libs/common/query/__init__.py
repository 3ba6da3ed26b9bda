"""The query language of watches, filters, rules and the dashboard.

`parse` reads it, `render` prints its normal form, `matches` decides for one post, `Matcher` for
many queries at once. `narrow` gives a store the part it can look up: `All`, `Term`, `Column`, `And`
and `Or` are parts of that narrowing; the nodes of a query are in `libs.common.query.ast`.
"""

from libs.common.query.ast import Everything, Query
from libs.common.query.errors import QueryError, QueryWarning
from libs.common.query.evaluate import matches
from libs.common.query.keywords import keywords
from libs.common.query.matcher import Matcher
from libs.common.query.narrowing import (
    All,
    And,
    Column,
    Narrowing,
    Or,
    Term,
    index_text,
    narrow,
)
from libs.common.query.parse import Parsed, parse
from libs.common.query.render import render
from libs.common.query.subject import Columns, Subject, columns

__all__ = [
    "All",
    "And",
    "Column",
    "Columns",
    "Everything",
    "Matcher",
    "Narrowing",
    "Or",
    "Parsed",
    "Query",
    "QueryError",
    "QueryWarning",
    "Subject",
    "Term",
    "columns",
    "index_text",
    "keywords",
    "matches",
    "narrow",
    "parse",
    "render",
]
