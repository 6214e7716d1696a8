"""The tables of the engine: definitions, executions, tasks, workers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all of them."""
    _definitions()
    _workflow()
    _task()
    _around()
    _beside()
    _events()
    _schedules()


def _partial(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def _definitions() -> None:
    op.create_table(
        "program",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="program_pkey"),
    )
    op.create_table(
        "workflow_def",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("program_id", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="workflow_def_pkey"),
    )
    op.create_table(
        "task_def",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="task_def_pkey"),
    )
    op.create_table(
        "schema",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="schema_pkey"),
    )


def _workflow() -> None:
    op.create_table(
        "workflow",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("program_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("correlation_id", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("parent_id", sa.Text),
        sa.Column("parent_task_id", sa.Text),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("input", sa.Text, nullable=False),
        sa.Column("output", sa.Text),
        sa.Column("variables", sa.Text, nullable=False),
        sa.Column("task_to_domain", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("failed_refs", sa.Text),
        sa.Column("failed_task_id", sa.Text),
        sa.Column("event", sa.Text),
        sa.Column("created_by", sa.Text),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("compensates", sa.Text),
        sa.Column("awaited", sa.Text),
        sa.Column("rate_limit_key", sa.Text),
        sa.Column("rate_limited", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="workflow_pkey"),
    )
    op.create_index(
        "workflow_compensates_ix", "workflow", ["compensates"], **_partial("compensates IS NOT NULL")
    )
    op.create_index(
        "workflow_correlation_id_ix",
        "workflow",
        ["correlation_id", "id"],
        **_partial("correlation_id IS NOT NULL"),
    )
    op.create_index("workflow_due_at_ix", "workflow", ["due_at"], **_partial("due_at IS NOT NULL"))
    op.create_index(
        "workflow_rate_limit_key_ix",
        "workflow",
        ["rate_limit_key", "rate_limited", "id"],
        **_partial("rate_limit_key IS NOT NULL AND ended IS NULL"),
    )
    op.create_index("workflow_name_id_ix", "workflow", ["name", "id"])
    op.create_index(
        "workflow_parent_id_ix", "workflow", ["parent_id", "id"], **_partial("parent_id IS NOT NULL")
    )
    op.create_index("workflow_status_id_ix", "workflow", ["status", "id"])
    op.create_table(
        "idempotency",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", "key", name="idempotency_pkey"),
    )


def _task() -> None:
    op.create_table(
        "task",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("iteration", sa.Integer, nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("input", sa.Text, nullable=False),
        sa.Column("output", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("claim", sa.BigInteger),
        sa.Column("message_id", sa.Text),
        sa.Column("worker", sa.Text),
        sa.Column("retried_id", sa.Text),
        sa.Column("retried", sa.Integer, nullable=False),
        sa.Column("polls", sa.Integer, nullable=False),
        sa.Column("sends", sa.Integer, nullable=False),
        sa.Column("sub_workflow_id", sa.Text),
        sa.Column("domain", sa.Text),
        sa.Column("queue", sa.Text),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("lease", sa.BigInteger),
        sa.Column("scheduled", sa.BigInteger, nullable=False),
        sa.Column("first_scheduled", sa.BigInteger, nullable=False),
        sa.Column("started", sa.BigInteger),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("wake", sa.Text),
        sa.Column("slot", sa.Text),
        sa.PrimaryKeyConstraint("id", name="task_pkey"),
    )
    op.create_index("task_due_at_ix", "task", ["due_at"], **_partial("due_at IS NOT NULL"))
    op.create_index(
        "task_live_ix", "task", ["workflow_id"], **_partial("status IN ('SCHEDULED', 'IN_PROGRESS')")
    )
    op.create_index("task_owner_ix", "task", ["owner"], **_partial("owner IS NOT NULL"))
    op.create_index(
        "task_sub_workflow_id_ix", "task", ["sub_workflow_id"], **_partial("sub_workflow_id IS NOT NULL")
    )
    queue: list[Any] = ["queue", sa.text("priority DESC"), "id"]
    op.create_index("task_poll_ix", "task", queue, **_partial("wake = 'poll'"))
    op.create_index("task_line_ix", "task", queue, **_partial("wake = 'slot'"))
    op.create_index(
        "task_slot_ix",
        "task",
        ["slot"],
        **_partial("slot IS NOT NULL AND status IN ('SCHEDULED', 'IN_PROGRESS')"),
    )
    op.create_index(
        "task_slot_started_ix",
        "task",
        ["slot", "started"],
        **_partial("slot IS NOT NULL AND started IS NOT NULL"),
    )
    op.create_index("task_position_key", "task", ["workflow_id", "ref", "path", "attempt"], unique=True)
    op.create_table(
        "task_log",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="task_log_pkey"),
    )
    op.create_index("task_log_task_id_ix", "task_log", ["task_id", "id"])


def _around() -> None:
    op.create_table(
        "worker",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("hostname", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("concurrency", sa.Integer, nullable=False),
        sa.Column("queues", sa.Text, nullable=False),
        sa.Column("tasks", sa.Text, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("heartbeat", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="worker_pkey"),
    )
    op.create_index("worker_state_heartbeat_ix", "worker", ["state", "heartbeat"])
    op.create_table(
        "poll_data",
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("polled", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("type", "domain", name="poll_data_pkey"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="api_key_pkey"),
    )
    op.create_table(
        "api_token",
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token", name="api_token_pkey"),
    )
    op.create_index("api_token_expires_ix", "api_token", ["expires"])
    op.create_table(
        "file",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("content_type", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text),
        sa.Column("upload_id", sa.Text),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="file_pkey"),
    )
    op.create_index("file_workflow_id_ix", "file", ["workflow_id"])
    op.create_table(
        "file_part",
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("file_id", "number", name="file_part_pkey"),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="signing_key_pkey"),
    )
    op.create_table(
        "tag",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "key", "value", name="tag_pkey"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("id", name="audit_pkey"),
    )
    op.create_index("audit_workflow_id_ix", "audit", ["workflow_id", "id"])


def _beside() -> None:
    op.create_table(
        "workflow_message",
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workflow_id", "id", name="workflow_message_pkey"),
    )
    op.create_table(
        "cached_output",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("output", sa.Text, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "key", name="cached_output_pkey"),
    )
    op.create_index("cached_output_expires_ix", "cached_output", ["expires"])


def _events() -> None:
    op.create_table(
        "event_handler",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("active", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="event_handler_pkey"),
    )
    op.create_index("event_handler_event_ix", "event_handler", ["event", "active"])
    op.create_table(
        "event_message",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("handled", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="event_message_pkey"),
    )
    op.create_index("event_message_due_at_ix", "event_message", ["due_at"], **_partial("due_at IS NOT NULL"))
    op.create_index("event_message_id_key", "event_message", ["event", "message_id"], unique=True)
    op.create_table(
        "event_execution",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("event_message_id", sa.Text, nullable=False),
        sa.Column("handler", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("action", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("output", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="event_execution_pkey"),
    )
    action = ["message_id", "handler", "position", "event"]
    op.create_index("event_execution_action_key", "event_execution", action, unique=True)
    op.create_index("event_execution_handler_id_ix", "event_execution", ["handler", "id"])
    op.create_index("event_execution_message_ix", "event_execution", ["event_message_id"])
    op.create_index("event_execution_status_id_ix", "event_execution", ["status", "id"])
    op.create_table(
        "event_outbox",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("sink", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="event_outbox_pkey"),
    )
    op.create_index("event_outbox_due_at_ix", "event_outbox", ["due_at"], **_partial("due_at IS NOT NULL"))


def _schedules() -> None:
    op.create_table(
        "schedule",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("workflow_name", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("paused", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="schedule_pkey"),
    )
    op.create_index("schedule_next_at_ix", "schedule", ["next_at"], **_partial("next_at IS NOT NULL"))
    op.create_index("schedule_workflow_name_ix", "schedule", ["workflow_name"])
    op.create_table(
        "schedule_execution",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("slot", sa.BigInteger),
        sa.Column("workflow_name", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="schedule_execution_pkey"),
    )
    op.create_index("schedule_execution_schedule_id_ix", "schedule_execution", ["schedule", "id"])
    op.create_index("schedule_execution_slot_key", "schedule_execution", ["schedule", "slot"], unique=True)
