"""Filters as trees: what a document may say, what an action takes, what is sent, and what the log shows of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.connectors.contract import SentClause, SentGroup
from agent.connectors.sql import schema as sql
from agent.domain.app import Action, ActionKind, Combining
from agent.domain.clauses import MOST_CLAUSES, MOST_LEVELS, Clause, FilterPart, FilterPlace, Group, Join
from agent.engine.checking.check import check
from agent.engine.checking.filters import Filtered, filter_faults
from agent.engine.documents.document import parse
from agent.engine.filters.rendering import Rendered, render
from tests.helpers.sample_apps import APPS
from tests.helpers.sample_flow import GOOD

MOMENT = datetime(2026, 3, 1, 13, 2, 3, tzinfo=UTC)
FILTER = """\
    filter:
      - {key: min_date_modified, operator: "=", value: "~{CreatedDate}~"}
      - {key: X-Shop, value: "${shop}", in: header}
"""
A, B, C, D = (Clause(name, "=", name.upper()) for name in "abcd")
NEW = Clause("changed", ">=", "~{CreatedDate}~")


def with_filter(text: str, *, app: str = "store") -> bytes:
    """The good document with another filter, on the store or on a table."""
    lines = "".join(f"      {line}\n" for line in text.splitlines())
    document = GOOD.replace(FILTER, f"    filter:\n{lines}")
    if app == "database":
        document = document.replace("credential: store", "credential: database").replace("{sort: id}", "{key: id}")
    return document.encode()


def parts_of(text: str) -> tuple[FilterPart, ...]:
    document = parse(with_filter(text), file="flow.yaml")
    assert document.flow is not None, document.problems
    return document.flow.stages[0].source.filters


def faults_in(text: str, *, app: str = "store") -> dict[str, str]:
    problems = check(parse(with_filter(text, app=app), file="flow.yaml"), APPS)
    return {f"{problem.line}:{problem.column} {problem.code}": str(problem) for problem in problems}


def rendered(*parts: FilterPart, moment: datetime | None = MOMENT) -> Rendered:
    return render(parts, moment=moment, start_from=None, variables={"shop": "EU", "none": None, "key": "s3cret-value"},
                  secret_variables={"key"})  # fmt: skip


def test_groups_are_written_by_any_and_all_or_in_the_words_of_the_original() -> None:
    tree = (A, Group(Join.ANY, (B, Group(Join.ALL, (C, D)))))
    ours = parts_of(
        "- {key: a, value: A}\n- any:\n  - {key: b, value: B}\n  - all: [{key: c, value: C}, {key: d, value: D}]"
    )
    theirs = parts_of(
        '- {key: a, value: A}\n- join: "||"\n  children:\n  - {key: b, operator: equal, value: B}\n'
        '  - {join: "&&", children: [{key: c, operator: ==, value: C}, {key: d, value: D}]}'
    )
    assert ours == theirs == tree


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("equal", "="), ("not_equal", "!="), ("in", "in"), ("not_in", "not_in"), ("less", "<"),
        ("less_or_equal", "<="), ("greater", ">"), ("greater_or_equal", ">="), ("=>", ">="), ("Equal", "="),
    ],
)  # fmt: skip
def test_the_operator_names_of_the_original_are_known(name: str, operator: str) -> None:
    assert parts_of(f"- {{key: a, operator: '{name}', value: 1}}") == (Clause("a", operator, "1"),)


def test_a_filter_has_bounds_in_number_and_depth() -> None:
    many = "\n".join(f"- {{key: k{number}, value: 1}}" for number in range(MOST_CLAUSES + 1))
    assert "too-large" in str(parse(with_filter(many), file="f").problems[0].code)
    deep = "- {key: a}"
    for _ in range(MOST_LEVELS):
        deep = f"- any: [{deep[2:]}]"
    assert parts_of(deep)
    (problem,) = parse(with_filter(f"- all: [{deep[2:]}]"), file="f").problems
    assert problem.code == "too-deep"


def test_what_is_sent_is_a_tree_without_needless_groups() -> None:
    flat = rendered(A, Group(Join.ALL, (B, Group(Join.ALL, (C,)))), Group(Join.ANY, (D,)))
    assert flat.clauses == tuple(SentClause(name, "=", name.upper()) for name in "abcd")
    assert flat.text == "a = A & b = B & c = C & d = D"
    tree = rendered(A, Group(Join.ANY, (B, Group(Join.ANY, (C,)), Group(Join.ALL, (C, D)))))
    b, c, d = (SentClause(name, "=", name.upper()) for name in "bcd")
    assert tree.clauses[1:] == (SentGroup(Join.ANY, (b, c, SentGroup(Join.ALL, (c, d)))),)
    assert tree.text == "a = A & (b = B | c = C | (c = C & d = D))"


def test_before_the_first_run_a_group_that_asks_for_what_is_new_asks_for_everything() -> None:
    sent = rendered(A, Group(Join.ANY, (B, NEW, Group(Join.ALL, (C, D)))), moment=None)
    assert sent.clauses == (SentClause("a", "=", "A"),)
    assert sent.text == "a = A (left out, as nothing has been read before: changed, b, c, d)"
    part = rendered(Group(Join.ANY, (B, Group(Join.ALL, (C, NEW)))), moment=None)
    assert part.text == "(b = B | c = C) (left out, as nothing has been read before: changed)"


def test_a_variable_without_a_value_leaves_its_clause_out() -> None:
    sent = rendered(Clause("since", "=", "x${none}"), NEW, moment=None)
    assert sent.clauses == ()
    assert sent.text == (
        "no filter (left out, as ${none} has no value yet: since; as nothing has been read before: changed)"
    )


def test_a_secret_variable_is_sent_and_not_shown_wherever_it_stands() -> None:
    header = Clause("Y", "=", "${key}", FilterPlace.HEADER)
    sent = rendered(Group(Join.ANY, (Clause("x", "=", "p-${key}-q"), A)), header)
    assert all("s3cret-value" in str(part) for part in sent.clauses)
    assert sent.text == "(x = p-••••-q | a = A) & header Y = ••••"


def test_clauses_of_a_body_are_sent_as_such_also_in_groups() -> None:
    group = Group(Join.ANY, tuple(replace(clause, place=FilterPlace.BODY) for clause in (A, B)))
    sent = rendered(group, Clause("limit", "=", "5"))
    assert sent.text == "(body a = A | body b = B) & limit = 5"
    a, b = (SentClause(name, "=", name.upper(), FilterPlace.BODY) for name in "ab")
    assert sent.clauses[0] == SentGroup(Join.ANY, (a, b))


ACTION = Action("GET", ActionKind.READ, filters=frozenset("abcd"))
NESTED = Group(Join.ANY, (A, Group(Join.ALL, (B, C))))


@pytest.mark.parametrize(
    ("combining", "part", "codes"),
    [
        (Combining.ALL, Group(Join.ALL, (A, Group(Join.ALL, (B,)))), []),
        (Combining.ALL, Group(Join.ANY, (A, B)), ["filter-combining"]),
        (Combining.ALL, NESTED, ["filter-combining"]),
        (Combining.ANY, Group(Join.ANY, (A, B)), []),
        (Combining.ANY, Group(Join.ANY, (A, Group(Join.ANY, (B,)))), []),
        (Combining.ANY, NESTED, ["filter-combining"]),
        (Combining.TREE, NESTED, []),
        (Combining.TREE, Group(Join.ANY, (A, Clause("e", "=", "1"))), ["unknown-filter"]),
    ],
)
def test_an_action_takes_no_more_than_it_says(combining: Combining, part: FilterPart, codes: list[str]) -> None:
    filtered = Filtered("Shop", "orders", replace(ACTION, combining=combining))
    assert [fault.code for fault in filter_faults([part], filtered, ())] == codes


@pytest.mark.parametrize(
    ("place", "action", "codes"),
    [
        (FilterPlace.BODY, ACTION, ["filter-place"]),
        (FilterPlace.BODY, replace(ACTION, body_filters=True), []),
        (FilterPlace.HEADER, replace(ACTION, header_filters=False), ["filter-place"]),
        (FilterPlace.HEADER, ACTION, []),
    ],
)
def test_an_action_says_where_clauses_may_go(place: FilterPlace, action: Action, codes: list[str]) -> None:
    filtered = Filtered("Shop", "orders", action)
    assert [fault.code for fault in filter_faults([Clause("x", "=", "1", place)], filtered, ())] == codes


def test_what_an_app_cannot_combine_is_refused_at_its_place_with_the_way_out() -> None:
    found = faults_in("- any:\n  - {key: status_id, value: 1}\n  - {key: status_id, value: 2}")
    assert list(found) == ["14:9 filter-combining"]
    assert "cannot combine filters by || in GET of orders. Use the operator in, or two GETs." in str(found.values())


def test_faults_inside_groups_have_their_place() -> None:
    found = faults_in(
        '- all:\n  - {key: status_id, value: "${shp}"}\n  - {join: "&&", children: [{key: statsu_id, value: 1}]}'
    )
    assert list(found) == ["15:36 unknown-variable", "16:41 unknown-filter"]


@pytest.mark.parametrize(
    ("clause", "fault", "words"),
    [
        ('{key: "nf{searchCriteria[page_size]}nf", value: 5}', "filter-function", "paging"),
        ('{key: status_id, value: "nf{5}nf"}', "filter-function", "“options”"),
        ('{key: customers/$.xml, value: ""}', "filter-function", "which the connector chooses"),
        ('{key: "min_date_modified=2020-01-01"}', "unknown-filter", "Write the name as key, “min_date_modified”"),
        ('{key: status_id, value: "~{GetPageInfo}~"}', "filter-function", "reads all pages by itself"),
        ('{key: status_id, value: "~{GetOrganizationUrl}~"}', "filter-function", "App Configuration"),
        ('{key: status_id, value: "~{gen:LastOf(//items/item/id)}~"}', "filter-function", "Add a variable"),
        ("{key: status_id, value: \"~{gen:GetContextualDataObject('shp')}~\"}", "unknown-variable", "${shop}"),
    ],
)
def test_what_has_no_meaning_here_is_refused_with_the_reason(clause: str, fault: str, words: str) -> None:
    (found,) = faults_in(f"- {clause}").items()
    assert found[0].endswith(fault)
    assert words in found[1]


def test_a_database_takes_trees_and_no_headers() -> None:
    tree = "- any:\n  - {key: a, value: 1}\n  - all: [{key: b, value: 2}, {key: c, value: 3}]"
    document = parse(with_filter(tree, app="database"), file="flow.yaml")
    assert [one.code for one in check(document, {**APPS, "sql": sql.APP})] == []
    document = parse(with_filter("- {key: a, value: 1, in: header}", app="database"), file="flow.yaml")
    assert [one.code for one in check(document, {**APPS, "sql": sql.APP})] == ["filter-place"]
