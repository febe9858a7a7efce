"""GET /v1/documents/stream?status=true: the stream also carries the status, so that a page needs only one
connection."""

import json
import time

import pytest

from support import described
from support.deadline import wait_until
from support.event_stream import EventStream
from support.matching import assert_problem

STATUS = {"$ref": "#/components/schemas/Status"}


@pytest.fixture
def server(start_redis):
    return start_redis()


@pytest.fixture
def collector(server, start_collector):
    return start_collector(server).wait_connected()


def next_status(stream):
    """The next `status` event, as JSON; documents before it are skipped."""
    while True:
        event = stream.event()
        if event.name == "status":
            assert event.id is None
            described.collectors().validate(STATUS, event.json(), "event status")
            return event.json()


def test_the_status_is_sent_at_once_and_then_every_second(collector):
    begun = time.monotonic()
    with EventStream(collector, "?status=true") as stream, collector.client() as client:
        first = next_status(stream)
        assert time.monotonic() - begun < 5
        assert first.keys() == client.get("/v1/status").json().keys()
        assert client.post("/v1/documents", {"n": 1}).status == 201
        wait_until(lambda: next_status(stream)["documents"]["stored"] == 1, "the document counted")


def test_an_unchanged_status_is_a_comment(collector):
    """A follower that begins shortly before the worker's next second makes it print the status then, so that second has
    nothing new. Followers begin one after another until one of them hits that moment."""
    def gets_comment():
        with EventStream(collector, "?status=true") as other:
            next_status(other)
            event = other.next_within(0.15)
            return event and event.comment

    with EventStream(collector, "?status=true"):
        wait_until(gets_comment, "a comment instead of a status", 60)


def test_documents_and_their_ids_are_unchanged(collector):
    with EventStream(collector, "?status=true") as stream, collector.client() as client:
        next_status(stream)
        for number in range(3):
            assert client.post("/v1/documents", {"n": number}).status == 201
        seen, last = [], None
        while len(seen) < 3:
            event = stream.event()
            if event.name == "document":
                seen.append(event.json()["document"]["n"])
                last = event.id
        assert seen == [0, 1, 2]
        next_status(stream)
        assert stream.last_id == last
        client.post("/v1/documents", {"n": 3})
    with EventStream(collector, "?status=true", last_event_id=last) as again:
        event = again.event()
        while event.name == "status":
            event = again.event()
        assert event.json()["document"]["n"] == 3


def test_only_clients_that_ask_get_the_status(collector):
    with EventStream(collector) as plain, EventStream(collector, "?status=false") as no, collector.client() as client, \
            EventStream(collector, "?status=true") as stream:
        next_status(stream)
        next_status(stream)
        client.post("/v1/documents", {"n": 1})
        assert plain.event().name == no.event().name == "document"


@pytest.mark.parametrize("query", ["?status=1", "?status=", "?status=true&status=true"])
def test_an_invalid_value_is_rejected(client, query):
    assert assert_problem(client.get("/v1/documents/stream" + query), 400)["detail"].startswith("status: ")


def test_the_status_shows_a_swap_within_three_seconds(server, start_redis, start_collector, bindings):
    other = start_redis(requirepass="s3cret-of-the-other")
    bindings.redis("db", server)
    program = start_collector(env=bindings.environment(), binding="db").wait_connected()
    with EventStream(program, "?status=true") as stream:
        assert next_status(stream)["redis"]["address"] == server.address
        bindings.redis("db", other, password="s3cret-of-the-other")
        begun = time.monotonic()
        status = next_status(stream)
        while status["redis"]["address"] != other.address:
            status = next_status(stream)
        assert time.monotonic() - begun < 3
        assert "s3cret-of-the-other" not in json.dumps(status)


def test_the_status_continues_while_redis_is_unreachable(server, collector):
    with EventStream(collector, "?status=true&since=0") as stream:
        assert next_status(stream)["redis"]["state"] == "ready"
        server.stop()
        wait_until(lambda: next_status(stream)["redis"]["state"] == "away", "away")
    with EventStream(collector, "?status=true&since=0") as late:
        assert next_status(late)["redis"]["state"] == "away"


def test_a_client_that_reads_late_gets_only_the_latest_status(server, start_collector):
    program = start_collector(server, workers=1).wait_connected()
    with EventStream(program, "?status=true", receive_buffer=4 << 10) as slow:
        next_status(slow)
        with program.client() as client:
            for number in range(200):
                assert client.post("/v1/documents", {"n": number, "text": "x" * 20000}).status == 201
        with EventStream(program, "?status=true") as other:  # two of the worker's seconds
            for _ in range(3):
                next_status(other)
        wait_until(lambda: next_status(slow)["documents"]["stored"] == 200, "the latest status", 20)
