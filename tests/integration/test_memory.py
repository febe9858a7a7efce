"""The memory that clients can make the programs use is limited, and is freed when they disconnect."""

import pytest

from support.collector import Collector
from support.deadline import SANITIZED, wait_until
from support.flood import MIB, Neighbour, Unfinished
from support.http_client import ConnectionEnded, RawConnection, request_bytes
from support.memory import resident_bytes
from support.pinger import Pinger


@pytest.fixture(params=["collector", "pinger"])
def start(request, redis_server):
    """start(**flags) starts the program, which must exit cleanly."""
    started = []

    def start_it(**flags):
        started.append(Collector(redis_server, **flags) if request.param == "collector" else Pinger(**flags))
        return started[-1]
    yield start_it
    for program in started:
        program.close()


def ask(program, data):
    with RawConnection(program.host, program.port) as connection:
        connection.send(data)
        return connection.read_answer()


def refused(program, data):
    """400; libmicrohttpd 1.0 closes the connection without a response if a head contains a NUL."""
    try:
        return ask(program, data).status == 400
    except ConnectionEnded:
        return True


def test_queries_of_many_parameters_are_answered_and_their_memory_is_freed(start):
    program = start(workers=1, access_log="off")
    many = request_bytes("GET", "/healthz?" + "a=1&" * 150)
    behind_a_nul = request_bytes("GET", "/\0?" + "a=1&" * 150)
    for _ in range(200):
        assert ask(program, many).status == 200
        assert refused(program, behind_a_nul)
    before = resident_bytes(program.pid)
    for _ in range(1500):
        assert ask(program, many).status == 200
        assert refused(program, behind_a_nul)
    assert SANITIZED or resident_bytes(program.pid) - before < MIB  # a sanitizer retains freed memory


def announce(program, path, size):
    """The response to a body of which only the first byte arrives; None if the program waits for the rest. From that byte
    Collector knows that it is one document, which needs memory for all of it."""
    with RawConnection(program.host, program.port) as connection:
        connection.send(request_bytes("POST", path, headers={"Content-Length": str(size),
                                                             "Content-Type": "application/json"}) + b"{")
        return connection.read_answer() if connection.readable(0.2) else None


def path_of(program):
    return "/v1/documents" if program.name == "collector" else "/echo"


def test_unfinished_bodies_share_one_limit_and_others_are_served(start):
    program = start(workers=2, access_log="off", transfer_max="16MiB", body_timeout="60s")
    before = resident_bytes(program.pid)
    with Neighbour(program, path_of(program)) as neighbour:
        unfinished = Unfinished(program, path_of(program), 100)
        held = resident_bytes(program.pid)
        unfinished.close()
    assert SANITIZED or held - before < 24 * MIB, held
    assert unfinished.statuses["503"] >= 80 and set(unfinished.statuses) <= {"503", "reset"}, unfinished.statuses
    assert set(neighbour.answers) <= {200, 201}, neighbour.answers
    wait_until(lambda: SANITIZED or resident_bytes(program.pid) - before < 8 * MIB,
               lambda: resident_bytes(program.pid))
    metrics = program.metrics()
    assert sum(value for name, value in metrics.items() if name.startswith("http_transfers_refused_total")) >= 80


def test_requests_without_room_are_told_when_to_retry(start):
    program = start(workers=1, access_log="off", body_max="1MiB", transfer_max="1MiB", body_timeout="60s")
    with RawConnection(program.host, program.port) as first:
        data = request_bytes("POST", path_of(program), b" " * MIB)
        first.send(data[:-1])
        answer = wait_until(lambda: announce(program, path_of(program), MIB), "the first body to arrive")
        assert (answer.status, answer.header("Retry-After")) == (503, "1")
        assert answer.header("Content-Type") == "application/problem+json"
        first.send(data[-1:])
        assert first.read_answer().status != 503
    wait_until(lambda: ask(program, data).status != 503, "room")


def test_unread_responses_share_the_same_limit():
    program = Pinger(workers=1, access_log="off", body_max="16MiB", transfer_max="32MiB")
    data = request_bytes("POST", "/echo", b" " * (12 * MIB))
    with RawConnection(program.host, program.port) as first, RawConnection(program.host, program.port) as second:
        first.send(data)
        second.send(data)
        assert wait_until(lambda: announce(program, "/echo", 12 * MIB), "no room for a third").status == 503
        small = request_bytes("POST", "/echo", b" " * 1000)
        assert ask(program, small).status == 200
        assert len(first.read_answer().body) == len(second.read_answer().body) == 12 * MIB
    wait_until(lambda: ask(program, data).status == 200, "room")
    program.close()


def test_a_response_that_is_read_too_slowly_is_cut_off():
    program = Pinger(workers=1, access_log="off", body_max="16MiB", body_timeout="2s", idle_timeout="60s")
    with RawConnection(program.host, program.port) as slow:
        slow.send(request_bytes("POST", "/echo", b" " * (12 * MIB)))
        wait_until(lambda: program.metrics()["http_connections"] == 2, "the connection")
        wait_until(lambda: program.metrics()["http_connections"] == 1, "its end")
    program.close()
