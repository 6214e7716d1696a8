"""An execution's tasks as a tree with columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from app.cli.render import clock, counted, duration, moment, status_text, table, text
from app.cli.render_execution import took
from app.operations.query import TaskExecution
from app.operations.tree import ExecutionTree, TaskGroup, TaskTree

Item = TaskTree | TaskGroup | ExecutionTree
Logs = Mapping[str, Sequence[tuple[int, str, str]]]
"""By task id: (ms since the epoch, level, message)."""
Row = tuple[Text, Text | str, str, str, Text, Text]
"""Task, status, attempt, time, worker, and what there is to say."""

_BRANCH, _LAST, _RULE, _SPACE = "├── ", "└── ", "│   ", "    "
_NARROW = 100
"""Columns below which there is no room for the worker's name."""


def tree_table(tree: ExecutionTree, logs: Logs, width: int) -> Table:
    """One line for each attempt, indented below what contains it. `width`: of the terminal, in columns."""
    with_worker = width >= _NARROW
    columns = ("task", "status", "attempt", "time", *(["worker"] if with_worker else []), "")
    made = table(*columns, right=["attempt", "time"], whole=["task", "status"])
    for row in _list(tree.tasks, "", logs):
        made.add_row(*(row if with_worker else (*row[:4], row[5])))
    return made


def _list(items: Sequence[Item], guide: str, logs: Logs) -> Iterator[Row]:
    for number, item in enumerate(items, 1):
        last = number == len(items)
        yield from _item(
            item, guide + (_LAST if last else _BRANCH), guide + (_SPACE if last else _RULE), logs
        )


def _item(item: Item, guide: str, below: str, logs: Logs) -> Iterator[Row]:
    inside: Sequence[Item]
    if isinstance(item, TaskTree):
        yield from _attempts(item, guide, below, logs)
        inside = (*item.groups, *item.children)
    elif isinstance(item, ExecutionTree):
        yield _child(item, guide)
        inside = item.tasks
    else:
        yield Text.assemble((guide, "dim"), (_group(item), "italic")), "", "", "", Text(), Text()
        inside = item.tasks
    yield from _list(inside, below, logs)


def _attempts(tree: TaskTree, guide: str, below: str, logs: Logs) -> Iterator[Row]:
    more = _RULE if tree.groups or tree.children else _SPACE
    for number, task in enumerate(tree.attempts):
        kind = f" {task.type}" if task.type != task.ref else ""
        name = (
            Text.assemble((guide, "dim"), text(task.ref, "bold"), text(kind, "dim"))
            if number == 0
            else Text.assemble((below + more, "dim"), ("again", "dim"))
        )
        said = [
            _said(task, tree),
            *(f"{clock(at)} {level} {line}" for at, level, line in logs.get(task.id, ())),
        ]
        yield (
            name,
            status_text(task.status),
            str(task.attempt + 1),
            took(task),
            text(task.worker, "dim"),
            text("\n".join(line for line in said if line)),
        )


def _said(task: TaskExecution, tree: TaskTree) -> str:
    if task.reason:
        return task.reason
    if not task.status.terminal and task.due_at is not None:
        return f"until {moment(task.due_at)}"
    loops = [group for group in tree.groups if group.kind == "loop"]
    return counted(len(loops), "iteration") if loops else ""


def _child(tree: ExecutionTree, guide: str) -> Row:
    state = tree.execution
    name = Text.assemble((guide, "dim"), text(f"{state.name} {state.version}", "bold"))
    took = duration(state.ended - state.created) if state.ended else ""
    said = f"{state.id}: {state.reason}" if state.reason else state.id
    return name, status_text(state.status), "", took, Text(), text(said, "dim")


def _group(group: TaskGroup) -> str:
    if group.kind == "loop":
        return f"iteration {group.iteration}"
    if group.kind == "branches":
        return f"branch {int(group.label.removeprefix('forkTasks[').removesuffix(']')) + 1}"
    return "otherwise" if group.label == "defaultCase" else f"case {group.label.partition('.')[2]}"
