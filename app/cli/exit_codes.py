"""What the exit code says, in one table.

Errors are listed by the name of their class: naming one must not import its module. A class that is not listed has
the code of its nearest base that is.
"""

from __future__ import annotations

OK = 0
NOT_COMPLETED = 1
BAD_INPUT = 2
NOT_FOUND = 3
WRONG_STATE = 4
UNAVAILABLE = 5
INTERRUPTED = 130
BROKEN_PIPE = 141

MEANINGS = {
    OK: "Done.",
    NOT_COMPLETED: "The execution did not complete, or a check has found errors.",
    BAD_INPUT: "An option, an input, a file or a setting is of no use.",
    NOT_FOUND: "There is no such definition, execution, task or operator.",
    WRONG_STATE: "It contradicts what is there: a version with another content, a task that has ended.",
    UNAVAILABLE: "The database or the broker does not answer, or the database has another schema.",
    INTERRUPTED: "Ctrl-C.",
    BROKEN_PIPE: "Whoever read the output has gone.",
}

ERRORS = {
    "InvalidDefinition": NOT_COMPLETED,
    "WaitTimeout": NOT_COMPLETED,
    "DemoError": NOT_COMPLETED,
    "DefinitionError": BAD_INPUT,
    "DuplicateReference": BAD_INPUT,
    "ExpressionError": BAD_INPUT,
    "ScriptError": BAD_INPUT,
    "OperatorError": BAD_INPUT,
    "InvalidInput": BAD_INPUT,
    "DomainError": BAD_INPUT,
    "SettingsError": BAD_INPUT,
    "DatabaseUrlError": BAD_INPUT,
    "FlowerAddressError": BAD_INPUT,
    "ApiAddressError": BAD_INPUT,
    "ApiPortError": BAD_INPUT,
    "UnknownOperator": NOT_FOUND,
    "WorkflowNotFound": NOT_FOUND,
    "ExecutionNotFound": NOT_FOUND,
    "KeyNotFound": NOT_FOUND,
    "SecretNotFound": NOT_FOUND,
    "FileNotFound": NOT_FOUND,
    "TaskNotFound": NOT_FOUND,
    "HandlerNotFound": NOT_FOUND,
    "ScheduleNotFound": NOT_FOUND,
    "EventNotFound": NOT_FOUND,
    "TaskDefinitionNotFound": NOT_FOUND,
    "TaskIdNotFound": NOT_FOUND,
    "OperationError": WRONG_STATE,
    "AlreadyUp": WRONG_STATE,
    "StoreError": UNAVAILABLE,
    "EventNotPublished": UNAVAILABLE,
    "BrokerUnavailable": UNAVAILABLE,
    "EmbeddedUnavailable": UNAVAILABLE,
    "UpError": UNAVAILABLE,
}


def exit_code(error: type[BaseException]) -> int | None:
    """The code of an error's class; None: it is not one that is raised on purpose."""
    return next((ERRORS[base.__name__] for base in error.__mro__ if base.__name__ in ERRORS), None)
