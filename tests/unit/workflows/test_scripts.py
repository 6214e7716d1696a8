"""Scripts: what they give, and what hostile ones can't do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import workflows
from workflows import sandbox
from workflows.errors import ScriptError, ScriptMemory, ScriptTimeout
from workflows.scripts import evaluate, javascript_problem, jq_problem, transform

_ROOT = Path(workflows.__file__).parent.parent
SHORT = sandbox.Limits(seconds=0.1)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1.0", 1),
        ("1.5", 1.5),
        ("2 ** 53", 2**53),
        ("NaN", None),
        ("1 / 0", None),
        ("undefined", None),
        ("", None),
        ("'é😀\\u0000'", "é😀\0"),
        ("[1, undefined, {a: null}]", [1, None, {"a": None}]),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("new Map([[1, 2]])", {}),
        ("if ($.n > 1) { true; } else { false; }", True),
        ("(function () { return $.n + 1; })()", 3),
        ("function twice(x) { return 2 * x; } twice($.n)", 4),
        ("let x = $.n; const y = x + 1; y", 3),
        ("$.n = 5; $", {"n": 5}),
    ],
)
def test_a_script_gives_its_completion_value_as_json(expression: str, value: Any) -> None:
    result = evaluate(expression, {"n": 2})

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("\n\n$.x.y", "TypeError: cannot read property 'y' of undefined (line 3, column 1)"),
        ("if (", "SyntaxError: unexpected token in expression: '' (line 1, column 5)"),
        ("throw 'no stock'", "no stock"),
        ("(function () {})", "TypeError: the result is a function, which is no JSON value"),
        ("Symbol('s')", "TypeError: the result is a symbol, which is no JSON value"),
        ("10n", "TypeError: the result is a bigint, which is no JSON value"),
        ("Promise.resolve(1)", "TypeError: the result is a Promise; scripts can't be asynchronous"),
        ("const a = {}; a.a = a; a", "TypeError: circular reference"),
        ("const f = () => f() + 1; f()", "RangeError: Maximum call stack size exceeded"),
        (
            "let a = 1; for (let i = 0; i < 5000; i++) a = [a]; a",
            "RangeError: Maximum call stack size exceeded",
        ),
        ("'\\ud800'", "the result is no JSON value"),
        (
            "'x'.repeat(11 * 1024 * 1024)",
            "the result has 11,534,338 bytes as JSON; at most 10,485,760 may be",
        ),
        ("'\ud800'", "the script holds half of a surrogate pair"),
    ],
)
def test_a_script_that_fails_says_what_and_where(expression: str, message: str) -> None:
    with pytest.raises(ScriptError) as caught:
        evaluate(expression, {})

    assert str(caught.value).startswith(message)
    assert type(caught.value) is ScriptError


def test_an_input_that_is_no_json_is_refused() -> None:
    with pytest.raises(ScriptError, match="the input is no JSON value"):
        evaluate("1", {"value": object()})


@pytest.mark.parametrize(
    "expression",
    [
        "while (true) {}",
        "while (true) { try { while (true) {} } catch (e) {} }",
        "({toJSON() { while (true) {} }})",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "new Array(4294967295).join('')",  # C code that QuickJS can't interrupt
        "Array.prototype.reverse.call({length: 2 ** 53 - 1})",
    ],
)
def test_an_endless_script_is_stopped(expression: str) -> None:
    with pytest.raises(ScriptTimeout, match=r"did not end within 0\.1 s"):
        evaluate(expression, {}, SHORT)

    assert evaluate("1 + 1", {}) == 2


@pytest.mark.parametrize(
    "expression",
    [
        "let s = []; while (true) s.push('x'.repeat(100000) + s.length)",
        "'x'.repeat(50e6)",
        "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; a",
    ],
)
def test_a_script_that_wants_too_much_memory_is_stopped(expression: str) -> None:
    with pytest.raises(ScriptMemory, match="more memory than its 16 MiB"):
        evaluate(expression, {}, sandbox.Limits(memory=16 * 1024 * 1024))

    assert evaluate("1 + 1", {}) == 2


def test_no_script_leaves_anything_behind_for_the_next() -> None:
    evaluate(
        "Object.prototype.evil = 1; Array.prototype.map = null; left = 2; JSON.stringify = null; 0", {"a": 1}
    )

    found = evaluate("[typeof left, typeof {}.evil, typeof [].map, Object.keys($).length]", {})

    assert found == ["undefined", "undefined", "function", 0]


def test_a_script_can_replace_the_functions_that_carry_its_own_result_and_gains_nothing() -> None:
    assert evaluate("JSON.stringify = () => 'evil'; eval = null; Promise = null; ({a: 1})", {}) == {"a": 1}
    assert evaluate("Object.prototype.toJSON = () => ']['; [1]", {}) == "]["


def test_a_script_reaches_nothing_outside_of_its_sandbox() -> None:
    names = ["process", "require", "std", "os", "console", "fetch", "setTimeout", "Deno", "WebAssembly"]
    search = (
        f"{names!r}.filter(name => this.constructor.constructor('return typeof ' + name)() !== 'undefined')"
    )

    assert evaluate(search, {}) == []


def test_jq_gives_all_results() -> None:
    assert transform(".a[], .b", {"a": [1, 2.5], "b": "é"}) == [1, 2.5, "é"]
    assert transform("empty", {}) == []
    assert transform("nan, infinite, [-infinite]", None) == [
        None,
        1.7976931348623157e308,
        [-1.7976931348623157e308],
    ]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (".a.b", 'Cannot index number with string ("b")'),
        (".[", "jq: error: syntax error, unexpected end of file"),
        ("nosuch", "jq: error: nosuch/0 is not defined"),
        ('error({"code": 1})', '{"code": 1}'),
        ("reduce range(100000) as $i (1; [.])", "the script crashed its interpreter"),
        ('"x" * 11000000', "the result has 11,000,004 bytes as JSON"),
    ],
)
def test_a_jq_program_that_fails_says_why(program: str, message: str) -> None:
    with pytest.raises(ScriptError) as caught:
        transform(program, {"a": 1})

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("program", ["last(range(infinite))", "[range(infinite)]", "def f: f; f"])
def test_an_endless_jq_program_is_stopped(program: str) -> None:
    with pytest.raises(ScriptTimeout):
        transform(program, None, SHORT)

    assert transform(".", 1) == [1]


def test_a_jq_program_that_wants_too_much_memory_is_stopped() -> None:
    with pytest.raises(ScriptMemory):
        transform('"x" * 1000000000 | length', None)

    assert transform(".", 1) == [1]


def test_a_jq_program_sees_no_environment_and_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PODIUM_DATABASE_URL", "postgresql://secret")
    (tmp_path / "secret.json").write_text('"secret"')
    sandbox.close()  # the next one is started in the changed environment

    assert "PODIUM_DATABASE_URL" not in transform("env, $ENV | keys[]", None)
    with pytest.raises(ScriptError, match="Could not open"):
        transform(f'import "secret" as $s {{search: "{tmp_path}"}}; $s', None)


def test_syntax_is_checked_without_running_anything() -> None:
    assert javascript_problem("while (true) {}") is None
    assert javascript_problem("let x = 1; x") is None
    assert javascript_problem("$.a +") == "SyntaxError: unexpected token in expression: '' (line 1, column 6)"
    assert jq_problem("last(range(infinite))") is None
    assert (jq_problem(".a | nosuch") or "").startswith("jq: error: nosuch/0 is not defined")


def test_threads_run_scripts_at_the_same_time() -> None:
    results: list[int] = []
    barrier = threading.Barrier(4)

    def run(number: int) -> None:
        barrier.wait()
        for _ in range(20):
            results.append(evaluate("$.n * $.n", {"n": number}) - number * number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [0] * 80


def test_a_sandbox_that_was_killed_is_replaced() -> None:
    evaluate("1", {})
    for idle in list(sandbox._idle):
        os.kill(idle.process.pid, signal.SIGKILL)
        idle.process.wait()

    assert evaluate("1 + 1", {}) == 2


# Forks happen in a process of their own: the tests' may have threads, and those don't survive a fork.
_FORK = """
import os
from workflows import sandbox
from workflows.scripts import evaluate

