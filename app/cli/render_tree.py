"""An execution's tasks as a tree with columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from app.cli.render import clock, counted, duration, moment, status_text, text
from app.cli.render_execution import took
from app.operations.query import TaskExecution
from app.operations.tree import ExecutionTree, TaskGroup, TaskTree

Item = TaskTree | TaskGroup | ExecutionTree
Logs = Mapping[str, Sequence[tuple[int, str, str]]]
"""By task id: (ms since the epoch, level, message)."""

_BRANCH, _LAST, _RULE, _SPACE = "├── ", "└── ", "│   ", "    "
_GAP = "  "
_LEAST = 20
"""Columns that a line beneath a row has at least, however deep it stands."""


@dataclass(frozen=True, slots=True)
class _Row:
    name: Text
    status: Text
    attempt: str = ""
    time: str = ""
    worker: str = ""
    said: tuple[str, ...] = ()
    below: str = ""
    """The tree's guides on lines beneath this one."""

    @property
    def cells(self) -> tuple[Text, ...]:
        return self.name, self.status, Text(self.attempt), Text(self.time), text(self.worker, "dim")


def tree_text(tree: ExecutionTree, logs: Logs, width: int) -> Text:
    """One line for each attempt, indented below what contains it; what there is to say about it stands at its end,
    or beneath it where a terminal of `width` columns has no room."""
    head = _Row(Text("task"), Text("status"), "attempt", "time", "worker")
    rows = list(_list(tree.inside, "", logs))
    widths = [
        max(cell.cell_len for cell in column)
        for column in zip(*(r.cells for r in [head, *rows]), strict=True)
    ]
    if sum(widths) + len(_GAP) * len(widths) > width:
        widths.pop()
    lines = [_line(head, widths, "bold")]
    for row in rows:
        line = _line(row, widths)
        room = width - sum(widths) - len(_GAP) * len(widths)
        if len(row.said) == 1 and "\n" not in row.said[0] and len(row.said[0]) <= room:
            lines.append(Text.assemble(line, text(row.said[0])))
        else:
            lines += [line, *_beneath(row, width)]
    for line in lines:
        line.rstrip()
    return Text("\n", no_wrap=True, overflow="ignore").join(lines)


def _line(row: _Row, widths: Sequence[int], style: str = "") -> Text:
    line = Text(style=style)
    # The last column, the worker's name, goes first where there is no room.
    for cell, columns, right in zip(row.cells, widths, (False, False, True, True, False), strict=False):
        space = " " * (columns - cell.cell_len)
        line.append_text(Text.assemble(space, cell, _GAP) if right else Text.assemble(cell, space, _GAP))
    return line


def _beneath(row: _Row, width: int) -> Iterator[Text]:
    guide = row.below + _GAP
    for said in row.said:
        for paragraph in text(said).plain.splitlines():
            for part in textwrap.wrap(paragraph, max(_LEAST, width - len(guide))):
                yield Text.assemble((guide, "dim"), part)


def _list(items: Sequence[Item], guide: str, logs: Logs) -> Iterator[_Row]:
    for number, item in enumerate(items, 1):
        last = number == len(items)
        yield from _item(
            item, guide + (_LAST if last else _BRANCH), guide + (_SPACE if last else _RULE), logs
        )


def _item(item: Item, guide: str, below: str, logs: Logs) -> Iterator[_Row]:
    inside: Sequence[Item]
    if isinstance(item, TaskTree):
        inside = (*item.groups, *item.children)
        yield from _attempts(item, guide, below, logs)
    elif isinstance(item, ExecutionTree):
        inside = item.inside
        yield _child(item, guide, below)
    else:
        inside = item.tasks
        yield _Row(Text.assemble((guide, "dim"), (_group(item), "italic")), Text())
    yield from _list(inside, below, logs)


def _attempts(tree: TaskTree, guide: str, below: str, logs: Logs) -> Iterator[_Row]:
    beneath = below + (_RULE if tree.groups or tree.children else _SPACE)
    for number, task in enumerate(tree.attempts):
        kind = f" {task.type}" if task.type != task.ref else ""
        name = (
            Text.assemble(
                (beneath, "dim"), ("again" if task.type == tree.attempts[0].type else task.type, "dim")
            )
            if number
            else Text.assemble((guide, "dim"), text(task.ref, "bold"), text(kind, "dim"))
        )
        logged = [f"{clock(at)} {level} {line}" for at, level, line in logs.get(task.id, ())]
        yield _Row(
            name,
            status_text(task.status),
            str(task.attempt + 1),
            took(task),
            task.worker or "",
            tuple(line for line in (_said(task, tree), *logged) if line),
            beneath,
        )


def _said(task: TaskExecution, tree: TaskTree) -> str:
    if task.reason:
        return task.reason
    if not task.status.terminal and task.due_at is not None and task.worker is None:
        return f"until {moment(task.due_at)}"
    loops = [group for group in tree.groups if group.kind == "loop"]
    return counted(len(loops), "iteration") if loops else ""


def _child(tree: ExecutionTree, guide: str, below: str) -> _Row:
    state = tree.execution
    return _Row(
        Text.assemble((guide, "dim"), text(f"{state.name} {state.version}", "bold")),
        status_text(state.status),
        time=duration(state.ended - state.created) if state.ended else "",
        said=(f"{state.id}: {state.reason}" if state.reason else state.id,),
        below=below + (_RULE if tree.inside else _SPACE),
    )


def _group(group: TaskGroup) -> str:
    if group.kind == "loop":
        return f"iteration {group.iteration}"
    if group.kind == "branches":
        return f"branch {int(group.label.removeprefix('forkTasks[').removesuffix(']')) + 1}"
    return "otherwise" if group.label == "defaultCase" else f"case {group.label.partition('.')[2]}"
