"""A process that is forked in the middle of its parent's transactions can write all the same."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os, sys, threading
from app.store.unit_of_work import Store
from config.database import create_engine
from sqlalchemy import insert, literal
from app.store.statements import Statement
from sqlalchemy import table, column

line = Statement("a line", insert(table("line", column("n"))).values(n=literal(1)))
url = sys.argv[1]
store = Store(create_engine(url))
with store.engine.connect() as connection:
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS line (n INTEGER)")
stop, busy = threading.Event(), threading.Event()

def write(session):
    session.run(line)
    busy.set()
    stop.wait(0.002)

def write_on():
    while not stop.is_set():
        store.transact(write)
        # SQLite has no queue: who asks again at once would keep the others out.
        stop.wait(0.01)

threads = [threading.Thread(target=write_on) for _ in range(2)]
for thread in threads:
    thread.start()
failed = 0
for _ in range(20):
    busy.clear()
    busy.wait(30)
    pid = os.fork()
    if pid == 0:
        own = create_engine(url)
        try:
            Store(own).transact(lambda session: session.run(line), patience=60)
        except BaseException:
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1] != 0:
        failed += 1
        break
stop.set()
for thread in threads:
    thread.join()
print(failed)
"""


def test_every_child_can_write_whenever_it_was_forked(database_url: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, database_url]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr
