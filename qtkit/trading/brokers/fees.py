"""What an execution costs: commission with a minimum per order, and stamp duty on sells."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from qtkit.core.errors import ConfigError
from qtkit.model.money import round_half_up

__all__ = ["FeeSchedule"]

_ZERO = Decimal(0)
_NO_DUTY = Decimal("0.00")


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A broker's tariff; every component is rounded half-up to the cent on its own."""

    commission_rate: Decimal = Decimal("0.0003")  # share of the notional
    commission_minimum: Decimal = Decimal("5.00")  # account currency per order that executes

    def __post_init__(self) -> None:
        wrong = [
            f"{name} must be zero or more, was {value}"
            for name, value in (
                ("commission_rate", self.commission_rate),
                ("commission_minimum", self.commission_minimum),
            )
            if not value.is_finite() or value < 0
        ]
        if wrong:
            raise ConfigError(f"fee schedule: {'; '.join(wrong)}")

    def commission(self, notional: Decimal) -> Decimal:
        """Return the commission of one order so far.

        Parameters
        ----------
        notional
            Everything the order has executed, account currency, >= 0.

        Returns
        -------
        Decimal
            ``max(minimum, rate * notional)`` to the cent; 0 while nothing executed. A fill is
            charged the difference to what its order was charged before, so that the minimum
            counts once for an order, however many fills it takes.

        Examples
        --------
        >>> FeeSchedule().commission(Decimal(10_000))
        Decimal('5.00')
        >>> FeeSchedule().commission(Decimal(100_000))
        Decimal('30.00')
        """
        if not notional:
            return _ZERO
        charge = self.commission_rate * notional
        minimum = self.commission_minimum
        return minimum if charge <= minimum else max(minimum, round_half_up(charge))

    def stamp_duty(self, notional: Decimal, rate: Decimal) -> Decimal:
        """Return the duty on one sell of `notional`, to the cent.

        Examples
        --------
        >>> FeeSchedule().stamp_duty(Decimal("12345.00"), Decimal("0.0005"))
        Decimal('6.17')
        """
        return round_half_up(rate * notional) if rate else _NO_DUTY

    def reserve(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the cash that a new buy of `quantity` at up to `price` may need, fees included.

        Examples
        --------
        >>> FeeSchedule().reserve(Decimal(1000), Decimal("11.00"))
        Decimal('11005.00')
        """
        notional = quantity * price
        return notional + self.commission(notional)
