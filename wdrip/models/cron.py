"""A cron expression of five fields, as Temporal's schedules take it, understood well enough to see a miss."""

import re
from datetime import UTC, datetime, timedelta

_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 6),
)
_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")
_FURTHEST = timedelta(days=366 * 8)
"""29 February comes every fourth year, but not in 1900 or 2100."""


class Cron:
    """When something happens: minute, hour, day of month, month, day of week (0 = Sunday), in UTC.

    Each field is `*`, a number, a range `a-b`, any of these with a step `/n`, or a list of them by commas.
    As in cron, a time fits either day field when neither begins with `*`.
    """

    def __init__(self, expression: str) -> None:
        """Raises ValueError with a problem in words."""
        fields = expression.split()
        if len(fields) != len(_FIELDS):
            raise ValueError(f"must have five fields (minute hour day month weekday), not {len(fields)}")
        parsed = [_parse(text, *limits) for text, limits in zip(fields, _FIELDS, strict=True)]
        self._minutes, self._hours, self._days, self._months, self._weekdays = parsed
        self._either_day = not fields[2].startswith("*") and not fields[4].startswith("*")
        if self.last_before(datetime(2104, 3, 1, tzinfo=UTC)) is None:
            raise ValueError("never comes")

    def last_before(self, moment: datetime) -> datetime | None:
        """The latest time that is not after `moment`; None when there is none in eight years."""
        moment = moment.astimezone(UTC)
        day = moment.date()
        for _ in range(_FURTHEST.days):
            if self._fits_day(datetime(day.year, day.month, day.day, tzinfo=UTC)):
                for hour in sorted(self._hours, reverse=True):
                    for minute in sorted(self._minutes, reverse=True):
                        found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                        if found <= moment:
                            return found
            day -= timedelta(days=1)
        return None

    def _fits_day(self, day: datetime) -> bool:
        if day.month not in self._months:
            return False
        fits_month, fits_week = day.day in self._days, day.isoweekday() % 7 in self._weekdays
        return fits_month or fits_week if self._either_day else fits_month and fits_week


def _parse(text: str, name: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"has a {name} that is not understood: {part}")
        first, last, step = (int(each) if each else None for each in match.groups())
        if first is None:
            begin, end = low, high
        else:
            begin, end = first, last if last is not None else high if step else first
        if not low <= begin <= end <= high or step == 0:
            raise ValueError(f"has the {name} outside {low}-{high}: {part}")
        values.update(range(begin, end + 1, step or 1))
    return frozenset(values)
