"""GET /v1/documents?order=desc, on a single server: the newest documents first. test_newest_first_cluster.py tests a
Cluster."""

import json
import threading
import time

import pytest
import requests

from support import feed
from support.deadline import wait_until
from support.elsewhere import elsewhere
from support.feed import DAY_MS, add, minutes_ago, put, stream_of
from support.listing import all_keys, fill, keys_of, page
from support.matching import assert_problem
from support.redis_server import calls

DESC = {"order": "desc"}


@pytest.fixture
def fresh(start_redis, start_collector):
    """Yields (client, store, program) of a separate Collector with one worker."""
    server = start_redis()
    program = start_collector(server, workers=1)
    with program.client() as client, server.client() as store:
        yield client, store, program


def back(keys):
    return keys[::-1]


def export(program, query):
    answer = requests.get(f"http://127.0.0.1:{program.port}/v1/documents?{query}", timeout=30,
                          headers={"Accept": "application/x-ndjson"})
    assert answer.status_code == 200, answer
    return [json.loads(line) for line in answer.content.splitlines()]


def test_the_newest_documents_come_first(fresh):
    client, _, _ = fresh
    assert page(client, **DESC)[0] == []
    keys = fill(client, 12)
    entries, _, more = page(client, limit=5, **DESC)
    assert keys_of(entries) == back(keys)[:5] and more
    assert [entry["document"]["n"] for entry in entries] == [11, 10, 9, 8, 7]
    for limit in (1, 4, 12, 13):
        assert all_keys(client, limit=limit, **DESC) == back(keys)
    assert all_keys(client, order="asc") == keys


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 63, 64, 65, 1000])
def test_a_page_may_end_in_the_middle_of_an_entry(fresh, limit):
    client, store, _ = fresh
    begin, expected = minutes_ago(1), []
    for n, size in enumerate((1, 64, 2, 64, 64, 64, 64, 7, 1, 64)):
        keys = put(store, size)
        add(store, keys, begin + n)
        expected += keys
    assert all_keys(client, limit=limit, **DESC) == back(expected)
    assert all_keys(client, limit=limit, since=begin - 1, **DESC) == back(expected)


def test_a_cursor_works_after_its_entry_or_keys_are_deleted(fresh):
    client, store, _ = fresh
    begin = minutes_ago(1)
    oldest, keys = put(store, 2), put(store, 6)
    add(store, oldest, begin)
    name = add(store, keys, begin + 5)
    entries, cursor, _ = page(client, limit=2, **DESC)
    assert keys_of(entries) == [keys[5], keys[4]] and cursor.endswith(".4")
    store.delete(keys[3])
    assert all_keys(client, cursor=cursor, **DESC) == back(keys[:3]) + back(oldest)
    store.xdel(stream_of(begin), name)
    assert all_keys(client, cursor=cursor, **DESC) == back(oldest)


def test_later_documents_do_not_shift_pages(fresh):
    client, _, _ = fresh
    keys = fill(client, 10)
    entries, cursor, more = page(client, limit=4, **DESC)
    found = keys_of(entries)
    while more:
        fill(client, 3)
        entries, cursor, more = page(client, limit=4, cursor=cursor, **DESC)
        found += keys_of(entries)
    assert found == back(keys)
    entries, again, more = page(client, cursor=cursor, **DESC)
    assert entries == [] and not more and again


def test_a_list_that_began_without_documents_stays_empty(fresh):
    client, _, _ = fresh
    _, cursor, more = page(client, **DESC)
    fill(client, 3)
    assert not more and page(client, cursor=cursor, **DESC)[0] == []


