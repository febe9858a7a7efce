"""GET /v1/documents/stream: documents as they are stored, as server-sent events."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.deadline import SANITIZED, stays, wait_until
from support.event_stream import Ended, EventStream
from support.feed import fill
from support.follower import Follower
from support.load import Load
from support.matching import assert_problem
from support.memory import resident_bytes

LARGE = 1000000


@pytest.fixture
def server(start_redis):
    return start_redis()


@pytest.fixture
def collector(server, start_collector):
    return start_collector(server).wait_connected()


def post(program, *numbers, **more):
    """Stores a document for each number and returns when all are acknowledged."""
    with program.client() as client:
        for number in numbers:
            assert client.post("/v1/documents", {"n": number, **more}).status == 201


def numbers(documents):
    return [document["n"] for document in documents]


def followers(program):
    return program.metrics()["collector_followers"]


# --- The beginning of a stream

def test_a_stream_begins_with_new_documents(collector):
    post(collector, 1, 2)
    with EventStream(collector) as stream, EventStream(collector) as other:
        assert stream.status == 200 and stream.answer.header("content-type") == "text/event-stream"
        assert stream.answer.header("cache-control") == "no-store" and stream.answer.header("x-accel-buffering") == "no"
        assert 1000 <= int(stream.next().retry) < 3000
        post(collector, *range(3, 13))
        assert numbers(stream.documents(10)) == numbers(other.documents(10)) == list(range(3, 13))


def test_an_event_has_the_line_of_an_export_and_the_cursor_after_it(collector):
    with EventStream(collector) as stream, collector.client() as client:
        client.post("/v1/documents", b'{\r\n  "n": 1,\n  "big": 18446744073709551617}', {"Content-Type": "application/json"})
        post(collector, 2, 3)
        events = [stream.event() for _ in range(3)]
        assert set(events[0].json()) == {"key", "document"} and '"big": 18446744073709551617' in events[0].data
        for number, event in enumerate(events, 1):
            assert event.json()["document"]["n"] == number
            page = client.get(f"/v1/documents?cursor={event.id}").json()
            assert numbers(one["document"] for one in page["documents"]) == list(range(number + 1, 4))


def test_a_stream_continues_after_the_last_event_at_another_replica_too(server, start_collector):
    one, two = (start_collector(server).wait_connected() for _ in range(2))
    with EventStream(one) as stream:
        post(one, 1)
        post(two, 2)
        post(one, 3)
        assert numbers(stream.documents(3)) == [1, 2, 3]
        last = stream.last_id
    post(two, 4, 5)
    with EventStream(two, last_event_id=last) as again, EventStream(two, f"?Last-Event-ID={last}") as third, \
            EventStream(two, f"?cursor={last}") as fourth, EventStream(two, "?since=0", last) as fifth, \
            EventStream(two, f"?since=0&lastEventId={last}") as sixth:
        post(one, 6)
        for stream in (again, third, fourth, fifth, sixth):
            assert numbers(stream.documents(3)) == [4, 5, 6]


def test_clients_that_reconnect_often_miss_no_document_and_get_none_twice(server, start_collector):
    """Clients may reconnect to a replica whose tail is behind their cursor."""
    one, two = (start_collector(server).wait_connected() for _ in range(2))
    with Follower(one, two, hop=20) as first, Follower(one, hop=50) as second:
        with Load(one, connections=8, rate=500, requests=1000) as load, Load(two, connections=8, rate=500, requests=1000) as other:
            load.join()
            other.join()
        for follower in (first, second):
            follower.assert_has({*load.acknowledged, *other.acknowledged})


def test_a_stream_can_begin_at_a_given_time(collector):
    post(collector, 1, 2)
    time.sleep(0.01)
    now = int(time.time() * 1000)
    post(collector, 3)
    with EventStream(collector, "?since=2026-01-01") as stream, EventStream(collector, f"?since={now}") as other:
        assert numbers(stream.documents(3)) == [1, 2, 3]
        post(collector, 4)
        assert numbers(other.documents(2)) == [3, 4]
        assert numbers(stream.documents(1)) == [4]


def test_a_cursor_of_another_redis_begins_again_with_the_oldest(collector):
    post(collector, 1, 2)
    with EventStream(collector, last_event_id="0123456789abcdef.2026-11-20.1764000000000-0") as stream:
        reset = stream.event()
        assert reset.name == "reset" and "another Redis" in reset.json()["reason"]
        assert numbers(stream.documents(2)) == [1, 2]
        post(collector, 3)
        assert numbers(stream.documents(1)) == [3]
    with EventStream(collector, last_event_id=reset.id) as stream:
        assert numbers(stream.documents(3)) == [1, 2, 3]


def test_a_cursor_older_than_the_retention_begins_again_with_the_oldest(server, start_collector):
    program = start_collector(server, retention="1s").wait_connected()
    with EventStream(program) as stream:
        post(program, 1)
        stream.documents(1)
        last = stream.last_id
    post(program, 2)
    with server.client() as store:
        wait_until(lambda: not list(store.scan_iter("*-*-*-*-*")), "both documents have expired")
    post(program, 3)
    with EventStream(program, last_event_id=last) as stream:
        reset = stream.event()
        assert reset.name == "reset" and "older" in reset.json()["reason"]
        assert numbers(stream.documents(1)) == [3]


@pytest.mark.parametrize("query, word", [("?limit=1", "limit"), ("?cursor=x", "cursor"), ("?Last-Event-ID=x", "Last-Event-ID"),
                                         ("?since=x", "since"), ("?since=1&since=2", "since")])
def test_a_wrong_parameter_is_named(client, query, word):
    assert assert_problem(client.get("/v1/documents/stream" + query), 400)["detail"].startswith(word + ": ")


@pytest.mark.parametrize("value", ["x", "0", "-1", "None", "é", "0123456789abcdef", "0123456789abcdef.2026-11-20.", "x" * 5000,
                                   "0123456789abcdef.p" + "A" * 239, "0123456789abcdef.2026-11-20.9e9-0", ".2026-11-20.1-0",
                                   "0123456789abcdef.d2026-11-20.1764000000000-0", "id: 1", "../../etc/passwd", "null\t"])
def test_a_last_event_id_that_is_none_gets_400(client, value):
    assert_problem(client.get("/v1/documents/stream", {"Last-Event-ID": value}), 400, "Last-Event-ID")


def test_other_media_types_methods_and_versions(client, collector):
    assert_problem(client.get("/v1/documents/stream", {"Accept": "application/json"}), 406)
    assert_problem(client.get("/v1/documents/stream", {"Last-Event-ID": "x"}), 400)
    head = client.head("/v1/documents/stream")
    assert head.status == 200 and head.media_type == "text/event-stream"
    with collector.connect() as raw:
        raw.send("GET /v1/documents/stream HTTP/1.0\r\n\r\n")
        assert raw.read_answer().status == 505


# --- The documents in a stream

def test_many_followers_see_every_document_in_order(server, start_collector):
    program = start_collector(server, workers=2).wait_connected()
    streams = [EventStream(program) for _ in range(100)]
    posters = [threading.Thread(target=post, args=(program, *range(base, base + 250))) for base in (0, 1000, 2000, 3000)]
    for thread in posters:
        thread.start()
    late = [EventStream(program, "?since=0") for _ in range(20)]
    for thread in posters:
        thread.join()
    with program.client() as client:
        order = numbers(one["document"] for one in client.get("/v1/documents?limit=1000").json()["documents"])
    assert len(order) == 1000
    for stream in streams + late:
        assert numbers(stream.documents(1000)) == order
        stream.close()
    wait_until(lambda: followers(program) == 0, "all gone")


def test_followers_that_begin_under_load_miss_none_and_see_none_twice(server, start_collector):
    """The transition from a follower's own reads to the shared ones."""
    program = start_collector(server, workers=1).wait_connected()
    poster = threading.Thread(target=post, args=(program, *range(3000)))
    poster.start()
    streams = []
    for _ in range(60):
        streams.append(EventStream(program, "?since=0"))
        time.sleep(0.01)
    poster.join()
    for stream in streams:
        assert numbers(stream.documents(3000)) == list(range(3000))
        stream.close()


