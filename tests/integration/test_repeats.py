"""Documents that were stored twice: the list shows each once, and missing feed entries are added."""

import json
import time
import uuid

import pytest

from support import feed
from support.deadline import wait_until
from support.feed import DAY_MS, add_dead, entries_of, minutes_ago, put_on_day, stream_of
from support.listing import all_keys, fill, keys_of, page
from support.redis_server import calls


def put(client, key, document, **headers):
    return client.request("PUT", f"/v1/documents/{key}", json.dumps(document, separators=(",", ":")),
                          {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}})


def uuid7(milliseconds):
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | uuid.uuid4().int & (1 << 60) - 1))


@pytest.mark.parametrize("first, second, headers", [
    ({"created": "old", "a": 1}, {"created": "old", "a": 1}, {}),
    ({"a": 1, "created": "old"}, {"a": 1}, {}),
    ({"created": "old", "a": 1}, {"created": "old", "a": 1}, {"x_correlation_id": "old"}),
    ({"created": "old", "a": 1}, {"created": "old", "a": 1}, {"x_correlation_id": "order-17"}),
    ({"a": 1}, {"a": 1}, {"x_correlation_id": "old"})])
def test_a_repeat_is_searched_for_where_it_was_written_not_at_its_created_time(start_redis, start_collector, first, second,
                                                                             headers):
    server = start_redis()
    program = start_collector(server, retention="1h")
    old = int(time.time() * 1000) - 5 * DAY_MS
    first, second = ({k: old if v == "old" else v for k, v in one.items()} for one in (first, second))
    headers = {k: uuid7(old) if v == "old" else v for k, v in headers.items()}
    key = str(uuid.uuid4())
    with program.client() as client, server.client() as store:
        assert put(client, key, first, **headers).status == 201
        for _ in range(3):
            assert put(client, key, second, **headers).status == 200
        assert len(entries_of(store, key)) == 1
        assert entries_of(store, key)[0][0] >= stream_of(int(time.time() * 1000) - 60_000)
        wait_until(lambda: all(store.ttl(stream) > 0 for stream in feed.streams(store)),
                   "an expiry for each stream")


def test_a_repeat_announced_a_while_ago_is_found_although_its_time_is_unknown(fresh):
    client, store = fresh
    key, now = str(uuid.uuid4()), int(time.time() * 1000)
    store.set(key, json.dumps({"a": 1, "created": now - 5 * DAY_MS, "correlationId": "x"}, separators=(",", ":")))
    store.xadd(stream_of(now - 100_000), {"k": key}, id=f"{now - 100_000}-0")
    assert put(client, key, {"a": 1}).status == 200
    assert len(entries_of(store, key)) == 1


@pytest.mark.parametrize("order", [("30d", "1h"), ("1h", "30d")])
def test_a_stream_lives_as_long_as_the_longest_retention(start_redis, start_collector, order):
    server = start_redis()
    with server.client() as store:
        for retention in order:
            store.config_resetstat()
            with start_collector(server, retention=retention, workers=1).client() as client:
                fill(client, 1)
            wait_until(lambda: calls(store, "expireat") >= 4, "an expiry for the streams")
        for stream in feed.streams(store):
            assert store.ttl(stream) > 29 * 24 * 3600


def test_a_document_missing_from_the_feed_is_added_today(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, retention="30d")
    old = int(time.time() * 1000) - 5 * DAY_MS
    key = str(uuid.uuid4())
    with program.client() as client, server.client() as store:
        store.set(key, json.dumps({"a": 1, "created": old, "correlationId": "x"}, separators=(",", ":")))
        assert put(client, key, {"a": 1}).status == 200
        (stream, entry), = entries_of(store, key)
        assert stream >= stream_of(int(time.time() * 1000) - 60_000) and entry.mark is not None
        assert put(client, key, {"a": 1}).status == 200
        assert len(entries_of(store, key)) == 1, "each repeat adds it again"
        assert all_keys(client, since=old - 1000) == [key]
        wait_until(lambda: store.ttl(stream) > 0, "an expiry for the stream")


def test_a_marked_entry_may_duplicate_one_in_the_stream_of_another_day(fresh):
    client, store = fresh
    key, = fill(client, 1)
    put_on_day(store, key, 3)
    before = int(time.time() * 1000) - 3 * DAY_MS
    store.xadd(stream_of(int(time.time() * 1000)), {"k": key, "m": str(before)})
    assert len(entries_of(store, key)) == 2
    assert all_keys(client) == [key]
    assert all_keys(client, since=before + DAY_MS) == []


@pytest.mark.parametrize("offset_ms, is_found", [
    (-70_000, False), (-59_000, True), (-2_000, True), (-101, True), (-1, True), (0, True), (1, True), (127, True),
    (128, True), (600, True), (2_000, True), (9_000, True), (100_000, True)])
def test_the_first_entry_is_found_despite_clock_skew_and_delays(fresh, offset_ms, is_found):
    client, store = fresh
    key = str(uuid.uuid4())
    store.set(key, '{"a":1,"created":1,"correlationId":"x"}')
    mark = minutes_ago(5)
    store.xadd(stream_of(mark), {"k": key}, id=f"{mark + offset_ms}-0")
    store.xadd(stream_of(mark), {"k": key, "m": str(mark)}, id=f"{mark + 110_000}-0")
    assert all_keys(client, since=mark + 105_000) == ([] if is_found else [key])


