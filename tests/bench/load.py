"""One slice of load on one server, by wrk, or by redis-benchmark for Redis itself, and its result."""

import csv
import io
import json
import os
import statistics
import subprocess
from dataclasses import dataclass

import machine
from servers import BenchError

POST_LUA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "post.lua")
PEER_TRIES = 3
PROBE_REQUESTS = 20000  # redis-benchmark takes a number of requests, not a duration, so a first run finds the rate


class PeerDisconnected(BenchError):
    """Another project's server closed connections under load."""


@dataclass
class Slice:
    """Times are per request, in microseconds; CPU times of the server and of Redis are separate."""
    server: str
    connections: int
    size: int
    rate: float
    p50: float
    p99: float
    server_cpu: float
    redis_cpu: float
    resident: int
    idle: float    # idle share of the machine's CPUs
    others: float  # share used by other processes


def document(size):
    """A JSON object of that many bytes, such as a log record; post.lua increments its `order`."""
    record = {"time": 1764000000000, "level": "info", "service": "checkout", "message": "order placed",
              "order": 1000000000, "amount": 129.9, "currency": "EUR", "customer": {"id": "c-20391", "country": "DE"},
              "tags": ["web", "eu"], "note": ""}
    short = len(json.dumps(record, separators=(",", ":")))
    words = "the quick brown fox jumps over the lazy dog "
    record["note"] = (words * (size // len(words) + 1))[:size - short]
    return json.dumps(record, separators=(",", ":"))


def _run(argv):
    result = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    if result.returncode:
        raise BenchError(f"{argv[0]}: exit status {result.returncode}: {(result.stderr or result.stdout)[-500:]}")
    return result.stdout


def _check(server, redis, connections, result):
    """Checks that no request failed and that each response has its write. When a client disconnects before Redis has
    answered, webdis may send the late response to the next client on that descriptor, so one such response is allowed
    for each connection of the previous slice."""
    bad = {name: result[name] for name in ("bad_status", "bad_sockets", "late") if result[name]}
    if bad.keys() == {"bad_sockets"} and not server.is_ours:
        raise PeerDisconnected(f"{server.name}: {result['requests']} requests, errors: {bad}")
    if bad or not result["requests"]:
        raise BenchError(f"{server.name}: {result['requests']} requests, errors: {bad}")
    if server.writes:
        calls, failed = redis.calls(server.writes)
        excused = 0 if server.is_ours else connections
        if failed or calls < result["requests"] - excused:
            raise BenchError(f"{server.name}: {result['requests']} answers, {calls} {server.writes}, {failed} failed")
    server.check()


def run_wrk(server, redis, connections, body_file, seconds):
    """Runs one thread of wrk with keep-alive connections; each waits for its response before the next request. webdis
    closes a connection now and then; that slice does not count and is run again."""
    for _ in range(PEER_TRIES - 1):
        try:
            return _run_wrk(server, redis, connections, body_file, seconds)
        except PeerDisconnected as error:
            print(f"run again: {error}", flush=True)
    return _run_wrk(server, redis, connections, body_file, seconds)


def _run_wrk(server, redis, connections, body_file, seconds):
    redis.clear()
    window = machine.Window(server.pid, *redis.pids)
    output = _run(["wrk", "-t", 1, "-c", connections, "-d", f"{seconds}s", "--timeout", "10s", "-s", POST_LUA,
                   server.url, "--", server.method, body_file])
    (server_cpu, *redis_cpu), idle, others = window.close()
    line = next((text for text in output.splitlines() if text.startswith("RESULT ")), None)
    if not line:
        raise BenchError(f"wrk gave no result: {output[-500:]}")
    result = json.loads(line[len("RESULT "):])
    _check(server, redis, connections, result)
    count = result["requests"]
    return Slice(server.name, connections, os.path.getsize(body_file), count / result["us"] * 1e6, result["p50_us"],
                 result["p99_us"], server_cpu / count * 1e6, sum(redis_cpu) / count * 1e6,
                 machine.resident_bytes(server.pid), idle, others)


def run_posts(url, connections, body_file, seconds):
    """Returns what post.lua counts, and the rate. The servers are neither emptied nor checked."""
    output = _run(["wrk", "-t", 1, "-c", connections, "-d", f"{seconds}s", "--timeout", "10s", "-s", POST_LUA, url, "--",
                   "POST", body_file])
    result = json.loads(output.partition("RESULT ")[2].splitlines()[0])
    if result["bad_status"] or result["bad_sockets"] or result["late"]:
        raise BenchError(f"POST {url}: {result}")
    return {**result, "rate": result["requests"] / result["us"] * 1e6}


def _redis_sets(redis, connections, size, requests):
    """SETs different keys without pipelining; the row of redis-benchmark's result."""
    output = _run(["redis-benchmark", "-h", "127.0.0.1", "-p", redis.port, "-t", "set", "-d", size, "-c", connections,
                   "-r", 10**9, "-n", requests, "--csv"])
    row = next((row for row in csv.DictReader(io.StringIO(output)) if row.get("test") == "SET"), None)
    if not row:
        raise BenchError(f"redis-benchmark gave no result: {output[-500:]}")
    return row


def redis_set_rate(redis, connections, size, requests):
    """Returns the SETs a second of redis-benchmark. Redis is not emptied."""
    return float(_redis_sets(redis, connections, size, requests)["rps"])


def run_redis_benchmark(redis, connections, size, seconds):
    """SETs different keys, without pipelining."""
    redis.clear()
    requests = max(PROBE_REQUESTS, int(redis_set_rate(redis, connections, size, PROBE_REQUESTS) * seconds))
    window = machine.Window(*redis.pids)
    row = _redis_sets(redis, connections, size, requests)
    redis_cpu, idle, others = window.close()
    redis_cpu = sum(redis_cpu) / requests * 1e6
    return Slice("redis-benchmark", connections, size, float(row["rps"]), float(row["p50_latency_ms"]) * 1000,
                 float(row["p99_latency_ms"]) * 1000, redis_cpu, redis_cpu, machine.resident_bytes(redis.pids[0]), idle,
                 others)


def _merged(slices, average):
    names = ("rate", "p50", "p99", "server_cpu", "redis_cpu", "idle", "others")
    values = {name: average(getattr(one, name) for one in slices) for name in names}
    first = slices[0]
    return Slice(first.server, first.connections, first.size, resident=max(one.resident for one in slices), **values)


def mean(slices):
    """Merges the slices of one server within a round."""
    return _merged(slices, statistics.fmean)


def median(slices):
    """Merges one server's slices across all rounds."""
    return _merged(slices, statistics.median)
