"""Random definitions end as a straightforward recursion over their JSON says."""

from __future__ import annotations

import random

from hypothesis import assume, event, given
from hypothesis import strategies as st

from app.store.unit_of_work import Store
from tests.properties.comparison import calls_by_task, differences
from tests.properties.definitions import Drawn, documents
from tests.properties.profile import examples
from tests.properties.reference import Undetermined, interpret
from tests.runtime.harness import Harness, Shape

shapes = st.builds(
    Shape,
    segment_length=st.sampled_from([1, 2, 16]),
    fan_batches=st.sampled_from([1, 2, 8]),
    chords=st.booleans(),
    steps_in_place=st.sampled_from([0, 1, 3, 1000]),
)


def ends_as_the_reference_says(store: Store, drawn: Drawn, shape: Shape, seed: int) -> None:
    try:
        expected = interpret(drawn.workflows, "main", drawn.given)
    except Undetermined:
        assume(False)
    event(f"{sorted(expected.statuses)}, {'exact' if expected.exact else 'at most'}")
    harness = Harness(store, shape)
    harness.register(drawn.document)

    execution_id = harness.start("main", drawn.given)
    harness.drain(random.Random(seed))

    found = differences(harness, execution_id, expected)
    if not drawn.waits and any(row.sends for row in harness.rows()):
        found.append("without a fault the sweeper had to help")
    assert not found, "\n".join([*found, harness.picture()])
    assert set(calls_by_task(harness).values()) <= {1}


@examples(500)
@given(drawn=documents(), shape=shapes, seed=st.integers(0, 2**16))
def test_on_sqlite_every_definition_ends_as_the_reference_says(
    sqlite_store: Store, drawn: Drawn, shape: Shape, seed: int
) -> None:
    ends_as_the_reference_says(sqlite_store, drawn, shape, seed)


@examples(60)
@given(drawn=documents(), shape=shapes, seed=st.integers(0, 2**16))
def test_on_postgresql_every_definition_ends_as_the_reference_says(
    postgres_store: Store, drawn: Drawn, shape: Shape, seed: int
) -> None:
    ends_as_the_reference_says(postgres_store, drawn, shape, seed)
