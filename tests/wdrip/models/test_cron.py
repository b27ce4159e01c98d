"""Cron expressions: against a search minute by minute, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wdrip.models.cron import Cron

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("expression", "moment", "last"),
    [
        ("*/10 * * * *", "2021-10-02 10:24", "2021-10-02 10:20"),
        ("0 * * * *", "2021-10-02 10:00", "2021-10-02 10:00"),
        ("30 2 * * *", "2021-10-02 02:29", "2021-10-01 02:30"),
        ("0 0 1 * *", "2021-10-31 12:00", "2021-10-01 00:00"),
        ("0 0 29 2 *", "2023-06-01 00:00", "2020-02-29 00:00"),
        ("0 9-17/4 * * 1-5", "2021-10-03 12:00", "2021-10-01 17:00"),
        ("0 0 * * 0", "2021-10-05 00:00", "2021-10-03 00:00"),
        # Either day field when both are given.
        ("0 0 15 * 1", "2021-10-16 00:00", "2021-10-15 00:00"),
        ("0 0 15 * 1", "2021-10-14 00:00", "2021-10-11 00:00"),
        ("5/20 * * * *", "2021-10-02 10:24", "2021-10-02 10:05"),
        ("0,59 23 31 12 *", "2021-06-01 00:00", "2020-12-31 23:59"),
    ],
)
def test_last_before(expression: str, moment: str, last: str) -> None:
    at, expected = (datetime.fromisoformat(f"{each}+00:00") for each in (moment, last))
    assert Cron(expression).last_before(at) == expected


@given(
    minute=st.sampled_from(["*", "*/7", "3", "10-20/3", "0,30"]),
    hour=st.sampled_from(["*", "*/5", "4", "1,13"]),
    day=st.sampled_from(["*", "1", "10-12"]),
    weekday=st.sampled_from(["*", "0", "1-5"]),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2022, 1, 1)),
)
def test_what_was_last_never_is_later_and_is_its_own_last(
    minute: str, hour: str, day: str, weekday: str, at: datetime
) -> None:
    cron = Cron(f"{minute} {hour} {day} * {weekday}")
    last = cron.last_before(at.replace(tzinfo=UTC))
    assert last is not None
    assert last <= at.replace(tzinfo=UTC)
    assert cron.last_before(last) == last
    before = cron.last_before(last - MINUTE)
    assert before is not None
    assert before < last


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "must have five fields"),
        ("* * * *", "must have five fields"),
        ("* * * * * *", "must have five fields"),
        ("@daily", "must have five fields"),
        ("60 * * * *", "has the minute outside 0-59"),
        ("* 24 * * *", "has the hour outside 0-23"),
        ("* * 0 * *", "has the day of month outside 1-31"),
        ("* * * 13 *", "has the month outside 1-12"),
        ("* * * * 7", "has the day of week outside 0-6"),
        ("5-1 * * * *", "has the minute outside"),
        ("*/0 * * * *", "has the minute outside"),
        ("a * * * *", "not understood: a"),
        ("1,, * * * *", "not understood"),
        ("-1 * * * *", "not understood: -1"),
        ("0 0 31 2 *", "never comes"),
    ],
)
def test_what_cron_does_not_know_is_refused(expression: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Cron(expression)
