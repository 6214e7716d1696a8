"""A definition as a picture: a Mermaid flowchart, which GitHub and most editors draw."""

from __future__ import annotations

from collections.abc import Iterator

from workflows.model import WorkflowDef
from workflows.program import BranchEnd, Container, LoopEnd, Next, Node, Program, first_of

_SHAPES = {"SWITCH": ("{", "}"), "DO_WHILE": ("{{", "}}"), "FORK_JOIN": ("[/", "\\]"), "JOIN": ("[\\", "/]")}
_ROUND = ("WAIT", "SUB_WORKFLOW", "TERMINATE")


def mermaid(definition: WorkflowDef) -> str:
    """The flowchart, the same text for the same definition."""
    program = Program(definition)
    names = {ref: f"n{index}" for index, ref in enumerate(program.nodes)}
    # `end` is a word of the language, so it stands in quotes; edges come last, because one inside a subgraph
    # would draw the boxes at both of its ends into it.
    lines = ["flowchart TD", '  begin(("start"))', '  finish(("end"))', *_boxes(program.root, names, "  ")]
    lines.append(f"  begin --> {_target(program.first(), names)}")
    lines += _edges(program.root, names)
    return "\n".join(lines)


def _boxes(container: Container, names: dict[str, str], pad: str) -> Iterator[str]:
    for node in container.nodes:
        yield pad + _box(node, names)
        for index, task in enumerate(node.task.compensation):
            below = "" if task.name == task.task_reference_name else f"<br/><small>{_safe(task.name)}</small>"
            yield f'{pad}{names[node.ref]}_undo{index}["{_safe(task.task_reference_name)}{below}"]'
        for child in node.children.values():
            if child.kind == "loop":
                yield f'{pad}subgraph {names[node.ref]}_body["{_safe(node.ref)}: each iteration"]'
                yield from _boxes(child, names, pad + "  ")
                yield f"{pad}end"
            else:
                yield from _boxes(child, names, pad)


def _box(node: Node, names: dict[str, str]) -> str:
    left, right = _SHAPES.get(node.task.type, ("([", "])") if node.task.type in _ROUND else ("[", "]"))
    below = node.task.type if node.operator else node.worker
    label = _safe(node.ref) + ("" if below == node.ref else f"<br/><small>{_safe(below)}</small>")
    return f'{names[node.ref]}{left}"{label}"{right}'


def _edges(container: Container, names: dict[str, str]) -> list[str]:
    lines = []
    for node in container.nodes:
        here = names[node.ref]
        for index in range(len(node.task.compensation)):
            above, word = (f"{here}_undo{index - 1}", "") if index else (here, '|"undone by"|')
            lines.append(f"  {above} -.->{word} {here}_undo{index}")
        for label, child in node.children.items():
            lines.append(f"  {here} -->{_label(node, label)} {_target(first_of(child, node.after), names)}")
            lines += _edges(child, names)
        if node.operator is None or node.operator.contains == "loop" or not node.children:
            if node.task.type != "TERMINATE":
                word = '|"done"|' if node.children else ""
                lines.append(f"  {here} -->{word} {_target(node.after, names)}")
            else:
                lines.append(f"  {here} --> finish")
    return lines


def _label(node: Node, label: str) -> str:
    if node.operator is None or node.operator.contains == "branches":
        return ""
    if node.operator.contains == "loop":
        return '|"again"|'
    return f'|"{_safe(label.removeprefix("decisionCases.").replace("defaultCase", "otherwise"))}"|'


def _target(following: Next, names: dict[str, str]) -> str:
    if isinstance(following, Node):
        return names[following.ref]
    if isinstance(following, BranchEnd):
        return names[following.fork.join.ref] if following.fork.join else "finish"
    if isinstance(following, LoopEnd):
        return names[following.loop.ref]
    return "finish"


def _safe(text: str) -> str:
    # There are no escapes in quotes, only entities, which `#` begins.
    special = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "\n": " ", "\r": " "}
    return "".join(special.get(character, character) for character in text)