def test_a_duplicate_across_midnight_is_omitted(fresh):
    client, store = fresh
    midnight = int(time.time() * 1000) // DAY_MS * DAY_MS - 2 * DAY_MS
    held, late, again = (str(uuid.uuid4()) for _ in range(3))
    for key in (held, late, again):
        store.set(key, '{"a":1,"created":1,"correlationId":"x"}')
    # Three cases: added before midnight; sent before midnight and added after it; added to the stream of the previous
    # day.
    before, after = stream_of(midnight - 1), stream_of(midnight)
    store.xadd(before, {"k": held}, id=f"{midnight - 200}-0")
    store.xadd(before, {"k": late}, id=f"{midnight + 20_000}-0")
    store.xadd(before, {"k": again, "m": str(midnight - 200)}, id=f"{midnight + 20_001}-0")
    for n, key in enumerate((held, late, again)):
        store.xadd(after, {"k": key, "m": str(midnight - 200 + n)}, id=f"{midnight + 30_000 + n}-0")
    assert all_keys(client) == [held, late, again]


def test_marks_far_apart_are_each_searched_for(fresh):
    client, store = fresh
    begin = minutes_ago(9)
    keys = [str(uuid.uuid4()) for _ in range(60)]
    for n, key in enumerate(keys):
        store.set(key, '{"a":1,"created":1,"correlationId":"x"}')
        store.xadd(stream_of(begin), {"k": key}, id=f"{begin + n * 1700}-0")
    again = begin + 240_000
    for n, key in enumerate(keys):
        store.xadd(stream_of(begin), {"k": key, "m": str(begin + n * 1700)}, id=f"{again}-{n}")
    for limit in (1, 7, 1000):
        assert all_keys(client, limit=limit, since=begin) == keys


def test_one_of_two_marked_entries_without_an_original_is_shown(fresh):
    client, store = fresh
    key = str(uuid.uuid4())
    store.set(key, '{"a":1,"created":1,"correlationId":"x"}')
    mark = minutes_ago(5)
    for delay in (1000, 1000, 70_000):
        store.xadd(stream_of(mark), {"k": key, "m": str(mark)}, id=f"{mark + delay}-*")
    assert all_keys(client) == [key]


def test_a_duplicate_is_omitted_at_20000_documents_a_second(fresh):
    client, store = fresh
    key = str(uuid.uuid4())
    first, again = minutes_ago(5), minutes_ago(5) + 2000
    add_dead(store, 20 * 10_000, first - 10_000)
    store.xadd(stream_of(first), {"k": key}, id=f"{first}-*")
    add_dead(store, 20 * (again - first - 1), first + 1)
    store.xadd(stream_of(first), {"k": key, "m": str(first)}, id=f"{again}-*")
    store.set(key, '{"a":1,"created":1,"correlationId":"x"}')
    assert all_keys(client, since=first, until=first + 1) == [key]
    store.config_resetstat()
    assert all_keys(client, since=again - 1) == []
    assert calls(store, "xrange") < 60, "the look-back reads more than the entries around the mark"


def test_beyond_the_look_back_a_document_is_shown_and_the_work_is_bounded(fresh):
    client, store = fresh
    first, again = minutes_ago(5), minutes_ago(5) + 15_000
    add_dead(store, 20 * (again - first), first)
    keys = [str(uuid.uuid4()) for _ in range(100)]
    for n, key in enumerate(keys):
        store.set(key, '{"a":1,"created":1,"correlationId":"x"}')
        store.xadd(stream_of(first), {"k": key, "m": str(first + n)}, id=f"{again + n // 10}-*")
    store.config_resetstat()
    entries, _, _ = page(client, limit=1000, since=again)
    assert keys_of(entries) == keys
    assert calls(store, "xrange") < 1700


def test_a_repeat_is_announced_at_20000_documents_a_second(fresh):
    client, store = fresh
    key, found = str(uuid.uuid4()), str(uuid.uuid4())
    stored = minutes_ago(5)
    for one in (key, found):
        store.set(one, json.dumps({"a": 1, "created": stored, "correlationId": "x"}, separators=(",", ":")))
    add_dead(store, 20 * 1000, stored - 1000)
    store.xadd(stream_of(stored), {"k": found}, id=f"{stored}-*")
    add_dead(store, 20 * 10_000, stored + 1)
    store.config_resetstat()
    assert put(client, found, {"a": 1}).status == 200
    assert calls(store, "xrange") <= 50 and calls(store, "xadd") == 0
    store.config_resetstat()
    assert put(client, key, {"a": 1}).status == 200
    assert calls(store, "xrange") <= 450 and calls(store, "xadd") == 1
    _, entry = store.xrevrange(stream_of(int(time.time() * 1000)), count=1)[0]
    assert entry[b"k"].decode() == key and abs(int(entry[b"m"]) - stored) < 1000
    assert all_keys(client, limit=100, since=int(time.time() * 1000) - 60_000) == [key]
