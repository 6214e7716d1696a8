"""Errors of the engine. The language's own are in `workflows/errors.py`, under the same root.

PodiumError
├── DefinitionError               see workflows/errors.py
├── StoreError
│   ├── StoreUnavailable          the database does not answer
│   └── SchemaOutdated            it answers, but `podium db upgrade` has not been run
├── BrokerUnavailable             the broker does not answer
├── EventNotPublished             a sink did not take an event
└── OperationError
    ├── WorkflowNotFound          no such definition or version
    ├── TaskDefinitionNotFound    no such task definition
    ├── ExecutionNotFound         no such execution
    ├── TaskNotFound              no such task in the execution
    ├── HandlerNotFound           no such event handler
    ├── ScheduleNotFound          no such schedule
    ├── SchemaNotFound            no such schema or version
    ├── EventNotFound             no such message, event execution or event to be sent
    ├── TaskIdNotFound            no task has this id
    ├── KeyNotFound               no API key has this id
    ├── FileNotFound              no such file, or no upload of it in parts
    ├── FilesNotKept              files of executions are kept nowhere here
    ├── FileTooLarge              its content is larger than it may be
    ├── AccessForbidden           the execution, or the address, is none that may use the file
    ├── WrongTransfer             the address is good for a download and not an upload, or the other way round
    ├── InvalidInput              an argument is of no use
    ├── DefinitionConflict        this name and version is registered with another content
    ├── SchemaInUse               definitions name the schema
    ├── HandlerConflict           an event handler of this name exists
    ├── IdempotencyConflict       the idempotency key was used before
    ├── EffectImpossible          a task's completion can't be part of this transaction
    ├── EffectTooLate             the attempt has lost its task; nothing was committed
    └── WrongState                the execution or task is not in a state for this
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from workflows.errors import PodiumError


class StoreError(PodiumError):
    """The database could not do what was asked."""


class StoreUnavailable(StoreError):
    """The database does not answer; nothing was changed, or it will be found when it does."""

    def __init__(self, url: str, cause: BaseException) -> None:
        self.url = url
        super().__init__(
            f"the database {url} does not answer: {cause}. Start it, or set PODIUM_DATABASE_URL to one that runs."
        )


class SchemaOutdated(StoreError):
    """The tables are missing, or made for another version of Podium."""

    def __init__(self, url: str, found: str | None, wanted: str) -> None:
        self.found, self.wanted = found, wanted
        # Revisions are numbered: a greater one is from a version that this one knows nothing of.
        newer = found is not None and found > wanted
        what_to_do = (
            "use the newer version of Podium that migrated it" if newer else "run 'podium db upgrade'"
        )
        super().__init__(
            f"the database {url} is at schema {found or 'none'}, this version needs {wanted}: {what_to_do}"
        )


class BrokerUnavailable(PodiumError):
    """The broker does not answer; nothing was stored."""

    def __init__(self, url: str, cause: BaseException) -> None:
        self.url = url
        super().__init__(
            f"the broker {url} does not answer: {cause}. "
            "Start it ('podium up' starts the embedded one), or set PODIUM_BROKER_URL to one that runs."
        )


class EventNotPublished(PodiumError):
    """A sink did not take an event; it may be there all the same, and has the same id when it is sent again."""

    def __init__(self, sink: str, cause: object) -> None:
        self.sink = sink
        super().__init__(f"the event could not be published to {sink}: {cause}")


class OperationError(PodiumError):
    """What was asked for can't be done."""


class WorkflowNotFound(OperationError):
    """No workflow definition of this name and version is registered."""

    def __init__(self, name: str, version: int | None = None, known: Sequence[str] = ()) -> None:
        self.name, self.version = name, version
        which = f"{name!r}" if version is None else f"{name!r} version {version}"
        if version is not None and name in known:
            super().__init__(
                f"no workflow definition {which} is registered; 'podium definitions' lists its versions"
            )
            return
        near = [n for n in difflib.get_close_matches(name, known, n=1) if n != name]
        hint = f" Did you mean {near[0]!r}?" if near else " Register it with 'podium register FILE'."
        super().__init__(f"no workflow definition {which} is registered.{hint}")


class TaskDefinitionNotFound(OperationError):
    """No task definition of this name is registered."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"no task definition {name!r} is registered; register it, or do without: it is optional"
        )


class ExecutionNotFound(OperationError):
    """No execution has this id."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"no execution has the id {execution_id!r}; 'podium list' shows the latest")


class TaskNotFound(OperationError):
    """The execution has no task of this reference, or it has not begun yet."""

    def __init__(self, execution_id: str, ref: str, known: Sequence[str] = ()) -> None:
        self.execution_id, self.ref = execution_id, ref
        hint = f"; its tasks: {', '.join(known)}" if known else ""
        super().__init__(f"execution {execution_id} has no task {ref!r}{hint}")


class HandlerNotFound(OperationError):
    """No event handler has this name."""

    def __init__(self, name: str, known: Sequence[str] = ()) -> None:
        self.name = name
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "'podium event handlers' lists them"
        super().__init__(f"no event handler is called {name!r}; {hint}")


class ScheduleNotFound(OperationError):
    """No schedule has this name."""

    def __init__(self, name: str, known: Sequence[str] = ()) -> None:
        self.name = name
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "'podium schedule list' lists them"
        super().__init__(f"no schedule is called {name!r}; {hint}")


