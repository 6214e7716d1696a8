"""A definition as a picture: a Mermaid flowchart."""

from __future__ import annotations

from workflows.model import WorkflowDef
from workflows.program import BranchEnd, Container, LoopEnd, Next, Node, Program, first_of

_SHAPES = {"SWITCH": ("{", "}"), "DO_WHILE": ("{{", "}}"), "FORK_JOIN": ("[/", "\\]"), "JOIN": ("[\\", "/]")}
_ROUND = ("WAIT", "SUB_WORKFLOW", "TERMINATE")


def mermaid(definition: WorkflowDef) -> str:
    """The flowchart, the same text for the same definition."""
    program = Program(definition)
    lines = ["flowchart TD", '  begin(("start"))', '  finish(("end"))']
    names = {ref: f"n{index}" for index, ref in enumerate(program.nodes)}
    lines += [_node(node, names) for node in program.nodes.values()]
    lines.append(f"  begin --> {_target(program.first(), names)}")
    lines += _edges(program.root, names)
    return "\n".join(lines)


def _node(node: Node, names: dict[str, str]) -> str:
    left, right = _SHAPES.get(node.task.type, ("([", "])") if node.task.type in _ROUND else ("[", "]"))
    below = node.task.type if node.operator else node.worker
    label = node.ref if below == node.ref else f"{node.ref}<br/><small>{below}</small>"
    return f'  {names[node.ref]}{left}"{_safe(label)}"{right}'


def _edges(container: Container, names: dict[str, str]) -> list[str]:
    lines = []
    for node in container.nodes:
        here = names[node.ref]
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
    return text.replace('"', "#quot;")
