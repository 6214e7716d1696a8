"""The figures of a soak as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.report import written_into
from bench.soak.fleet import Fleet
from bench.soak.operators import Operators

_EACH_MINUTES = 5
_WARM_UP_SECONDS = 120.0


def text(
    machine: Mapping[str, str],
    minutes: float,
    on: str,
    took_seconds: float,
    fleet: Fleet,
    people: Operators,
    counts: Mapping[str, int],
    problems: Sequence[str],
) -> str:
    """All figures, and what is wrong."""
    lines = [f"{name:<10} {value}" for name, value in machine.items()]
    lines += ["", f"{minutes:g} minutes on {on}, and {took_seconds - 60 * minutes:.0f} s until all had ended"]
    lines += ["", *(f"{n:>9,}  {name}" for name, n in {"started by hand": people.started, **counts}.items())]
    lines += ["", f"killed     {_counted(fleet.kills)}", f"done       {_counted(people.done)}"]
    lines += [f"refused    {_counted(people.refused)}", ""]
    lines += _memory(fleet, 60 * minutes)
    lines += [
        "",
        f"{len(problems)} problems: nothing stuck, nothing twice, nothing missing" if not problems else "",
    ]
    lines += [f"PROBLEM    {problem}" for problem in problems]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items(), key=lambda item: -item[1]))


def _memory(fleet: Fleet, seconds: float) -> list[str]:
    times = [0.0]
    while times[-1] + 60 * _EACH_MINUTES < seconds:
        times.append(times[-1] + 60 * _EACH_MINUTES)
    heads = ["start", *(f"{time / 60:.0f} min" for time in times[1:]), "end", "MiB/min"]
    lines = ["resident memory in MiB; the slope by least squares, without the first two minutes"]
    lines.append(f"{'':<28}" + "".join(f"{head:>9}" for head in heads))
    for name, memory in fleet.memory.items():
        sizes = [*(memory.at(time) for time in times), memory.samples[-1][1]]
        slope = memory.slope(min(_WARM_UP_SECONDS, seconds / 2))
        lines.append(f"{name:<28}" + "".join(f"{size:>9.1f}" for size in sizes) + f"{slope:>9.2f}")
    return lines


def write(page: Path, figures: str) -> None:
    """Put the figures into a page, between its marks."""
    page.write_text(written_into(page.read_text(encoding="utf-8"), figures), encoding="utf-8")