class SchemaNotFound(OperationError):
    """No schema of this name and version is registered."""

    def __init__(self, name: str, version: int | None = None, known: Sequence[str] = ()) -> None:
        self.name, self.version = name, version
        which = f"{name!r}" if version is None else f"{name!r} version {version}"
        near = [n for n in difflib.get_close_matches(name, known, n=1) if n != name]
        hint = f"did you mean {near[0]!r}?" if near else "'podium schema list' lists what there is"
        super().__init__(f"no schema {which} is registered; {hint}")


class SchemaInUse(OperationError):
    """Definitions name the schema: `users`."""

    def __init__(self, name: str, version: int, users: Sequence[str]) -> None:
        self.name, self.version, self.users = name, version, tuple(users)
        super().__init__(
            f"schema {name!r} version {version} is used by {', '.join(users)}; "
            "change or remove these definitions first"
        )


class EventNotFound(OperationError):
    """No message, event execution or event to be sent has this id; old ones are deleted after a while."""

    def __init__(self, what: str, id: str) -> None:
        self.id = id
        super().__init__(f"no {what} has the id {id!r}; 'podium event list' shows the latest")


class TaskIdNotFound(OperationError):
    """No task has this id."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"no task has the id {task_id!r}; it may have been removed with its execution")


class KeyNotFound(OperationError):
    """No key of the REST API has this id."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(f"no API key has the id {key_id!r}; 'podium keys list' shows them")


class SecretNotFound(OperationError):
    """A step needs a secret that the process that runs it has no value of."""

    def __init__(self, name: str, file: object) -> None:
        self.name = name
        where = f"or the file {file}" if file else "or PODIUM_SECRETS_DIR and a file of that name in it"
        super().__init__(
            f"there is no secret {name!r} here: set PODIUM_SECRET_{name}, {where}, for every worker and API"
        )


class InvalidInput(OperationError):
    """An argument has the wrong shape, type or size."""


class DefinitionConflict(OperationError):
    """A definition of this name and version exists with another content; versions are immutable."""

    def __init__(self, name: str, version: int) -> None:
        self.name, self.version = name, version
        super().__init__(
            f"workflow definition {name!r} version {version} is registered with another content; "
            f"versions do not change: register it as version {version + 1}"
        )


class HandlerConflict(OperationError):
    """An event handler of this name exists; it is changed by an update."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"an event handler {name!r} exists; change it by an update, or take another name")


class IdempotencyConflict(OperationError):
    """An execution was started with this idempotency key before, and the strategy forbids another."""

    def __init__(self, key: str, execution_id: str, strategy: str) -> None:
        self.key, self.execution_id = key, execution_id
        super().__init__(
            f"idempotency key {key!r} belongs to execution {execution_id} (strategy {strategy}); "
            "use RETURN_EXISTING to get that execution, or another key"
        )


class RateLimited(OperationError):
    """As many executions of this rateLimitKey run as may, and the policy of the definition is REJECT."""

    def __init__(self, name: str, key: str, limit: int) -> None:
        self.name, self.key, self.limit = name, key, limit
        super().__init__(
            f"{name!r} was not started: {limit} of {limit} executions with the rateLimitKey {key!r} run "
            "(policy REJECT); start it when one has ended"
        )


class PayloadUnavailable(StoreError):
    """A large input or output, which is kept outside of the database, can't be read or written."""


class PayloadNotFound(PayloadUnavailable):
    """It is not where it should be."""


class FileNotFound(OperationError):
    """No file has this id, or no upload of it in parts goes on under this one."""

    def __init__(self, file_id: str, upload_id: str | None = None) -> None:
        self.file_id, self.upload_id = file_id, upload_id
        upload = f" whose upload in parts {upload_id!r} goes on" if upload_id else ""
        super().__init__(f"no file{upload} has the id {file_id!r}; it goes with its execution")


class FilesNotKept(OperationError):
    """There is no store for files."""

    def __init__(self) -> None:
        super().__init__("files of executions are not kept here: set PODIUM_PAYLOAD_STORE_URL")


class FileTooLarge(OperationError):
    """The content of a file is larger than it may be; nothing of it was kept."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the file is larger than {limit:,} bytes: raise PODIUM_FILE_LIMIT_BYTES")


class AccessForbidden(OperationError):
    """The execution is not of the file's family, or the address was not signed here, or is over."""


class WrongTransfer(OperationError):
    """An address to download a file is used to upload it, or the other way round."""

    def __init__(self, transfer: str) -> None:
        self.transfer = transfer
        super().__init__(f"this address is good for one {transfer} and nothing else")


class TooManyMessages(OperationError):
    """An execution has as many messages that nobody has taken as it may have."""

    def __init__(self, execution_id: str, limit: int) -> None:
        self.execution_id, self.limit = execution_id, limit
        super().__init__(
            f"execution {execution_id} has {limit:,} messages that it has not taken: the message was not sent; "
            "send it when some are taken, or raise PODIUM_MESSAGE_LIMIT"
        )


class EffectImpossible(OperationError):
    """A task's completion can't be part of the transaction that was given; nothing was committed."""


class EffectTooLate(OperationError):
    """The attempt no longer holds its task: it timed out, was terminated or given up. Nothing was committed."""

    def __init__(self, ref: str, attempt: int) -> None:
        self.ref, self.attempt = ref, attempt
        super().__init__(
            f"attempt {attempt} of {ref} no longer holds its task (it timed out, was terminated, or its worker was "
            "taken for dead): nothing was committed"
        )


class WrongState(OperationError):
    """The execution or task is in a state in which this can't be done."""