@pytest.mark.parametrize("limit", [3, 50])
def test_while_documents_arrive_each_earlier_one_is_listed_once(start_redis, start_collector, limit):
    program = start_collector(start_redis(), workers=2).wait_connected()
    stop, added = threading.Event(), []

    def write():
        with program.client() as other:
            while not stop.is_set() and len(added) < 5000:
                added.append(other.post("/v1/documents", {"n": 0}).json()["key"])
    threads = [threading.Thread(target=write) for _ in range(4)]
    with program.client() as client:
        before = fill(client, 150)
        for thread in threads:
            thread.start()
        wait_until(lambda: len(added) > 20, "documents of the writers")
        sure = set(before) | set(added)
        entries, cursor, more = page(client, limit=limit, **DESC)
        maybe = set(added)
        found = keys_of(entries)
        while more:
            entries, cursor, more = page(client, limit=limit, cursor=cursor, **DESC)
            found += keys_of(entries)
        stop.set()
        for thread in threads:
            thread.join()
        assert len(found) == len(set(found))
        # A document may be in the feed before its sender has the response.
        assert sure <= set(found) and len(set(found) - sure - maybe) <= len(threads)
        listed = all_keys(client, limit=1000)
        assert found == [key for key in back(listed) if key in set(found)]


# --- Days ------------------------------------------------------------------------------------------------------------

def days_back(store, days):
    """Adds documents on these days, two entries each; returns {day: keys}."""
    written = {}
    for day in sorted(days, reverse=True):
        moment = minutes_ago(10) - day * DAY_MS
        written[day] = put(store, 3)
        add(store, written[day][:2], moment)
        add(store, written[day][2:], moment + 1)
    return written


@pytest.mark.parametrize("limit", [1, 4, 1000])
def test_days_are_read_backwards(fresh, limit):
    client, store, _ = fresh
    written = days_back(store, (0, 1, 2, 40, 200))
    expected = [key for day in sorted(written) for key in back(written[day])]
    assert all_keys(client, limit=limit, **DESC) == expected


def test_since_and_until_limit_the_list(fresh):
    client, store, _ = fresh
    written = days_back(store, (0, 1, 5, 9, 60))
    def moment(day):
        return minutes_ago(10) - day * DAY_MS
    span = {"since": moment(9) - 60_000, "until": moment(1) - 60_000}
    for limit in (1, 2, 1000):
        assert all_keys(client, limit=limit, **span, **DESC) == back(written[5]) + back(written[9])
    assert all_keys(client, since=moment(0) - 60_000, **DESC) == back(written[0])
    assert all_keys(client, until=moment(9) - 60_000, **DESC) == back(written[60])
    assert all_keys(client, until=1, **DESC) == all_keys(client, since=int(time.time() * 1000) + 60_000, **DESC) == []


def test_until_works_within_the_current_day_and_excludes_later_documents(fresh):
    client, store, _ = fresh
    begin = minutes_ago(1)
    early, late = put(store, 4), put(store, 4)
    add(store, early, begin)
    add(store, late, begin + 2000)
    soon = int(time.time() * 1000) + 3_600_000
    assert all_keys(client, limit=3, until=begin + 2000, **DESC) == back(early)
    assert all_keys(client, limit=3, since=begin + 1, **DESC) == back(late)
    assert all_keys(client, since=begin, until=begin, **DESC) == []
    assert all_keys(client, since=begin, until=begin + 1, **DESC) == back(early)
    entries, cursor, _ = page(client, limit=1, until=soon, **DESC)
    fill(client, 2)
    assert keys_of(entries) + all_keys(client, cursor=cursor, until=soon, **DESC) == back(late) + back(early)


def test_days_without_entries_cost_no_extra_round_trip(fresh):
    client, store, program = fresh
    written = days_back(store, (0, 100, 200))
    all_keys(client, limit=1000, **DESC)
    def round_trips(**query):
        before = program.metrics().get("collector_redis_batch_commands_count", 0)
        all_keys(client, limit=1000, **query)
        return program.metrics()["collector_redis_batch_commands_count"] - before
    down, up = round_trips(**DESC), round_trips()
    assert len(written) == 3 and 0 < down <= up + 1, (down, up)


