"""The tables. Times are milliseconds since the epoch (UTC); JSON is stored as text, exactly as it came.

Every index names the query that it serves.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, text

from workflows import states
from workflows.status import TaskStatus

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
    }
)

LIVE = states.among(status for status in TaskStatus if not status.terminal)

# What an execution was compiled from: a workflow definition and the task definitions of that moment. Never changed.
program = Table(
    "program",
    metadata,
    Column("id", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

workflow_def = Table(
    "workflow_def",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("program_id", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("description", Text),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)

task_def = Table(
    "task_def",
    metadata,
    Column("name", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)

# JSON Schemas that definitions name.
schema = Table(
    "schema",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)

workflow = Table(
    "workflow",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("program_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    # Messages of an earlier run (before a restart or rerun) are cut.
    Column("run", Integer, nullable=False),
    Column("correlation_id", Text),
    Column("idempotency_key", Text),
    Column("parent_id", Text),
    Column("parent_task_id", Text),
    Column("priority", Integer, nullable=False),
    Column("input", Text, nullable=False),
    Column("output", Text),
    Column("variables", Text, nullable=False),
    Column("task_to_domain", Text),
    Column("reason", Text),
    Column("failed_refs", Text),
    Column("failed_task_id", Text),
    Column("event", Text),
    Column("created_by", Text),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("ended", BigInteger),
    # When its timeout fires; NULL: none, or ended.
    Column("due_at", BigInteger),
    # The execution that it undoes.
    Column("compensates", Text),
    # Somebody waits for this execution, the same one or one above it: each change here is told under its id.
    Column("awaited", Text),
    # The value of its rateLimitKey, and whether it waits for its turn (1) or has begun (0).
    Column("rate_limit_key", Text),
    Column("rate_limited", Integer, nullable=False, server_default=text("0")),
)
# lists: newest first, all / by status / by definition (ids are ordered by time)
Index("workflow_status_id_ix", workflow.c.status, workflow.c.id)
Index("workflow_name_id_ix", workflow.c.name, workflow.c.id)
# lists by correlation id, newest first
Index(
    "workflow_correlation_id_ix",
    workflow.c.correlation_id,
    workflow.c.id,
    postgresql_where=workflow.c.correlation_id.isnot(None),
    sqlite_where=workflow.c.correlation_id.isnot(None),
)
# children of an execution, newest first
Index(
    "workflow_parent_id_ix",
    workflow.c.parent_id,
    workflow.c.id,
    postgresql_where=workflow.c.parent_id.isnot(None),
    sqlite_where=workflow.c.parent_id.isnot(None),
)
# timeouts that are due
Index(
    "workflow_due_at_ix",
    workflow.c.due_at,
    postgresql_where=workflow.c.due_at.isnot(None),
    sqlite_where=workflow.c.due_at.isnot(None),
)

# the compensation of an execution
Index(
    "workflow_compensates_ix",
    workflow.c.compensates,
    postgresql_where=workflow.c.compensates.isnot(None),
    sqlite_where=workflow.c.compensates.isnot(None),
)

# how many executions of a rateLimitKey run, and which of them wait for their turn
Index(
    "workflow_rate_limit_key_ix",
    workflow.c.rate_limit_key,
    workflow.c.rate_limited,
    workflow.c.id,
    postgresql_where=text("rate_limit_key IS NOT NULL AND ended IS NULL"),
    sqlite_where=text("rate_limit_key IS NOT NULL AND ended IS NULL"),
)

# Which execution an idempotency key belongs to; the primary key is what makes concurrent starters agree.
idempotency = Table(
    "idempotency",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("workflow_id", Text, nullable=False),
)

task = Table(
    "task",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workflow_id", Text, nullable=False),
    Column("ref", Text, nullable=False),
    # Iterations of the loops around it, outermost first, each in 8 digits: '' outside of loops.
    Column("path", Text, nullable=False),
    # Conductor's retryCount.
    Column("attempt", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    # Loops: how many iterations have ended.
    Column("iteration", Integer, nullable=False),
    # Which child list was chosen (SWITCH).
    Column("label", Text),
    Column("input", Text, nullable=False),
    Column("output", Text),
    Column("reason", Text),
    # The worker that holds the claim; NULL: nobody does (waiting, or ended).
    Column("owner", Text),
    # The claim's own token: completing compares it, so a late result of an earlier claim is not written.
    Column("claim", BigInteger),
    # The message in whose hands it is; a lost pool child is found by it.
    Column("message_id", Text),
    Column("worker", Text),
    Column("retried_id", Text),
    Column("retried", Integer, nullable=False),
    # How often it was handed out (Conductor's pollCount), and its message sent without an answer.
    Column("polls", Integer, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("sub_workflow_id", Text),
    Column("domain", Text),
    # Of a task for outside workers: its queue (`name`, or `domain:name`), its execution's priority, and how many
    # milliseconds they have for it.
    Column("queue", Text),
    Column("priority", Integer, nullable=False),
    Column("lease", BigInteger),
    Column("scheduled", BigInteger, nullable=False),
    Column("first_scheduled", BigInteger, nullable=False),
    Column("started", BigInteger),
    Column("updated", BigInteger, nullable=False),
    Column("ended", BigInteger),
    # When somebody must look at it again, and what for: send, wait, timeout, ask. poll: an outside worker may have it.
    # slot: it stands in line for a slot of the limit that `queue` names.
    Column("due_at", BigInteger),
    Column("wake", Text),
    # The limit of which it has a slot, until it ends.
    Column("slot", Text),
)
# a position is scheduled once; outputs by reference; all tasks of an execution
Index("task_position_key", task.c.workflow_id, task.c.ref, task.c.path, task.c.attempt, unique=True)
# what of an execution has not ended
Index("task_live_ix", task.c.workflow_id, postgresql_where=text(LIVE), sqlite_where=text(LIVE))
# tasks that wait for an execution
Index(
    "task_sub_workflow_id_ix",
    task.c.sub_workflow_id,
    postgresql_where=task.c.sub_workflow_id.isnot(None),
    sqlite_where=task.c.sub_workflow_id.isnot(None),
)
# claims of a dead worker
Index(
    "task_owner_ix",
    task.c.owner,
    postgresql_where=task.c.owner.isnot(None),
    sqlite_where=task.c.owner.isnot(None),
)
# what an outside worker that polls is handed, in the order of priority and age; queue sizes
Index(
    "task_poll_ix",
    task.c.queue,
    task.c.priority.desc(),
    task.c.id,
    postgresql_where=text("wake = 'poll'"),
    sqlite_where=text("wake = 'poll'"),
)
# who waits for a slot of a limit, in the order in which they get theirs
Index(
    "task_line_ix",
    task.c.queue,
    task.c.priority.desc(),
    task.c.id,
    postgresql_where=text("wake = 'slot'"),
    sqlite_where=text("wake = 'slot'"),
)
# how many slots of a limit are taken
Index(
    "task_slot_ix",
    task.c.slot,
    postgresql_where=text(f"slot IS NOT NULL AND {LIVE}"),
    sqlite_where=text(f"slot IS NOT NULL AND {LIVE}"),
)
# the latest starts under a limit
Index(
    "task_slot_started_ix",
    task.c.slot,
    task.c.started,
    # Not what has not started: SQLite would count the slots that are taken among all that ever were.
    postgresql_where=text("slot IS NOT NULL AND started IS NOT NULL"),
    sqlite_where=text("slot IS NOT NULL AND started IS NOT NULL"),
)
# timers, retries, timeouts and lost messages that are due
Index(
    "task_due_at_ix",
    task.c.due_at,
    postgresql_where=task.c.due_at.isnot(None),
    sqlite_where=task.c.due_at.isnot(None),
)

task_log = Table(
    "task_log",
    metadata,
    Column("id", Text, primary_key=True),
    Column("task_id", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("level", Text, nullable=False),
    Column("message", Text, nullable=False),
)
# the log of a task, in order
Index("task_log_task_id_ix", task_log.c.task_id, task_log.c.id)

worker = Table(
    "worker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hostname", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("queues", Text, nullable=False),
    Column("tasks", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("heartbeat", BigInteger, nullable=False),
    # alive, stopped, or dead (its claims were handed to the retry policy)
    Column("state", Text, nullable=False),
)
# workers that live, or should
Index("worker_state_heartbeat_ix", worker.c.state, worker.c.heartbeat)

# When an outside worker last asked for tasks of a name, in a domain ('': in none).
poll_data = Table(
    "poll_data",
    metadata,
    Column("type", Text, primary_key=True),
    Column("domain", Text, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("polled", BigInteger, nullable=False),
)

# Who may use the REST API: secrets and tokens are kept as SHA-256, both are 256 random bits.
api_key = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # viewer, operator or admin
    Column("role", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

api_token = Table(
    "api_token",
    metadata,
    Column("token", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("expires", BigInteger, nullable=False),
)
# tokens that are over
Index("api_token_expires_ix", api_token.c.expires)

# What was sent to an execution and not taken yet; ids are ordered by time.
workflow_message = Table(
    "workflow_message",
    metadata,
    Column("workflow_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("payload", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

# Outputs of tasks that may be used again (cacheConfig), by the name of the task and the key that its input gives.
cached_output = Table(
    "cached_output",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("output", Text, nullable=False),
    Column("expires", BigInteger, nullable=False),
)
# outputs whose time is over
Index("cached_output_expires_ix", cached_output.c.expires)

# Files of executions: what is told of them; `url` is where the content is, NULL before the first upload.
file = Table(
    "file",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workflow_id", Text, nullable=False),
    Column("task_id", Text),
    Column("name", Text),
    Column("content_type", Text),
    # UPLOADING or UPLOADED
    Column("status", Text, nullable=False),
    Column("url", Text),
    Column("size", BigInteger, nullable=False),
    Column("hash", Text),
    # The upload in parts that goes on.
    Column("upload_id", Text),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)
# files of an execution, to delete them with it
Index("file_workflow_id_ix", file.c.workflow_id)

# Parts of the upload that goes on.
file_part = Table(
    "file_part",
    metadata,
    Column("file_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("url", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)

# What the addresses of files are signed with, by all API processes; few rows.
signing_key = Table(
    "signing_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

# Labels of definitions, schedules and secrets; the primary key is also the order of each one's list.
tag = Table(
    "tag",
    metadata,
    # workflow, task, schedule or secret
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, primary_key=True),
)

# Who did what to which execution or definition.
audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created", BigInteger, nullable=False),
    Column("actor", Text),
    Column("operation", Text, nullable=False),
    Column("workflow_id", Text),
    Column("subject", Text),
    Column("reason", Text),
    Column("detail", Text),
)
# the history of an execution
Index("audit_workflow_id_ix", audit.c.workflow_id, audit.c.id)

event_handler = Table(
    "event_handler",
    metadata,
    Column("name", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("active", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)
# the handlers of an event
Index("event_handler_event_ix", event_handler.c.event, event_handler.c.active)

# The inbox: every message that came, from a broker or from Podium itself, before anybody acts on it.
event_message = Table(
    "event_message",
    metadata,
    Column("id", Text, primary_key=True),
    Column("event", Text, nullable=False),
    # The sender's or the broker's; a message that is delivered again has the same.
    Column("message_id", Text, nullable=False),
    Column("payload", Text, nullable=False),
    # RECEIVED, HANDLED, or REJECTED (never acted on: too large, no text)
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("received", BigInteger, nullable=False),
    Column("handled", BigInteger),
    # When somebody must look at it (again); NULL: it is done with.
    Column("due_at", BigInteger),
    Column("tries", Integer, nullable=False),
)
# a message that is delivered again is stored once; messages of an event
Index("event_message_id_key", event_message.c.event, event_message.c.message_id, unique=True)
# messages that nobody has acted on
Index(
    "event_message_due_at_ix",
    event_message.c.due_at,
    postgresql_where=event_message.c.due_at.isnot(None),
    sqlite_where=event_message.c.due_at.isnot(None),
)

event_execution = Table(
    "event_execution",
    metadata,
    Column("id", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    # The row of event_message.
    Column("event_message_id", Text, nullable=False),
    Column("handler", Text, nullable=False),
    # The place of the action in the handler's list.
    Column("position", Integer, nullable=False),
    Column("action", Text),
    # COMPLETED, FAILED, or SKIPPED (the condition does not hold)
    Column("status", Text, nullable=False),
    Column("output", Text),
    Column("reason", Text),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)
# a message acts once: its row is inserted in the transaction of the action
Index(
    "event_execution_action_key",
    event_execution.c.message_id,
    event_execution.c.handler,
    event_execution.c.position,
    event_execution.c.event,
    unique=True,
)
# lists: of a handler, by status, of a message; newest first
Index("event_execution_handler_id_ix", event_execution.c.handler, event_execution.c.id)
Index("event_execution_status_id_ix", event_execution.c.status, event_execution.c.id)
Index("event_execution_message_ix", event_execution.c.event_message_id)

# Events that go out after the commit: written in the transaction that they tell of.
event_outbox = Table(
    "event_outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sink", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("reason", Text),
    Column("created", BigInteger, nullable=False),
    # When it is sent (again); NULL: given up, kept to be looked at and replayed.
    Column("due_at", BigInteger),
    Column("tries", Integer, nullable=False),
)
# events that are to be sent
Index(
    "event_outbox_due_at_ix",
    event_outbox.c.due_at,
    postgresql_where=event_outbox.c.due_at.isnot(None),
    sqlite_where=event_outbox.c.due_at.isnot(None),
)

schedule = Table(
    "schedule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("workflow_name", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("paused", Integer, nullable=False),
    Column("reason", Text),
    # The slot that fires next; NULL: paused, or at its end.
    Column("next_at", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)
# slots that are due
Index(
    "schedule_next_at_ix",
    schedule.c.next_at,
    postgresql_where=schedule.c.next_at.isnot(None),
    sqlite_where=schedule.c.next_at.isnot(None),
)
# the schedules of a workflow
Index("schedule_workflow_name_ix", schedule.c.workflow_name)

schedule_execution = Table(
    "schedule_execution",
    metadata,
    Column("id", Text, primary_key=True),
    Column("schedule", Text, nullable=False),
    # The time that the cron expression names; NULL: somebody ran it out of turn.
    Column("slot", BigInteger),
    Column("workflow_name", Text, nullable=False),
    Column("workflow_id", Text),
    # EXECUTED or FAILED
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("created", BigInteger, nullable=False),
)
# a slot fires once, whoever looks; the firings of a schedule
Index("schedule_execution_slot_key", schedule_execution.c.schedule, schedule_execution.c.slot, unique=True)
# lists: of a schedule, newest first
Index("schedule_execution_schedule_id_ix", schedule_execution.c.schedule, schedule_execution.c.id)
