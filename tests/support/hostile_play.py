"""Binds Collector to a HostileRedis, and then to a real Redis at the same address. Collector must neither crash nor
grow, must acknowledge nothing that was not stored, and must work again afterwards."""

import random
import threading
import time
import uuid

from .collector import Collector, metric_sum
from .deadline import stays, wait_until
from .hostile_redis import HostileRedis
from .http_client import ConnectionEnded
from .redis_server import RedisServer

CLIENTS = 16
GROWTH_MIB = 48
SHORT = {"hold_time": "2s", "stall_timeout": "500ms", "connect_timeout": "500ms"}


class HostileOutcome:
    """The result, in the form that the table of faults needs."""

    def __init__(self):
        self.acknowledged, self.failed, self.lost, self.doubled, self.missing = 0, 0, [], [], []
        self.longest_ms, self.may_lose, self.statuses, self.lies, self.errors = 0.0, False, {}, 0, []
        self.grown_mib, self.protocol_errors, self.result, self.log = 0, 0, "", ""

    def problems(self):
        found = list(self.errors[:3])
        if self.lost:
            found.append("acknowledged and not stored: " + ", ".join(self.lost[:3]))
        if self.grown_mib > GROWTH_MIB:
            found.append(f"grown by {self.grown_mib} MiB")
        if not self.lies or not self.protocol_errors:
            found.append("nothing was wrong with the replies")
        unknown = set(self.statuses) - {200, 201, 404, 409, 422, 503, 507}
        if unknown:
            found.append(f"answers {unknown}")
        return found

    def assert_met(self):
        assert not self.problems(), f"{self.problems()}\n{self.result}\n{self.log}"
        return self


class _Clients:
    """Requests of all kinds, in the order that the seed gives."""

    def __init__(self, program, seed, outcome):
        self.program, self.outcome, self.keys = program, outcome, {}
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(random.Random(f"{seed}/{n}"),), daemon=True)
                         for n in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        wait_until(lambda: not any(thread.is_alive() for thread in self._threads),
                   lambda: f"the end of the requests\n{self.program.child.tail()}", 30)

    def _work(self, dice):
        with self.program.client(timeout=30) as client:
            while not self._stop.is_set():
                begin = time.monotonic()
                try:
                    answer, key = self._ask(client, dice)
                except (ConnectionEnded, OSError, AssertionError) as error:
                    self.outcome.errors.append(f"no answer: {error!r}"[:200])
                    return
                with self._lock:
                    self._note(answer, key, time.monotonic() - begin)

    @staticmethod
    def _ask(client, dice):
        """Sends a request. Returns the response, and the key under which the request asked to store a document ("" if
        the response names the key)."""
        kind, key = dice.randrange(7), str(uuid.UUID(int=dice.getrandbits(128), version=4))
        body = {"n": dice.randrange(1000), "pad": "x" * dice.randrange(300)}
        if kind < 3:
            return client.post("/v1/documents", body), ""
        if kind == 3:
            return client.put(f"/v1/documents/{key}", body), key
        if kind == 4:
            return client.post("/v1/documents", body, {"Idempotency-Key": key}), ""
        return client.get(f"/v1/documents/{key}" if kind == 5 else "/v1/documents?limit=5"), None

    def _note(self, answer, key, took):
        statuses = self.outcome.statuses
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        self.outcome.longest_ms = max(self.outcome.longest_ms, took * 1000)
        if key is not None and answer.status in (200, 201):
            self.keys[key or answer.json()["key"]] = True
        self.outcome.failed += answer.status in (503, 507)


def _resident_mib(program):
    with open(f"/proc/{program.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) // 1024


def play_hostile(seed, seconds):
    """Runs the hostile Redis for some seconds, then a real one. Returns the HostileOutcome."""
    outcome = HostileOutcome()
    with HostileRedis(seed) as hostile:
        program = Collector(hostile, workers=1, **SHORT)
        try:
            before = _resident_mib(program)
            with _Clients(program, seed, outcome) as clients:
                stays(program.running, lambda: f"Collector runs\n{program.child.tail()}", seconds)
            outcome.lies, outcome.acknowledged = hostile.lies, len(clients.keys)
            outcome.lost = [key for key in clients.keys if key.encode() not in hostile.stored]
            outcome.protocol_errors = metric_sum(program.metrics(), "collector_redis_protocol_errors_total")
            outcome.result = f"{outcome.statuses}, {outcome.lies} lies, {outcome.protocol_errors:g} protocol errors"
            hostile.stop()
            with RedisServer(port=hostile.port) as server, program.client(timeout=30) as client:
                wait_until(lambda: client.post("/v1/documents", {"a": 1}).status == 201,
                           lambda: f"a document that is stored\n{program.child.tail()}", 20)
                outcome.grown_mib = _resident_mib(program) - before
                program.close()
                assert server.running()
        finally:
            outcome.log = program.child.tail()
            program.child.kill()
    return outcome
