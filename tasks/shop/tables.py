"""The shop's own tables, beside Podium's in the same database.

shop_order         what the shop knows of an order; the row that every task of the order locks first
shop_stock         goods by sku: on the shelf, reserved
shop_reservation   which order holds how much of what
shop_ledger        money that moved: authorisations, charges, refunds
shop_parcel        parcels of an order by number
shop_outbox        messages to customers
shop_call          each attempt of a task that began, so that the audit can find one that began twice
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

order = Table(
    "shop_order",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("email", String(254), nullable=False),
    Column("total_cents", Integer, nullable=False, default=0),
    Column("failure_rate", Float, nullable=False, default=0.0),
    Column("work_ms", Integer, nullable=False, default=0),
    Column("seed", Integer, nullable=False, default=0),
)

stock = Table(
    "shop_stock",
    metadata,
    Column("sku", String(64), primary_key=True),
    Column("warehouse", String(32), nullable=False),
    Column("price_cents", Integer, nullable=False),
    Column("initial", Integer, nullable=False),
    Column("on_hand", Integer, nullable=False),
    Column("reserved", Integer, nullable=False, default=0),
    CheckConstraint("on_hand >= 0", name="on_hand_not_negative"),
    CheckConstraint("reserved >= 0", name="reserved_not_negative"),
)

reservation = Table(
    "shop_reservation",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("sku", String(64), primary_key=True),
    Column("qty", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    # the audit sums reservations of one sku
    Index(None, "sku", "state"),
)

ledger = Table(
    "shop_ledger",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("amount_cents", Integer, nullable=False),
    Column("idempotency_key", String(128), nullable=False),
    UniqueConstraint("idempotency_key"),
    # what was charged to an order
    Index(None, "order_id", "kind"),
)

parcel = Table(
    "shop_parcel",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("skus", JSON, nullable=False),
    Column("tracking", String(64), nullable=False),
    Column("state", String(16), nullable=False),
)

outbox = Table(
    "shop_outbox",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("recipient", String(254), nullable=False),
    Column("text", String(500), nullable=False),
)

call = Table(
    "shop_call",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_id", String(64), nullable=False),
    Column("task", String(64), nullable=False),
    Column("task_id", String(64)),
    Column("attempt", Integer, nullable=False),
    # the audit groups by the attempt
    Index(None, "task_id"),
)
