"""Commands that need no engine, run in this process; the others run in tests/e2e."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.reference import ROOT

SHOP = ROOT / "workflows" / "definitions"
ORDER = str(SHOP / "order_fulfillment.json")


def podium(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, words)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The shop's workflow with a JOIN on a task that is not there."""
    file = tmp_path / "broken.json"
    file.write_text(
        (SHOP / "order_fulfillment.json").read_text().replace('"authorise", "fraud"', '"authorise", "frod"')
    )
    return file


def test_the_shops_definitions_are_valid_when_they_are_checked_together() -> None:
    done = podium("validate", *(str(file) for file in sorted(SHOP.glob("*.json"))))

    assert done.stdout == "3 workflow definitions, 12 task definitions: 0 errors, 0 warnings\n"
    assert done.exit_code == 0


def test_alone_a_definition_is_warned_of_what_it_names_and_is_valid() -> None:
    done = podium("validate", ORDER)

    place = "tasks[0].compensation[0].subWorkflowParam.name "
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(place)]
    assert line.split()[1] == "warning"
    assert "There is no version 1 of the workflow 'order_cancellation' yet." in line
    assert done.stdout.endswith("1 workflow definition, 0 task definitions: 0 errors, 2 warnings\n")
    assert done.exit_code == 0


def test_every_error_is_shown_with_its_path_and_what_to_do(broken: Path) -> None:
    done = podium("validate", str(broken))

    assert done.stdout.splitlines()[0].split() == ["path", "severity", "what", "fix"]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("tasks[4].joinOn[1]")]
    assert "error      'frod' is no task of this workflow." in line
    assert line.endswith("Did you mean 'fraud'? Name the last task of a branch.")
    assert done.exit_code == 1


def test_files_that_can_not_be_read_are_findings_and_do_not_hide_the_others(
    broken: Path, tmp_path: Path
) -> None:
    (tmp_path / "fields.json").write_text('{"name": "x", "tasks": [{"name": 1}]}')
    (tmp_path / "syntax.json").write_text('{"name": ')

    done = podium(
        "validate", "--json", *(str(tmp_path / f"{n}.json") for n in ("fields", "syntax", "broken"))
    )

    document = json.loads(done.stdout)
    found = {
        (Path(f["file"]).stem, f["path"], f["rule"]) for f in document["findings"] if f["severity"] == "error"
    }
    assert document["valid"] is False
    assert ("fields", "tasks[0].name", "unreadable") in found
    assert ("syntax", "", "unreadable") in found
    assert ("broken", "tasks[4].joinOn[1]") in {(file, path) for file, path, _ in found}
    assert done.exit_code == 1


def test_the_same_definition_compiles_to_the_same_text_in_every_format() -> None:
    for form in ("canvas", "mermaid", "json"):
        assert (
            podium("compile", ORDER, "--format", form).stdout
            == podium("compile", ORDER, "--format", form).stdout
        )
    assert podium("compile", ORDER, "--json").stdout == podium("compile", ORDER, "--format", "json").stdout


def test_the_shops_workflow_as_canvases() -> None:
    done = podium("compile", ORDER)

    assert done.stdout.startswith("# order_fulfillment version 1: ")
    assert (
        "# from validate\nchain(shop.validate_order(validate), podium.INLINE(totals), shop.reserve_stock(reserve))\n"
        in done.stdout
    )
    assert (
        "# from payment_and_fraud\nchord(\n  group(\n    shop.authorise_payment(authorise),\n"
        "    shop.check_fraud(fraud),\n  ),\n  podium.JOIN(checked),\n)\n" in done.stdout
    )


def test_the_shops_workflow_as_signatures_that_celery_can_load() -> None:
    from celery.canvas import Signature

    document = json.loads(podium("compile", ORDER, "--format", "json").stdout)

    assert (document["name"], document["version"]) == ("order_fulfillment", 1)
    kinds = {part["at"]: type(Signature.from_dict(part["canvas"])).__name__ for part in document["segments"]}
    assert (kinds["validate"], kinds["payment_and_fraud"]) == ("_chain", "_chord")


def test_the_shops_workflow_as_a_flowchart() -> None:
    done = podium("compile", ORDER, "--format", "mermaid")

    assert done.stdout.startswith("flowchart TD\n")
    assert '{"risk<br/><small>SWITCH</small>"}' in done.stdout


def test_of_several_definitions_one_is_compiled_by_name(tmp_path: Path) -> None:
    nothing = [{"name": "n", "taskReferenceName": "n", "type": "NOOP"}]
    several = tmp_path / "several.yaml"
    several.write_text(
        json.dumps([{"name": name, "version": 1, "tasks": nothing} for name in ("one", "two")])
    )

    chosen = podium("compile", str(several), "--name", "two")
    none = podium("compile", str(several))
    unknown = podium("compile", str(several), "--name", "three")

    assert chosen.stdout.startswith("# two version 1: 1 segment\n")
    assert "it has 2 workflow definitions; choose one with --name: one, two" in none.stderr
    assert "has no workflow definition 'three'; it has one, two" in unknown.stderr
    assert (chosen.exit_code, none.exit_code, unknown.exit_code) == (0, 2, 2)


def test_an_invalid_definition_is_not_compiled_and_all_its_errors_are_said(broken: Path) -> None:
    done = podium("compile", str(broken))

    assert done.stderr.startswith(
        "Error: workflow definition 'order_fulfillment' has 3 errors:\n  tasks[4].joinOn[1]:"
    )
    assert (done.exit_code, done.stdout) == (1, "")


@pytest.mark.parametrize("command", ["compile", "validate", "register"])
def test_a_file_that_is_not_there_is_a_usage_error(command: str) -> None:
    done = podium(command, "/no/such/file.json")

    assert "File '/no/such/file.json' does not exist." in done.stderr
    assert done.exit_code == 2


def test_operators_are_listed_and_explained() -> None:
    listed, one = podium("operators"), podium("operators", "switch")
    fields = json.loads(podium("operators", "DO_WHILE", "--json").stdout)

    assert "FORK_JOIN" + " " * 16 + "Run several branches side by side.\n" in listed.stdout
    assert "### When to use it" in one.stdout
    assert "loopCondition" in fields["fields"]["properties"]
    assert "DO_WHILE" in [operator["type"] for operator in json.loads(podium("operators", "--json").stdout)]


def test_an_operator_that_there_is_not_is_answered_with_the_nearest() -> None:
    done = podium("operators", "SWTICH")

    assert done.stderr == "Error: no operator of type 'SWTICH'; did you mean 'SWITCH'?\n"
    assert done.exit_code == 3


def test_colours_are_for_terminals_and_not_where_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    coloured = podium("operators")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = podium("operators")

    assert "\x1b[" in coloured.stdout
    assert "\x1b[" not in plain.stdout


def test_a_reader_that_has_gone_ends_it_quietly() -> None:
    # The pipe has no reader before the first byte is written.
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", "operators", "SWITCH"],
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert (done.returncode, done.stderr) == (141, "")


def test_a_terminal_that_knows_only_ascii_gets_ascii() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "operators", "DO_WHILE"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )

    assert done.returncode == 0
    assert done.stdout.isascii()
