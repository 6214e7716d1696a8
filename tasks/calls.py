"""Worker tasks as the runtime sees them: Celery tasks, called by name in this process."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from celery import Celery
from celery.app.task import Context
from celery.exceptions import Ignore, Reject, Retry
from pydantic import BaseModel, ValidationError

from app.errors import EffectImpossible
from app.runtime.ports import Attempt
from tasks.context import InProgress, TaskContext, entered
from tasks.errors import TerminalError
from tasks.log import TaskLog
from workflows.canvas import PREFIX
from workflows.operator import Again, Done, Failed, Outcome

logger = logging.getLogger(__name__)
_REASON_LIMIT = 2_000


class CeleryWorkers:
    """The Celery tasks that are registered with an app."""

    def __init__(self, app: Celery, log: TaskLog) -> None:
        self._app = app
        self._log = log
        self._queues: dict[str, str] = {}
        self._in_place: dict[str, bool] = {}

    def knows(self, name: str) -> bool:
        return name in self._app.tasks and not name.startswith(("celery.", PREFIX))

    def queue(self, name: str) -> str:
        found = self._queues.get(name)
        if found is None:
            options = self._app.amqp.router.route({}, name)
            queue = options.get("queue")
            task = self._app.tasks.get(name)
            own = getattr(task, "queue", None)
            found = own or getattr(queue, "name", None) or str(queue or self._app.conf.task_default_queue)
            self._queues[name] = found
        return found

    def in_place(self, name: str) -> bool:
        found = self._in_place.get(name)
        if found is None:
            task, conf = self._app.tasks[name], self._app.conf
            limits = (task.time_limit, task.soft_time_limit, task.rate_limit)
            found = not any(limits) and not conf.task_time_limit and not conf.task_soft_time_limit
            self._in_place[name] = found
        return found

    def names(self) -> list[str]:
        """All worker tasks, sorted."""
        return sorted(name for name in self._app.tasks if self.knows(name))

    def call(self, name: str, given: Mapping[str, Any], attempt: Attempt) -> Outcome:
        if not self.knows(name):
            return Failed(
                f"this worker has no Celery task named {name!r}; is its module among PODIUM_IMPORTS?"
            )
        task = self._app.tasks[name]
        try:
            arguments = _arguments(task, name, given)
        except TypeError as error:
            return Failed(str(error), terminal=True)
        task.request_stack.push(_request(name, attempt, arguments))
        try:
            with entered(TaskContext(attempt, self._log.write, functools.partial(_output, name))):
                result = task.run(**arguments)
        except (TerminalError, EffectImpossible) as error:
            return Failed(_reason(error), terminal=True)
        except ValidationError as error:
            # The same input fails again.
            return Failed(f"the input of {name} does not fit: {_reason(error)}", terminal=True)
        except (Ignore, Reject) as error:
            return Failed(f"{name} raised Celery's {type(error).__name__}, which says nothing in a workflow")
        except Retry as error:
            return Failed(_reason(error.exc) if isinstance(error.exc, Exception) else str(error))
        except Exception as error:  # the edge of a step: it becomes a recorded failure
            # A traceback may hold what the task was given.
            logger.info(
                "%s failed: %s",
                name,
                error if attempt.hide is None else attempt.hide(str(error)),
                exc_info=attempt.hide is None,
                extra={"event": "task_failed", "ref": attempt.ref},
            )
            return Failed(_reason(error))
        finally:
            task.pop_request()
            self._log.flush()
        return self._outcome(name, result)

    def _outcome(self, name: str, result: Any) -> Outcome:
        if isinstance(result, InProgress):
            return Again(max(0, int(result.callback_after * 1000)), _plain(result.output))
        try:
            return Done(_output(name, result))
        except EffectImpossible as error:
            return Failed(str(error), terminal=True)


def _output(name: str, result: Any) -> dict[str, Any]:
    """What a task puts out.

    Raises:
        EffectImpossible: it is no JSON.
    """
    plain = _plain(result)
    output = {} if plain is None else plain if isinstance(plain, dict) else {"result": plain}
    try:
        orjson.dumps(output)
    except TypeError as error:
        raise EffectImpossible(
            f"the result of {name} is no JSON: {error}. Return dicts, lists, text and numbers."
        ) from None
    return output


def _request(name: str, attempt: Attempt, arguments: dict[str, Any]) -> Context:
    """What `self.request` is inside the task."""
    # Not Context(...): it copies what a message may carry, at many times the cost, and there is no message.
    context = Context.__new__(Context)
    # called_directly: self.retry() then raises its cause, and the retry policy of the definition decides.
    context.__dict__.update(
        id=attempt.task_id,
        task=name,
        args=[],
        kwargs=arguments,
        retries=attempt.attempt,
        root_id=attempt.execution_id,
        called_directly=True,
    )
    return context


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


@functools.lru_cache(maxsize=4096)
def _parameters(function: Callable[..., Any]) -> tuple[frozenset[str], frozenset[str], bool]:
    """(names, names without a default, whether any name is taken)."""
    names, required, anything = set(), set(), False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            anything = True
        elif parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            names.add(parameter.name)
            if parameter.default is parameter.empty:
                required.add(parameter.name)
    return frozenset(names), frozenset(required), anything


def _arguments(task: Any, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The input as keyword arguments; keys that the task does not take are left out, as Conductor's SDKs do."""
    names, required, anything = _parameters(task.run)
    missing = required - given.keys()
    if missing:
        raise TypeError(
            f"{name} needs {', '.join(sorted(missing))}: give it in inputParameters "
            f"(given: {', '.join(sorted(given)) or 'nothing'})"
        )
    return dict(given) if anything else {key: value for key, value in given.items() if key in names}


def _reason(error: BaseException | None) -> str:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return text[:_REASON_LIMIT]
