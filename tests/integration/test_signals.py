"""Signals: stopping and reloading Collector."""

import json
import signal
import time


from support.background import post_later
from support.collector import metric_sum
from support.deadline import PATIENCE, wait_until
from support.http_client import ConnectionEnded, request_bytes, timed
from support.load import Load
from support.matching import assert_problem
from support.ports import reserve_port


# --- Stopping -----------------------------------------------------------------------------------------------

def test_sigterm_ends_an_idle_program_at_once_with_status_0(start_redis, start_collector):
    program = start_collector(start_redis())
    kept = program.connect()
    took, _ = timed(program.stop)
    assert took < 3 * PATIENCE
    kept.close()


def test_sigint_also_ends_the_program(start_redis, start_collector):
    program = start_collector(start_redis())
    program.signal(signal.SIGINT)
    assert program.wait() == 0


def test_sigterm_lets_requests_in_progress_finish(start_redis, start_proxy, start_collector):
    server = start_redis()
    proxy = start_proxy(server)
    program = start_collector(proxy)
    program.wait_connected()
    proxy.delay(0.5)
    answers = [post_later(program, {"n": n}) for n in range(5)]
    # in flight: the proxy holds the SET back
    wait_until(lambda: metric_sum(program.metrics(), "collector_redis_in_flight_commands") > 0, "requests in flight")
    program.terminate()
    for answer in answers:
        got = answer.result()
        assert got.status == 201, got
        assert server.client().exists(got.json()["key"])
    assert program.wait() == 0


def test_sigterm_answers_held_requests_with_503(start_redis, start_collector):
    program = start_collector(f"redis://127.0.0.1:{reserve_port()}")
    answers = []
    for number in range(1, 6):  # one after the other: documents that arrive together share one XADD
        answers.append(post_later(program, {"a": 1}, "/"))
        wait_until(lambda count=2 * number: metric_sum(program.metrics(), "collector_held_commands") >= count,
                   "held requests", 5)
    took, status = timed(lambda: (program.terminate(), program.wait())[1])
    assert status == 0 and took < 5 * PATIENCE
    for answer in answers:
        assert_problem(answer.result(), 503)


def test_sigterm_under_load_loses_nothing_acknowledged(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server)
    load = Load(program, connections=8).start()
    load.wait_acknowledged(200)
    program.terminate()
    assert program.wait() == 0
    load.stop()
    result = load.count(server.client())
    result.assert_nothing_lost()
    # Only requests sent after the stop may fail: nothing listens, or the connection was closed between requests.
    assert all(status in (None, 503) for _, status, _ in load.failed), str(result)


def test_during_the_drain_delay_new_connections_are_served_and_told_to_close(start_redis, start_collector):
    program = start_collector(start_redis(), drain_delay="1500ms")
    program.wait_connected()
    program.terminate()
    wait_until(lambda: program.readyz() == 503, "no longer ready", 3)
    with program.connect() as raw:
        raw.send(request_bytes("POST", "/", {"a": 1}))
        answer = raw.read_answer()
        assert answer.status == 200 and (answer.header("connection") or "").lower() == "close"
        assert raw.ended()
    assert program.wait() == 0


def test_a_stop_always_ends_within_the_grace_period(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, grace="1s", hold_time="60s", stall_timeout="60s")
    program.wait_connected()
    server.pause()
    answer = post_later(program, {"a": 1}, "/")
    wait_until(lambda: metric_sum(program.metrics(), "collector_redis_in_flight_commands") > 0, "a request in flight")
    begin = time.monotonic()
    program.terminate()
    status = program.wait()
    took = time.monotonic() - begin
    server.resume()
    assert took < 4 * PATIENCE
    assert status in (0, 1)
    got = answer.outcome()
    assert isinstance(got, (ConnectionEnded, OSError)) or got.status == 503, got


def test_a_second_sigterm_does_no_harm(start_redis, start_collector):
    program = start_collector(start_redis(), drain_delay="300ms")
    program.terminate()
    program.terminate()
    assert program.wait() == 0


# --- Reloading ------------------------------------------------------------------------------------------------

def test_sighup_reads_the_file_again(tmp_path, start_redis, start_collector):
    one, two = start_redis(), start_redis()
    path = tmp_path / "collector.yaml"
    path.write_text(f"redis:\n  url: {one.url()}\n")
    program = start_collector(arguments=["--config", path])
    with program.client() as client:
        key = client.post("/", {"a": 1}).json()["key"]
        assert one.client().exists(key)
        path.write_text(f"redis:\n  url: {two.url()}\n")
        program.signal(signal.SIGHUP)

        def in_two():
            return two.client().exists(client.post("/", {"a": 1}).json()["key"])
        wait_until(in_two, lambda: f"documents in the other Redis\n{program.child.tail()}", 10)


def test_sighup_with_a_broken_file_keeps_what_works(tmp_path, start_redis, start_collector):
    server = start_redis()
    path = tmp_path / "collector.yaml"
    path.write_text(f"redis:\n  url: {server.url()}\n")
    program = start_collector(arguments=["--config", path])
    path.write_text("redis: [\n")
    seen = len(program.log())
    program.signal(signal.SIGHUP)
    wait_until(lambda: any("collector.yaml" in json.dumps(line) for line in program.log()[seen:]),
               lambda: f"a line that names the file\n{program.child.tail()}")
    with program.client() as client:
        assert client.post("/", {"a": 1}).status == 200


def test_many_sighups_do_no_harm(start_redis, start_collector):
    program = start_collector(start_redis())
    with program.client() as client:
        for _ in range(50):
            program.signal(signal.SIGHUP)
            assert client.post("/", {"a": 1}).status == 200