def test_a_stalled_follower_gets_everything_later_and_uses_no_extra_memory(server, start_collector):
    program = start_collector(server, workers=1).wait_connected()
    with EventStream(program) as quick, EventStream(program, receive_buffer=16 << 10) as slow:
        post(program, 0)
        assert numbers(quick.documents(1)) == [0]
        before = resident_bytes(program.pid)
        fill(server, 20000)
        assert len(quick.documents(20000)) == 20000
        wait_until(lambda: program.metrics()["collector_followers_behind"] == 1, "one that is behind")
        assert program.metrics()["collector_followers_behind_seconds"] > 0
        assert SANITIZED or resident_bytes(program.pid) - before < 4 << 20
        assert numbers(slow.documents(20001)) == [0, *range(1, 20001)]
        post(program, -1)
        assert numbers(slow.documents(1)) == numbers(quick.documents(1)) == [-1]
        wait_until(lambda: program.metrics()["collector_followers_behind"] == 0, "none behind")
    assert program.metrics()["collector_followed_documents_total"] == 2 * 20002


@pytest.mark.parametrize("first", [[], ["/healthz"]], ids=["the first request", "not the first request"])
def test_a_follower_may_stall_for_longer_than_an_idle_connection_is_kept(server, start_collector, first):
    program = start_collector(server, idle_timeout="1s", workers=1).wait_connected()
    with EventStream(program, receive_buffer=8 << 10, first=first) as slow:
        fill(server, 20000)
        post(program, 0)
        wait_until(lambda: program.metrics()["collector_followers_behind"] == 1, "one that is behind")
        stays(lambda: followers(program) == 1, "it follows", 6)
        assert len(slow.documents(20001)) == 20001


