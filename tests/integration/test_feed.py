"""Feed entries with several documents, and cursors that point into them."""

import json
import time
import urllib.parse

import pytest
import requests

from support import feed
from support.deadline import wait_until
from support.feed import add, put, stream_of
from support.load import Load
from support.matching import assert_problem
from support.redis_server import calls
from support.site import listed_keys


@pytest.fixture
def fresh(start_redis, start_collector):
    """Yields (client, store, program) of a separate Collector with one worker."""
    server = start_redis()
    program = start_collector(server, workers=1)
    with program.client() as client, server.client() as store:
        yield client, store, program


def now_ms():
    return int(time.time() * 1000)


def page(client, **query):
    """Returns (keys, cursor, more) of one page."""
    answer = client.get("/v1/documents?" + urllib.parse.urlencode(query))
    assert answer.status == 200, answer
    body = answer.json()
    return [entry["key"] for entry in body["documents"]], body["next"], body["more"]


def all_keys(client, **query):
    keys, more = [], True
    while more:
        found, cursor, more = page(client, **query)
        keys += found
        query["cursor"] = cursor
    return keys


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 63, 64, 65, 1000])
def test_a_page_may_end_in_the_middle_of_an_entry(fresh, limit):
    client, store, _ = fresh
    begin, expected = now_ms() - 60_000, []
    for n, size in enumerate((1, 64, 2, 64, 64, 64, 64, 7, 1, 64)):
        keys = put(store, size)
        add(store, keys, begin + n)
        expected += keys
    assert all_keys(client, limit=limit, since=begin - 1) == expected


def test_a_cursor_within_an_entry_continues_after_its_last_key_when_new_ones_arrive(fresh):
    client, store, _ = fresh
    keys = put(store, 5)
    add(store, keys)
    found, cursor, more = page(client, limit=3)
    assert found == keys[:3] and more and cursor.endswith(".3")
    store.delete(keys[3])
    following = put(store, 2)
    add(store, following)
    found, cursor, more = page(client, cursor=cursor)
    assert found == keys[4:] + following and not more
    assert page(client, cursor=cursor)[0] == []


def test_a_cursor_within_a_deleted_entry_continues_with_the_next(fresh):
    client, store, _ = fresh
    keys = put(store, 5)
    name = add(store, keys)
    _, cursor, _ = page(client, limit=3)
    store.xdel(stream_of(now_ms()), name)
    following = put(store, 2)
    add(store, following)
    assert page(client, cursor=cursor)[0] == following


def test_keys_without_documents_are_skipped_and_an_entry_without_any_is_removed(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, hold_time="1s", workers=1)
    begin = now_ms() - 600_000
    with program.client() as client, server.client() as store:
        half, gone, whole = put(store, 40), put(store, 64), put(store, 3)
        for n, keys in enumerate((half, gone, whole)):
            add(store, keys, begin + n)
        store.delete(*half[:39], *gone)

        def left():
            assert all_keys(client, since=begin - 1) == half[39:] + whole
            return len(feed.entries(store, stream_of(begin))) == 2
        wait_until(left, "the removal of the entry without a document")
        assert [entry.keys for entry in feed.entries(store, stream_of(begin))] == [half, whole]


def test_a_page_over_dead_groups_is_bounded_in_keys(fresh):
    client, store, _ = fresh
    begin = now_ms() - 60_000
    with store.pipeline(transaction=False) as pipe:
        for n in range(200):
            fields = [word for k in range(64) for word in ("k", f"dead0000-0000-4000-8000-{n:06x}{k:06x}")]
            pipe.execute_command("XADD", stream_of(begin), f"{begin}-{n}", *fields)
        pipe.execute()
    alive = put(store, 2)
    add(store, alive)
    store.config_resetstat()
    found, _, more = page(client, since=begin)
    assert found == [] and more
    assert calls(store, "xrange") <= 20
    assert all_keys(client, since=begin) == alive


def test_no_read_requests_more_than_64_entries(fresh):
    """With 64 keys each, these entries take 0.8 ms of Redis's time."""
    client, store, _ = fresh
    begin = now_ms() - 300_000
    for n in range(300):
        add(store, [f"dead0000-0000-4000-8000-{n:06x}{k:06x}" for k in range(64)], begin + n)
    again = put(store, 3)
    add(store, again, begin + 1000, mark=begin)
    store.config_set("slowlog-log-slower-than", 0)
    store.config_set("slowlog-max-len", 10_000)
    assert all_keys(client, limit=1000, since=begin) == again
    assert client.put(f"/v1/documents/{again[0]}", {"a": 1}).status in (200, 409)
    commands = [entry["command"].split() for entry in store.slowlog_get(10_000)]
    counts = [int(command[command.index(b"COUNT") + 1]) for command in commands if command[0] == b"XRANGE"]
    assert len(counts) > 5 and max(counts) <= 64


def test_if_entries_are_large_a_page_reads_no_more_than_it_can_keep(fresh):
    client, store, _ = fresh
    begin = now_ms() - 60_000
    for n in range(80):
        add(store, put(store, 60), begin + n)
    page(client, limit=100, since=begin)
    store.config_set("slowlog-log-slower-than", 0)
    store.slowlog_reset()
    assert len(page(client, limit=100, since=begin)[0]) == 100
    counts = [int(entry["command"].split()[-1]) for entry in store.slowlog_get(200)
              if entry["command"].startswith(b"XRANGE")]
    assert counts and max(counts) <= 5, counts


