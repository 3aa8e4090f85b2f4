"""Money in catalogs: whole billionths of a dollar, which compare and sort quickly and lose nothing."""

from __future__ import annotations

from decimal import Decimal

DIGITS = 9
NO_PRICE = 1 << 62  # in the tables, where it sorts last
_TEN_DOLLARS, _WHOLE = 10 ** (DIGITS + 1), Decimal(1)


def dollars(price: int | None) -> str:
    """As dollars, without zeros at the end; empty for None."""
    if price is None:
        return ""
    whole, rest = divmod(price, 10**DIGITS)
    return f"{whole}.{rest:0{DIGITS}}".rstrip("0").rstrip(".")


def exact(price: int) -> Decimal:
    """As dollars, written as short as it can be: 32.77, 30, and not 3E+1."""
    amount = Decimal(price).scaleb(-DIGITS)
    return amount.normalize() if price % _TEN_DOLLARS else amount.quantize(_WHOLE)


def known(stored: int) -> Decimal | None:
    """A price of the tables as dollars."""
    return None if stored == NO_PRICE else exact(stored)