def test_large_documents_reach_everybody(server, start_collector):
    program = start_collector(server, workers=1).wait_connected()
    streams = [EventStream(program) for _ in range(30)]
    with ThreadPoolExecutor(len(streams)) as pool:
        found = [pool.submit(stream.documents, 4) for stream in streams]
        for number in range(3):
            post(program, number, text="x" * LARGE)
        post(program, 3)
        for one in found:
            assert numbers(one.result()) == [0, 1, 2, 3]
    for stream in streams:
        stream.close()


def test_stalled_followers_of_large_documents_use_little_memory(server, start_collector):
    program = start_collector(server, workers=1, body_timeout="5s").wait_connected()
    streams = [EventStream(program, receive_buffer=8 << 10) for _ in range(60)]
    before = resident_bytes(program.pid)
    for number in range(4):
        post(program, number, text="x" * LARGE)
    with EventStream(program) as quick:
        post(program, 4, text="x" * LARGE)
        assert numbers(quick.documents(1)) == [4]
    assert SANITIZED or resident_bytes(program.pid) - before < 40 << 20
    for stream in streams:
        stream.close()


# --- Redis

def test_a_restart_of_redis_only_delays_a_stream(start_redis, start_collector):
    server = start_redis(appendonly="yes", appendfsync="always")
    program = start_collector(server, hold_time="20s", workers=1).wait_connected()
    with EventStream(program) as stream:
        for number in range(3):
            post(program, 2 * number)
            server.kill()
            poster = threading.Thread(target=post, args=(program, 2 * number + 1))
            poster.start()
            server.start()
            poster.join()
        assert numbers(stream.documents(6)) == list(range(6))


def test_a_long_outage_of_redis_does_not_end_a_stream(start_redis, start_collector):
    server = start_redis(appendonly="yes", appendfsync="always")
    program = start_collector(server, hold_time="200ms", workers=1).wait_connected()
    with EventStream(program) as stream:
        post(program, 1)
        assert numbers(stream.documents(1)) == [1]
        server.kill()
        wait_until(lambda: program.readyz() == 503, "longer without Redis than the hold time")
        with EventStream(program) as refused:
            assert refused.status == 200 and refused.next().comment
            with pytest.raises(Ended):
                refused.next()
        server.start()
        program.wait_log("redis.disconnected")
        wait_until(lambda: program.readyz() == 200, "ready again")
        post(program, 2)
        assert numbers(stream.documents(1)) == [2]


def test_a_swap_of_the_binding_is_an_event_and_the_new_documents_follow(server, start_redis, start_collector, bindings):
    other = start_redis()
    fill(other, 100)
    bindings.redis("db", server)
    program = start_collector(env=bindings.environment(), binding="db", workers=2).wait_connected()
    streams = [EventStream(program) for _ in range(8)]
    stops, stored = threading.Event(), []

    def work():
        with program.client() as client:
            while not stops.is_set():
                assert client.post("/v1/documents", {"n": len(stored)}).status == 201
                stored.append(len(stored))
                time.sleep(0.002)
    poster = threading.Thread(target=work)
    poster.start()
    wait_until(lambda: len(stored) >= 100, "documents in the old Redis")
    bindings.redis("db", other)
    program.wait_log("redis.switched")
    enough = len(stored) + 100
    wait_until(lambda: len(stored) >= enough, "documents in the new Redis")
    stops.set()
    poster.join()
    with other.client() as store:
        moved = {json.loads(store.get(key))["n"] for key in store.scan_iter("*-*-*-*-*")
                 if not key.endswith(b"-8000-000000000000")}
    assert moved and len(moved) < len(stored)
    for stream in streams:
        seen, names = [], []
        while len(seen) < len(stored):
            event = stream.event()
            names.append(event.name)
            if event.name == "document":
                seen.append(event.json()["document"]["n"])
            else:
                assert event.json() == {"address": other.address}
                assert stored[-1] not in seen
        assert names.count("rebound") == 1 and seen == stored
        with EventStream(program, last_event_id=stream.last_id) as again:
            post(program, -1)
            assert numbers(again.documents(1)) == [-1]
        stream.close()
        stored.append(-1)