@pytest.mark.parametrize("after_midnight", [True, False])
def test_around_midnight_later_documents_of_both_days_are_left_out(start_redis, start_collector, after_midnight):
    """Yesterday's stream may still grow, or a writer whose clock is ahead may fill tomorrow's stream."""
    server, now = start_redis(), int(time.time())
    midnight = now - now % 86400
    shift = midnight - now + (20 if after_midnight else -20)
    program = start_collector(server, workers=1, env=elsewhere(clock_seconds=shift))
    with program.client() as client, server.client() as store:
        old, new, late = put(store, 5), put(store, 3), put(store, 4)
        add(store, old, midnight * 1000 - 30_000)
        if after_midnight:
            add(store, new, midnight * 1000 + 10_000)
        else:
            words = [word for key in new for word in ("k", key)]
            store.execute_command("XADD", stream_of(midnight * 1000), f"{midnight * 1000 - 25_000}-0", *words)
        entries, cursor, more = page(client, limit=2, **DESC)
        found = keys_of(entries)
        add(store, late[:2], midnight * 1000 - 1000)
        add(store, late[2:], midnight * 1000 + 15_000)
        while more:
            entries, cursor, more = page(client, limit=2, cursor=cursor, **DESC)
            found += keys_of(entries)
        assert found == back(new) + back(old)
        assert set(all_keys(client)) == set(old + new + late)


# --- What is left out ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_duplicates_are_omitted_as_in_the_ascending_list(fresh, limit):
    client, store, _ = fresh
    begin = minutes_ago(2)
    first, late = put(store, 20), put(store, 3)
    add(store, first, begin)
    add(store, first[10:] + late, begin + 2000, mark=begin - 5)
    add(store, late[:1] + late[:1] + first[:2], begin + 2001, mark=begin - 5)
    add(store, first[5:7], begin + 70_000, mark=begin - 5)
    assert all_keys(client, limit=limit) == first + late
    assert all_keys(client, limit=limit, **DESC) == back(first + late)
    assert all_keys(client, limit=limit, since=begin + 1000, **DESC) == back(late)


def test_a_duplicate_on_the_next_day_is_omitted(fresh):
    client, store, _ = fresh
    midnight = int(time.time() * 1000) // DAY_MS * DAY_MS - 3 * DAY_MS
    keys = put(store, 3)
    add(store, keys[:2], midnight - 1000)
    add(store, keys[1:], midnight + 500, mark=midnight - 1005)
    assert all_keys(client, limit=1, **DESC) == back(keys)


def test_keys_without_documents_are_skipped_and_an_entry_without_any_is_removed(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, hold_time="1s", workers=1)
    begin = minutes_ago(10)
    with program.client() as client, server.client() as store:
        half, gone, whole = put(store, 40), put(store, 64), put(store, 3)
        for n, keys in enumerate((half, gone, whole)):
            add(store, keys, begin + n)
        store.delete(*half[1:], *gone)

        def left():
            assert all_keys(client, **DESC) == back(whole) + half[:1]
            return len(feed.entries(store, stream_of(begin))) == 2
        wait_until(left, "the removal of the entry without a document")
        assert [entry.keys for entry in feed.entries(store, stream_of(begin))] == [half, whole]


def test_a_page_of_dead_entries_ends_early_and_no_read_exceeds_64(fresh):
    client, store, _ = fresh
    begin = minutes_ago(1)
    alive = put(store, 2)
    add(store, alive, begin - 1)
    with store.pipeline(transaction=False) as pipe:
        for n in range(200):
            fields = [word for k in range(64) for word in ("k", f"dead0000-0000-4000-8000-{n:06x}{k:06x}")]
            pipe.execute_command("XADD", stream_of(begin), f"{begin}-{n}", *fields)
        pipe.execute()
    store.config_set("slowlog-log-slower-than", 0)
    store.config_set("slowlog-max-len", 10_000)
    store.config_resetstat()
    entries, _, more = page(client, **DESC)
    assert entries == [] and more and calls(store, "xrevrange") <= 20
    assert all_keys(client, limit=1000, **DESC) == back(alive)
    commands = [entry["command"].split() for entry in store.slowlog_get(10_000)]
    counts = [int(command[command.index(b"COUNT") + 1]) for command in commands if command[0] == b"XREVRANGE"]
    assert len(counts) > 5 and max(counts) <= 64


