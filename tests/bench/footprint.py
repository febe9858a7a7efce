"""Collector's fixed costs: time until ready, memory when idle, memory for idle connections."""

import resource
import statistics
import time
from dataclasses import dataclass

from machine import resident_bytes
from servers import BenchError, Collector

STARTS = 5
IDLE_CONNECTIONS = 10000
SOURCES = 4             # client addresses 127.0.0.1 to .4
ABREAST = 64            # concurrent requests
SETTLE_SECONDS = 1.0
DESCRIPTORS_KEPT = 100


@dataclass
class Footprint:
    ready_ms: list
    idle: int           # bytes resident, without a connection
    connections: int
    connected: int      # bytes resident: connections that have sent nothing
    used: int           # bytes resident: each has had one request


def _settled(server):
    """Returns the resident bytes once they have not changed for a second."""
    deadline = time.monotonic() + 10 * SETTLE_SECONDS
    bytes_seen, since = resident_bytes(server.pid), time.monotonic()
    while time.monotonic() - since < SETTLE_SECONDS and time.monotonic() < deadline:
        time.sleep(0.05)  # between two looks
        now = resident_bytes(server.pid)
        if now != bytes_seen:
            bytes_seen, since = now, time.monotonic()
    return bytes_seen


def _time_start(server):
    """Returns the time from exec (or slightly before it) to the first 200 from /readyz."""
    begin = time.monotonic()
    server.spawn()
    server.wait_ready()
    return (time.monotonic() - begin) * 1000


def _wait_accepted(server, count):
    """Waits until Collector has accepted the connections; the kernel completes them earlier."""
    deadline = time.monotonic() + 30
    while server.metric("http_connections") < count:
        if time.monotonic() > deadline:
            raise BenchError(f"{server.name} holds {server.metric('http_connections'):.0f} of {count} connections")
        time.sleep(0.05)  # between two checks, until the deadline


def _use_each(connections, body):
    """Sends one request on each connection, a few at a time."""
    head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" \
           f"Content-Length: {len(body)}\r\n\r\n"
    for start in range(0, len(connections), ABREAST):
        group = connections[start:start + ABREAST]
        for connection in group:
            connection.sendall((head + body).encode())
        for connection in group:
            answer = b""
            while b'"}' not in answer:
                piece = connection.recv(4096)
                if not piece:
                    raise BenchError(f"a connection was closed: {answer!r}")
                answer += piece
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise BenchError(f"a request on an idle connection: {answer[:200]!r}")


def _connections_possible():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(IDLE_CONNECTIONS, hard - DESCRIPTORS_KEPT)


def measure(folder, program, redis, body):
    """Starts Collector five times with its defaults, including the feed; the last instance gets the connections."""
    count = _connections_possible()
    times, connections = [], []
    server = Collector("collector at start", folder, program, redis)
    try:
        for start in range(STARTS):
            times.append(_time_start(server))
            if start < STARTS - 1:
                server.stop()
        idle = _settled(server)
        for number in range(count):
            connections.append(server.connect(f"127.0.0.{1 + number % SOURCES}"))
        _wait_accepted(server, count)
        connected = _settled(server)
        _use_each(connections, body)
        return Footprint(times, idle, count, connected, _settled(server))
    finally:
        for connection in connections:
            connection.close()
        server.stop()


def ready_ms(footprint):
    return statistics.median(footprint.ready_ms)
