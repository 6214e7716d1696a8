"""conductor-python 2: a worker that packs orders until it is ended."""

import threading

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker_task import worker_task


@worker_task(task_definition_name="pack_order", poll_interval_millis=20)
def pack_order(order_id: str, total: int) -> dict:
    return {"parcel": f"P-{order_id}", "insured": total > 100}


if __name__ == "__main__":
    with TaskHandler(configuration=Configuration(), scan_for_annotated_workers=True) as handler:
        handler.start_processes()
        threading.Event().wait()