evaluate("1", {})
before = {idle.process.pid for idle in sandbox._idle}
child = os.fork()
if child == 0:
    assert evaluate("1 + 1", {}) == 2
    assert not {idle.process.pid for idle in sandbox._idle} & before
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert evaluate("$.a", {"a": 3}) == 3
assert {idle.process.pid for idle in sandbox._idle} == before
"""
_DIE = """
import os
from workflows import sandbox
from workflows.scripts import evaluate

evaluate("1", {})
print(sandbox._idle[0].process.pid, flush=True)
os._exit(0)
"""


_DIE_BUSY = """
import os, threading
import psutil
from workflows import sandbox
from workflows.scripts import evaluate

evaluate("1", {})
process = psutil.Process(sandbox._idle[0].process.pid)
before = process.cpu_times().user
endless = ("Array.prototype.reverse.call({length: 2 ** 53 - 1})", {}, sandbox.Limits(seconds=0.3))
threading.Thread(target=evaluate, args=endless, daemon=True).start()
while process.cpu_times().user < before + 0.1:
    threading.Event().wait(0.005)
print(process.pid, flush=True)
os._exit(0)
"""


def test_a_forked_process_starts_its_own_sandbox_and_leaves_its_parents_alone() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", _FORK], cwd=_ROOT, check=True, timeout=30)


@pytest.mark.parametrize("program", [_DIE, _DIE_BUSY], ids=["idle", "in an endless script"])
def test_a_sandbox_ends_with_the_process_that_started_it(program: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=_ROOT, check=True, timeout=30, capture_output=True, text=True
    )

    orphan = int(ended.stdout)
    deadline = time.monotonic() + 5
    while _runs(orphan) and time.monotonic() < deadline:
        threading.Event().wait(0.005)

    assert not _runs(orphan)


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