def test_documents_of_a_marked_entry_that_are_listed_earlier_are_omitted(fresh):
    client, store, _ = fresh
    begin = now_ms() - 60_000
    first, late = put(store, 20), put(store, 3)
    add(store, first, begin)
    add(store, first[10:] + late, begin + 2000, mark=begin - 5)
    for limit in (1, 7, 1000):
        assert all_keys(client, limit=limit, since=begin - 1) == first + late
    assert all_keys(client, since=begin + 1000) == late


def test_a_repeat_finds_its_key_among_others(fresh):
    client, store, _ = fresh
    key = put(store, 1)[0]
    store.set(key, json.dumps({"a": 1, "created": now_ms(), "correlationId": "x"}, separators=(",", ":")))
    add(store, put(store, 30) + [key] + put(store, 20))
    assert client.request("PUT", f"/v1/documents/{key}", '{"a":1}', {"Content-Type": "application/json"}).status == 200
    assert feed.keys(store).count(key) == 1


def test_documents_that_arrive_together_share_entries_and_are_all_listed(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, workers=1).wait_connected()
    with Load(program, connections=64) as load:
        load.wait_acknowledged(3000)
    store = server.client()
    entries = [entry for stream in feed.streams(store) for entry in feed.entries(store, stream)]
    keys = [key for entry in entries for key in entry.keys]
    assert len(keys) == len(set(keys)) and set(load.acknowledged) <= set(keys)
    assert max(len(entry.keys) for entry in entries) <= 64
    assert len(entries) < len(keys), "no document shares an entry"
    assert listed_keys(program) == keys


def test_an_export_can_continue_within_an_entry(fresh):
    _, store, program = fresh
    keys = put(store, 64) + put(store, 40)
    add(store, keys[:64])
    add(store, keys[64:])
    lines = export(program, "cursors=true")
    assert [line["key"] for line in lines] == keys
    for at in (0, 30, 63, 64, 90):
        following = export(program, f"cursor={lines[at]['cursor']}")
        assert [line["key"] for line in following] == keys[at + 1:]


def export(program, query):
    answer = requests.get(f"http://127.0.0.1:{program.port}/v1/documents?{query}", timeout=30,
                          headers={"Accept": "application/x-ndjson"})
    assert answer.status_code == 200, answer
    return [json.loads(line) for line in answer.content.splitlines()]


# --- The feed's name -----------------------------------------------------------------------------------------------------

def test_a_cursor_of_another_redis_gets_410(start_redis, start_collector):
    first, second = start_redis(), start_redis()
    with start_collector(first).client() as client:
        client.post("/v1/documents", {"a": 1})
        cursor = page(client)[1]
    with start_collector(second).client() as client:
        client.post("/v1/documents", {"a": 1})
        for accept in ("application/json", "application/x-ndjson"):
            answer = client.get(f"/v1/documents?cursor={cursor}", {"Accept": accept})
            assert_problem(answer, 410, "another Redis", "start again")
    with start_collector(first).client() as client:
        assert page(client, cursor=cursor)[0] == []


def test_a_cursor_from_a_day_that_has_expired_gets_410(start_redis, start_collector):
    server = start_redis()
    name = None
    for retention, days, status in ((None, 9, 200), ("1h", 3, 410), ("96h", 3, 200)):
        with start_collector(server, **({"retention": retention} if retention else {})).client() as client:
            client.post("/v1/documents", {"a": 1})
            name = name or page(client)[1].split(".")[0]
            then = int(time.time()) - days * 24 * 3600
            day = time.strftime("%Y-%m-%d", time.gmtime(then))
            for accept in ("application/json", "application/x-ndjson"):
                for order, mark, expected in (("asc", "", status), ("desc", "d", 200)):
                    path = f"/v1/documents?order={order}&cursor={name}.{mark}{day}.{then}000-0"
                    answer = client.get(path, {"Accept": accept})
                    assert answer.status == expected, (retention, path, answer)
            if status == 410:
                assert_problem(client.get(f"/v1/documents?cursor={name}.{day}.{then}000-0"), 410, "older", "start again")


def test_after_a_swap_a_cursor_of_the_old_redis_gets_410(start_redis, start_collector, bindings):
    first, second = start_redis(), start_redis()
    bindings.redis("db", first)
    program = start_collector(env=bindings.environment(), workers=1).wait_connected()
    with program.client() as client:
        cursor = page(client)[1]
        bindings.redis("db", second)
        program.wait_log("redis.switched")
        wait_until(lambda: client.get(f"/v1/documents?cursor={cursor}").status == 410, "410 for the old cursor")
        assert page(client)[1].split(".")[0] != cursor.split(".")[0]


def test_all_readers_of_a_feed_use_the_same_name(start_redis, start_collector):
    server = start_redis()
    names = set()
    for _ in range(2):
        with start_collector(server, key_prefix="shop:", workers=4).client() as client:
            for _ in range(8):
                client.close()
                names.add(page(client)[1].split(".")[0])
    assert names == {server.client().get("shop:collector:feed:id").decode()}


def test_an_invalid_name_is_reported(fresh):
    client, store, _ = fresh
    store.set("collector:feed:id", "of another program")
    assert_problem(client.get("/v1/documents"), 503, "collector:feed:id")
    store.delete("collector:feed:id")
    assert client.get("/v1/documents").status == 200


def test_a_cursor_of_version_0_1_0_gets_400_with_the_reason(fresh):
    client, _, _ = fresh
    for cursor in ("2026-11-23.1795478399000-0", "2026-11-23.1795478399000-0~1795478400123-4"):
        assert_problem(client.get(f"/v1/documents?cursor={cursor}"), 400, "0.1.0", "since")
