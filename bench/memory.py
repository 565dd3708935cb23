"""Whether 1,000 requests leave memory where it was."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor

from . import peers
from .measure import Run, Sample, fresh_process, resident
from .report import Group

NAME = "memory"
TITLE = "Memory: growth over 1,000 requests, after a warm-up of 1,000"

REQUESTS = 1000
LIMIT = 5.0
THREADS = 4

# In a process of its own, so that nothing else it did before fills or frees memory meanwhile.
_INPROCESS = """
import json, sys
import wasicloud_lab as wl
from bench.measure import resident

name, body, count, isolation = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3]), sys.argv[4]
app = wl.Lab().load(name, isolation=isolation)

def requests(number):
    for _ in range(number):
        response = app.post("/", content=body) if body else app.get("/")
        assert response.status_code == 200, response

requests(1000)
before = resident()
requests(count)
print(json.dumps([before, resident()]))
"""


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    cases = [("tiny", "", "reuse"), ("hello", "", "reuse")]
    if not run.quick:
        cases += [("hello-rust", "", "reuse"), ("echo", "x" * 10_000, "reuse"), ("tiny", "", "request")]
    worst_inside = worst_served = 0.0
    for guest, body, isolation in cases:
        words = (
            guest + (", 10 kB posted" if body else "") + (", an instance a request" if isolation == "request" else "")
        )
        key = f"{guest}_{isolation}"
        before, after = json.loads(fresh_process(_INPROCESS, guest, body, str(REQUESTS), isolation))
        worst_inside = max(worst_inside, _add(group, f"{key}_inprocess", f"{words}, in-process", before, after))
        with peers.serving(peers.ours(guest, isolation)) as server:
            _requests(server.port, body)
            before = resident(server.pid)
            _requests(server.port, body)
            after = resident(server.pid)
        worst_served = max(worst_served, _add(group, f"{key}_served", f"{words}, served", before, after))
    if not run.quick:
        many = 20 * REQUESTS
        before, after = json.loads(fresh_process(_INPROCESS, "tiny", "", str(many), "reuse", timeout=120))
        _add(group, "tiny_many", f"tiny, {many:,} requests in-process", before, after)
    group.target("memory.inprocess", "in-process, the most of any guest", worst_inside, "<=", LIMIT, "MiB")
    group.target("memory.served", "served, the most of any guest", worst_served, "<=", LIMIT, "MiB")
    return group


def _add(group: Group, key: str, label: str, before: float, after: float) -> float:
    """A figure of growth; answers the MiB."""
    grown = Sample((after - before,))
    return group.add(key, label, grown, "MiB", 1 / 2**20, f"{after / 2**20:.0f} MiB in all at the end").value


def _requests(port: int, body: str) -> None:
    """1,000 requests over a few kept-alive connections."""

    def some(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for _ in range(number):
            connection.request("POST" if body else "GET", "/", body=body or None)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise AssertionError(f"the server answered {response.status}")
        connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(some, [REQUESTS // THREADS] * THREADS))
