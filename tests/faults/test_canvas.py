"""What Celery's canvases do that a workflow must not."""

from __future__ import annotations

from pathlib import Path

from celery import chain, chord

from tests.faults.conftest import Client, StartWorker, lines, wait_for


def overtake(client: Client, out: Path) -> None:
    """Return when all that is queued now, and all that it caused, has run.

    The worker has one child and the queue is in order: the first of the two runs when the child is free, the second
    is behind everything that was published until then.
    """
    client.send(chain(client.task("note", str(out), "first"), client.task("note", str(out), "second")))
    wait_for("two more tasks have run", lambda: "second" in lines(out))


def test_ignore_in_a_chord_header_leaves_the_body_unrun(
    start_worker: StartWorker, client: Client, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    start_worker()

    client.send(
        chord(
            [client.task("ignore", str(out)), client.task("note", str(out), "part")],
            client.task("body", str(out), immutable=False),
        )
    )
    wait_for("both parts have run", lambda: {"ignored", "part"} <= set(lines(out)))
    overtake(client, out)

    assert sorted(lines(out)) == ["first", "ignored", "part", "second"]


def test_a_cut_branch_is_counted_and_the_body_runs(
    start_worker: StartWorker, client: Client, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    start_worker()

    branch = chain(
        client.task("cut", str(out)),
        client.task("note", str(out), "dropped"),
        client.task("note", str(out), "dropped too"),
    )
    client.send(
        chord([branch, client.task("note", str(out), "part")], client.task("body", str(out), immutable=False))
    )
    wait_for("the body has run", lambda: "body 2" in lines(out))
    overtake(client, out)

    assert sorted(lines(out)) == ["body 2", "cut", "first", "part", "second"]


def test_headers_do_not_travel_down_a_chain(
    start_worker: StartWorker, client: Client, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    start_worker()
    step = client.task("headers", str(out))

    client.send(chain(step.clone().set(headers={"podium": {"execution": "e1"}}), step.clone()))

    wait_for("both have run", lambda: len(lines(out)) == 2)
    assert lines(out) == ['{"execution": "e1"}', "null"]


def test_headers_set_on_every_signature_arrive_with_each(
    start_worker: StartWorker, client: Client, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    start_worker()
    steps = [
        client.task("headers", str(out)).set(headers={"podium": {"step": number}}) for number in range(3)
    ]

    client.send(chain(*steps))

    wait_for("all have run", lambda: len(lines(out)) == 3)
    assert lines(out) == ['{"step": 0}', '{"step": 1}', '{"step": 2}']
