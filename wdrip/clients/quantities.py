"""Kubernetes' notation of amounts, e.g. `100m`, `2`, `8Gi`, `1e3`."""

import re
from decimal import ROUND_CEILING, Decimal

_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}
_QUANTITY = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)([numkMGTPE]|[KMGTPE]i)?")


def amount(resource: str, quantity: str) -> int:
    """The whole number that `Amounts` holds for it: `cpu` in thousandths, anything else in units; rounded up.

    Raises ValueError for what is no quantity.
    """
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity")
    value = Decimal(match[1]) * _SUFFIXES[match[2] or ""] * (1000 if resource == "cpu" else 1)
    return int(value.to_integral_value(ROUND_CEILING))