def test_entries_of_other_programs_are_skipped(fresh):
    client, store, _ = fresh
    begin, keys = minutes_ago(1), put(store, 2)
    add(store, keys[:1], begin)
    store.xadd(stream_of(begin), {"x": "y"}, id=f"{begin + 1}-0")
    add(store, keys[1:], begin + 2)
    assert all_keys(client, limit=1, **DESC) == back(keys)


# --- Exports ---------------------------------------------------------------------------------------------------------

def test_an_export_may_be_descending_and_resume_anywhere(fresh):
    client, store, program = fresh
    begin, keys = minutes_ago(1), put(store, 64) + put(store, 40) + put(store, 90)
    for n, (first, end) in enumerate(((0, 64), (64, 104), (104, 150), (150, 194))):
        add(store, keys[first:end], begin + n)
    lines = export(program, "order=desc&cursors=true&end=true")
    assert [line["key"] for line in lines[:-1]] == back(keys)
    assert lines[-1]["end"]["count"] == len(keys)
    assert export(program, f"order=desc&cursor={lines[-1]['end']['cursor']}") == []
    fill(client, 2)
    for at in (0, 30, 43, 44, 89, 130, 192):
        following = export(program, f"order=desc&limit=1000&cursor={lines[at]['cursor']}")
        assert [line["key"] for line in following] == back(keys)[at + 1:]


# --- Cursors and rights ----------------------------------------------------------------------------------------------

def test_a_cursor_of_the_other_order_gets_400(fresh):
    client, _, _ = fresh
    fill(client, 3)
    up, down = page(client, limit=1)[1], page(client, limit=1, **DESC)[1]
    for accept in ("application/json", "application/x-ndjson"):
        for query, words in ((f"cursor={down}", "order=desc"), (f"order=asc&cursor={down}", "order=desc"),
                             (f"order=desc&cursor={up}", "oldest documents first")):
            assert_problem(client.get(f"/v1/documents?{query}", {"Accept": accept}), 400, "cursor: ", words)
    stream = {"Accept": "text/event-stream"}
    assert_problem(client.get(f"/v1/documents/stream?cursor={down}", stream), 400, "cursor: ", "order=desc")
    assert_problem(client.get("/v1/documents/stream", {**stream, "Last-Event-ID": down}), 400, "Last-Event-ID: ")


def test_a_descending_cursor_of_another_redis_gets_410(start_redis, start_collector):
    first, second = start_redis(), start_redis()
    with start_collector(first).client() as client:
        fill(client, 2)
        cursor = page(client, limit=1, **DESC)[1]
    with start_collector(second).client() as client:
        assert_problem(client.get(f"/v1/documents?order=desc&cursor={cursor}"), 410, "another Redis")


def test_without_the_right_to_xrevrange_only_descending_lists_fail(start_redis, start_collector):
    server = start_redis()
    with server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "collector", "on", ">pw", "~*", "+@all", "-xrevrange")
    program = start_collector(f"redis://collector:pw@{server.host}:{server.port}").wait_connected()
    with program.client() as client:
        keys = fill(client, 3)
        for accept in ("application/json", "application/x-ndjson"):
            answer = client.get("/v1/documents?order=desc", {"Accept": accept})
            assert_problem(answer, 503, "NOPERM", "xrevrange", "`order=desc`", "+xrevrange")
        assert all_keys(client) == keys
