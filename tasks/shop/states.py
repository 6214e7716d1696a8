"""The states of the shop's rows."""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    """State of an order. COMPLETED and CANCELLED are final; a task of a cancelled order is refused."""

    OPEN = "OPEN"  #: being fulfilled
    COMPLETED = "COMPLETED"  #: paid and on its way
    CANCELLED = "CANCELLED"  #: given up; it holds no stock and no money


class ReservationState(StrEnum):
    """State of a reservation."""

    HELD = "HELD"  #: off the shelf, still in the warehouse
    SHIPPED = "SHIPPED"  #: handed to the carrier
    RELEASED = "RELEASED"  #: back on the shelf


class LedgerKind(StrEnum):
    """What an entry of the ledger is."""

    AUTHORISATION = "AUTHORISATION"  #: the bank has promised the amount; nothing has moved
    CHARGE = "CHARGE"  #: the amount was taken
    REFUND = "REFUND"  #: the amount was given back


class ParcelState(StrEnum):
    """State of a parcel."""

    LABELLED = "LABELLED"  #: ready for the carrier
    HANDED_OVER = "HANDED_OVER"  #: with the carrier
    RECALLED = "RECALLED"  #: called back, because its order was cancelled
