"""Rendering of action filters: what is really sent, and what the log says about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.connectors.contract import SentClause
from agent.domain.clauses import Clause, FilterPlace
from agent.domain.errors import ConfigurationError
from agent.engine.expressions.dotnet_dates import write_dotnet
from agent.engine.filters.placeholders import faults
from agent.engine.filters.rendering import Rendered, render

MOMENT = datetime(2026, 3, 1, 13, 2, 3, 450_000, tzinfo=UTC)


def rendered(*clauses: Clause, moment: datetime | None = MOMENT, start_from: datetime | None = None) -> Rendered:
    return render(clauses, moment=moment, start_from=start_from, variables={"shop": "EU", "odd": "~{CreatedDate}~"})


def value_of(text: str, moment: datetime = MOMENT) -> str:
    (clause,) = rendered(Clause("key", "=", text), moment=moment).clauses
    assert isinstance(clause, SentClause)
    return clause.value


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("11", "11"),
        ("", ""),
        ("~{CreatedDate}~", "2026-03-01T13:02:03Z"),
        ("~{CreatedDate()}~", "2026-03-01T13:02:03Z"),
        ("~{ CreatedDate }~", "2026-03-01T13:02:03Z"),
        ("~{CreatedDate(-10)}~", "2026-02-19T13:02:03Z"),
        ("~{CreatedDate(1)}~", "2026-03-02T13:02:03Z"),
        ("~{CreatedDate('yyyy-MM-dd'T'HH:mm:ss')}~", "2026-03-01T13:02:03"),
        ("~{CreatedDate('yyyy-MM-dd'T'HH:mm:ss',' -6')}~", "2026-03-01T07:02:03"),
        ("~{CreatedDate('yyyyMMdd', -24)}~", "20260228"),
        ("~{CreatedDateWithParams('-2')}~", "2026-03-01T11:02:03Z"),
        ("~{ReadDate('yyyy-MM-dd','0')}~", "2026-03-01"),
        ("~{ReadDateTime('yyyy-MM-ddTHH:mm:sszzz','-48')}~", "2026-02-27T13:02:03+00:00"),
        ("~{CreatedDate('ddd, dd MMM yyyy HH:mm:ss zzz')}~", "Sun, 01 Mar 2026 13:02:03 +00:00"),
        ("~{LastOrderDate}~", "2026-03-01T13:02:03Z"),
        ("~{GetLastDate(-2)}~", "2026-02-27T13:02:03Z"),
        ("~{GetLastCreatedDate(-2)}~", "2026-02-27T13:02:03Z"),
        ("~{gen:GetContextualDataObject('shop')}~", "EU"),
        ("${shop}", "EU"),
        ("a-${ shop }-~{CreatedDate('yyyy')}~-z", "a-EU-2026-z"),
        ("${odd}", "~{CreatedDate}~"),
        ("$5 {x} ~", "$5 {x} ~"),
    ],
)
def test_a_value_is_rendered(text: str, sent: str) -> None:
    assert value_of(text) == sent


def test_the_upper_limit_is_the_end_of_the_window_and_left_out_where_there_is_none() -> None:
    clause = Clause("max", "=", "~{MaxDateLimit('yyyy-MM-dd HH:mm:ss')}~")
    until = datetime(2026, 4, 1, 12, 0, 0, 1, tzinfo=UTC)
    window = render([clause], moment=MOMENT, start_from=None, variables={}, until=until)
    assert window.text == "max = 2026-04-01 12:00:01"
    usual = render([clause], moment=MOMENT, start_from=MOMENT, variables={})
    assert usual.text == "no filter (left out, as the run reads up to the present: max)"


@pytest.mark.parametrize(
    ("date_format", "text"),
    [
        ("d/M/yy H:m:s", "1/3/26 13:2:3"),
        ("dddd, d MMMM yyyy h:mm tt", "Sunday, 1 March 2026 1:02 PM"),
        ("hh:mm t", "01:02 P"),
        ("HH:mm:ss.fff", "13:02:03.450"),
        ("ss.FFF", "03.45"),
        ("s", "2026-03-01T13:02:03"),
        ("u", "2026-03-01 13:02:03Z"),
        ("r", "Sun, 01 Mar 2026 13:02:03 GMT"),
        ("o", "2026-03-01T13:02:03.4500000Z"),
        ("%d", "1"),
        ("yyyy\\y", "2026y"),
        ('HH"h"mm', "13h02"),
        ("yyyy-MM-ddK", "2026-03-01Z"),
    ],
)
def test_dotnet_formats_are_understood(date_format: str, text: str) -> None:
    assert write_dotnet(MOMENT, date_format) == text


@pytest.mark.parametrize("date_format", ["", "yyy", "qq", "yyyy'", "b", "ffffffff"])
def test_a_senseless_dotnet_format_is_refused(date_format: str) -> None:
    with pytest.raises(ValueError):
        write_dotnet(MOMENT, date_format)


def test_a_moment_in_another_zone_is_sent_in_utc() -> None:
    moment = datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert value_of("~{CreatedDate}~", moment) == "2026-02-28T19:00:00Z"
    assert value_of("~{CreatedDate('yyyy-MM-dd HH:mm')}~", moment) == "2026-02-28 19:00"


def test_hours_are_real_hours_also_where_clocks_change() -> None:
    after_the_change = datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2)))
    assert value_of("~{CreatedDateWithParams('-2')}~", after_the_change) == "2026-03-28T23:30:00Z"


def test_a_shift_beyond_the_calendar_ends_at_its_edge() -> None:
    assert value_of("~{CreatedDate(-999999)}~") == "0001-01-01T00:00:00Z"
    assert value_of("~{CreatedDate(+999999)}~").startswith("4764-")


def test_the_first_run_begins_at_start_from_without_shifting_it() -> None:
    start = datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    sent = rendered(Clause("min", "=", "~{CreatedDate(-10)}~"), moment=None, start_from=start)
    assert sent.clauses == (SentClause("min", "=", "2020-01-01T00:00:00Z"),)


def test_the_bookmark_wins_over_start_from() -> None:
    sent = rendered(Clause("min", "=", "~{CreatedDate}~"), start_from=datetime(2020, 1, 1, tzinfo=UTC))
    assert sent.clauses == (SentClause("min", "=", "2026-03-01T13:02:03Z"),)


def test_without_a_bookmark_the_clause_is_left_out_and_the_log_says_so() -> None:
    sent = rendered(Clause("min", "=", "~{CreatedDate}~"), Clause("status_id", "=", "11"), moment=None)
    assert sent.clauses == (SentClause("status_id", "=", "11"),)
    assert sent.text == "status_id = 11 (left out, as nothing has been read before: min)"
    assert rendered(Clause("min", "=", "~{CreatedDate}~"), moment=None).text.startswith("no filter (left out")


def test_the_text_is_one_line_with_everything_that_is_sent() -> None:
    sent = rendered(Clause("min", ">=", "~{CreatedDate}~"), Clause("Accept", "=", "a\nb", FilterPlace.HEADER))
    assert sent.text == "min >= 2026-03-01T13:02:03Z & header Accept = a b"
    assert rendered().text == "no filter"


@pytest.mark.parametrize("header", ["Authorization", "X-Auth-Token", "x-api-key", "Cookie", "Proxy-Authorization"])
def test_secret_headers_are_sent_but_not_logged(header: str) -> None:
    sent = rendered(Clause(header, "=", "Bearer abc123", FilterPlace.HEADER))
    assert sent.clauses[0] == SentClause(header, "=", "Bearer abc123", FilterPlace.HEADER)
    assert "abc123" not in sent.text


def test_a_token_in_the_query_is_not_logged_but_a_keyword_is() -> None:
    sent = rendered(Clause("access_token", "=", "abc123"), Clause("keyword", "=", "lamp"))
    assert sent.text == "access_token = •••• & keyword = lamp"


@pytest.mark.parametrize(
    ("text", "code", "offset", "words"),
    [
        ("a ${shp}", "unknown-variable", 2, "Did you mean ${shop}?"),
        ("${}", "unknown-variable", 0, "variable"),
        ("~{Created}~", "filter-function", 0, "Did you mean ~{CreatedDate}~?"),
        ("xx~{Nonsense}~", "filter-function", 2, "Known are"),
        ("~{}~", "filter-function", 0, "not a function"),
        ("~{CreatedDate(x)}~", "filter-function", 0, "wrong arguments"),
        ("~{CreatedDate('qq')}~", "filter-function", 0, "no meaning in a date format"),
        ("~{CreatedDate('yyyy','x')}~", "filter-function", 0, "wrong arguments"),
        ("~{CreatedDate", "filter-function", 0, "not closed"),
        ("1 ${shop", "filter-function", 2, "not closed"),
    ],
)
def test_a_wrong_placeholder_is_found(text: str, code: str, offset: int, words: str) -> None:
    (fault,) = faults(text, {"shop": "EU"})
    assert (fault.code, fault.offset) == (code, offset)
    assert words in f"{fault.message} {fault.suggestion}"


def test_a_wrong_placeholder_is_never_sent() -> None:
    with pytest.raises(ConfigurationError) as raised:
        rendered(Clause("min", "=", "~{Created}~"))
    assert (raised.value.code, raised.value.field) == ("filter-function", "min")
    with pytest.raises(ConfigurationError):
        rendered(Clause("min", "=", "${nowhere}"))


@given(st.text(alphabet="~{}$ CreatedDate('-10,yM)\\"), st.booleans())
def test_a_value_without_faults_can_be_rendered(text: str, first: bool) -> None:
    if not list(faults(text, {})):
        render([Clause("k", "=", text)], moment=None if first else MOMENT, start_from=None, variables={})