def test_a_swap_away_from_an_unreachable_redis_does_not_wait_for_it(server, start_redis, start_collector, bindings):
    other = start_redis()
    bindings.redis("db", server)
    program = start_collector(env=bindings.environment(), binding="db").wait_connected()
    with EventStream(program) as stream:
        post(program, 1)
        assert numbers(stream.documents(1)) == [1]
        server.kill()
        bindings.redis("db", other)
        post(program, 2)
        assert stream.event().name == "rebound"
        assert numbers(stream.documents(1)) == [2]


# --- Limits and ends

def test_a_stream_sends_a_comment_every_15_seconds(collector):
    with EventStream(collector) as stream:
        begun = time.monotonic()
        stream.next()
        assert stream.next().comment
        assert 13 < time.monotonic() - begun < 20


def test_clients_that_come_and_go_leave_nothing_behind(server, start_collector):
    """Some leave before the response, some reset the connection, some shut down their sending side."""
    program = start_collector(server, workers=2).wait_connected()
    head = b"GET /v1/documents/stream?since=0 HTTP/1.1\r\nHost: x\r\n\r\n"

    def come_and_go(number):
        with program.connect() as raw:
            raw.send(head)
            if number % 4 == 0:
                raw.reset()
            elif number % 4 == 1:
                raw.half_close()
            elif number % 3 == 0:
                assert raw.readable(10)
    with Load(program, connections=4, rate=500), ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, range(1000)))
    wait_until(lambda: followers(program) == 0 and program.metrics()["http_connections"] <= 2, "none", 30)
    with EventStream(program) as stream:
        post(program, -1)
        assert numbers(stream.documents(1)) == [-1]


def test_a_client_over_the_limit_is_told_to_retry_later(server, start_collector):
    program = start_collector(server, followers_max=2).wait_connected()
    with EventStream(program) as one, EventStream(program):
        with EventStream(program) as third:
            assert third.status == 200 and third.answer.header("content-type") == "text/event-stream"
            retry = third.next()
            assert retry.comment and int(retry.retry) >= 60000
            with pytest.raises(Ended):
                third.next()
        one.close()
        wait_until(lambda: followers(program) == 1, "one gone")
        with EventStream(program) as third:
            post(program, 1)
            assert numbers(third.documents(1)) == [1]


def test_a_stop_ends_a_stream_at_once_with_a_short_retry(server, start_collector):
    program = start_collector(server, drain_delay="2s").wait_connected()
    with EventStream(program) as stream:
        stream.next()
        begun = time.monotonic()
        program.terminate()
        assert 0 < int(stream.next().retry) < 1000
        with pytest.raises(Ended):
            stream.next()
        assert stream.is_whole and time.monotonic() - begun < 2
        with EventStream(program) as late:
            assert late.status == 200 and int(late.next().retry) <= 1000
    assert program.wait(10) == 0


def test_a_token_is_required_if_tokens_are_bound(server, start_collector, bindings):
    bindings.redis("db", server)
    bindings.write("clients", type="collector-tokens", one="s3cret-one")
    program = start_collector(env=bindings.environment(), binding="db").wait_connected()
    with EventStream(program) as refused, EventStream(program, token="s3cret-one") as stream:
        assert refused.status == 401
        assert stream.status == 200


def test_a_stream_is_counted_in_the_log_and_in_the_metrics(server, start_collector):
    program = start_collector(server, access_log="on").wait_connected()
    with EventStream(program) as stream:
        post(program, 1, 2, 3)
        stream.documents(3)
        wait_until(lambda: followers(program) == 1, "one follower")
    line = program.wait_log("request.answered", route="stream")
    assert line["count"] == 3 and line["status"] == 200 and "answer" not in line
    assert program.metrics()["http_answers_broken_total"] == 0
    wait_until(lambda: followers(program) == 0, "none")


def test_redis_gets_no_commands_while_nobody_follows(server, collector):
    with EventStream(collector) as stream:
        post(collector, 1)
        stream.documents(1)
    wait_until(lambda: followers(collector) == 0, "none")
    before = server.calls("XRANGE", "XREVRANGE")
    post(collector, *range(20))
    time.sleep(0.3)
    assert server.calls("XRANGE", "XREVRANGE") == before
