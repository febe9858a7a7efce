"""What strangers can make the programs hold has a bound, and goes when they go."""

import pytest

from support.collector import Collector
from support.http_client import RawConnection, request_bytes
from support.memory import resident_bytes
from support.pinger import Pinger

MIB = 1 << 20


@pytest.fixture(params=["collector", "pinger"])
def start(request, redis_server):
    """start(**flags) starts the program; it must end well."""
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


def test_queries_of_many_parameters_are_answered_and_leave_nothing(start):
    program = start(workers=1, access_log="off")
    many = request_bytes("GET", "/healthz?" + "a=1&" * 150)
    behind_a_nul = request_bytes("GET", "/\0?" + "a=1&" * 150)
    for _ in range(200):
        assert ask(program, many).status == 200
        assert ask(program, behind_a_nul).status == 400
    before = resident_bytes(program.child.pid)
    for _ in range(1500):
        assert ask(program, many).status == 200
        assert ask(program, behind_a_nul).status == 400
    assert resident_bytes(program.child.pid) - before < MIB
