"""GET /v1/documents: every document exactly once, in the order in which Redis stored them."""

import threading
import time
import urllib.parse

import pytest

from support import feed
from support.deadline import Deadline, wait_until
from support.feed import put_on_day
from support.listing import all_keys, fill, keys_of, page
from support.matching import assert_problem
from support.redis_server import calls


def another_moment(milliseconds=20):
    begin = time.time()
    wait_until(lambda: time.time() > begin + milliseconds / 1000, "the clock to advance", interval=0.005)


def stamp(milliseconds):
    """RFC 3339 with milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + f".{milliseconds % 1000:03d}Z"


def test_without_documents_the_page_is_empty(fresh):
    client, _ = fresh
    entries, cursor, more = page(client)
    assert entries == [] and cursor and not more


def test_documents_are_listed_complete_and_in_order(fresh):
    client, store = fresh
    keys = fill(client, 5)
    entries, _, more = page(client)
    assert keys_of(entries) == keys == feed.keys(store) and not more
    assert [entry["document"]["n"] for entry in entries] == list(range(5))
    for entry in entries:
        assert entry["document"] == client.get(f"/v1/documents/{entry['key']}").json()


def test_documents_keep_their_bytes_in_a_listing(fresh):
    client, _ = fresh
    client.post("/v1/documents", '{"n" : 1.10,\n "big":18446744073709551616, "s":"\\u0000"}')
    assert b'{"n" : 1.10,\n "big":18446744073709551616, "s":"\\u0000",' in client.get("/v1/documents").body


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 25, 1000])
def test_pages_of_any_size_contain_each_document_once(fresh, limit):
    client, _ = fresh
    keys = fill(client, 25)
    assert all_keys(client, limit=limit) == keys


def test_a_page_has_no_more_than_its_limit(fresh):
    client, _ = fresh
    fill(client, 10)
    entries, cursor, more = page(client, limit=4)
    assert len(entries) == 4 and cursor and more


def test_a_cursor_at_the_end_continues_with_new_documents(fresh):
    client, _ = fresh
    fill(client, 3)
    entries, cursor, _ = page(client, limit=3)
    assert len(entries) == 3
    entries, cursor, more = page(client, cursor=cursor)
    assert entries == [] and not more
    new = fill(client, 2)
    entries, _, _ = page(client, cursor=cursor)
    assert keys_of(entries) == new


def test_a_listing_under_load_has_each_document_exactly_once_in_order(fresh):
    client, store = fresh
    before = fill(client, 40)
    stop, added = threading.Event(), []

    def add():
        with client.program.client() as other:
            while not stop.is_set() and len(added) < 3000:
                added.append(other.post("/v1/documents", {"n": 0}).json()["key"])
    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    keys, cursor = [], None
    deadline = Deadline(20)
    while len(keys) < 200:
        assert not deadline.passed(), f"only {len(keys)} documents are listed while they are added"
        entries, cursor, _ = page(client, limit=9, cursor=cursor)
        keys += keys_of(entries)
    stop.set()
    for thread in threads:
        thread.join()
    more = True
    while more:
        entries, cursor, more = page(client, limit=50, cursor=cursor)
        keys += keys_of(entries)
    assert len(keys) == len(set(keys))
    assert set(keys) == set(before) | set(added)
    assert keys == feed.keys(store)


def test_deleted_documents_are_omitted(fresh):
    client, _ = fresh
    keys = fill(client, 12)
    for key in keys[::2]:
        assert client.delete(f"/v1/documents/{key}").status == 204
    assert all_keys(client, limit=2) == keys[1::2]


def test_a_page_of_only_deleted_documents_still_has_a_cursor(fresh):
    client, _ = fresh
    keys = fill(client, 30)
    for key in keys[:25]:
        client.delete(f"/v1/documents/{key}")
    assert all_keys(client, limit=2) == keys[25:]


def test_since_and_until_limit_the_list(fresh):
    client, _ = fresh
    fill(client, 3)
    # Redis uses this machine's clock, so the next documents get a later millisecond.
    another_moment()
    middle_start = int(time.time() * 1000)
    middle = fill(client, 3, start=3)
    middle_end = int(time.time() * 1000)
    another_moment()
    last = fill(client, 3, start=6)
    assert all_keys(client, since=stamp(middle_start), until=stamp(middle_end + 10)) == middle
    assert all_keys(client, since=stamp(middle_start)) == middle + last
    assert len(all_keys(client, until=stamp(middle_end + 10))) == 6


def test_since_accepts_unix_milliseconds_too(fresh):
    client, _ = fresh
    keys = fill(client, 3)
    assert all_keys(client, since=int(time.time() * 1000) - 60000) == keys
    assert all_keys(client, since=int(time.time() * 1000) + 60000) == []


@pytest.mark.parametrize("ending", ["Z", ".1Z", ".12Z", ".123Z", ".123456Z", ".123456789Z"])
def test_since_accepts_any_fraction_of_a_second(fresh, ending):
    client, store = fresh
    keys = fill(client, 2)
    put_on_day(store, keys[0], 3)
    before = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 3 * 24 * 3600 + 2))
    assert all_keys(client, since=before + ending) == keys[1:]
    assert all_keys(client, until=before + ending) == keys[:1]
    assert all_keys(client, since=before + ending, until=before + ending) == []


def test_documents_of_earlier_days_come_first(fresh):
    client, store = fresh
    keys = fill(client, 6)
    for days, key in ((3, keys[0]), (3, keys[1]), (1, keys[2])):
        put_on_day(store, key, days)
    day_ms = 24 * 3600 * 1000
    now = int(time.time() * 1000)
    assert all_keys(client, limit=2, since=stamp(now - 5 * day_ms)) == keys
    assert all_keys(client, limit=2, since=stamp(now - 2 * day_ms)) == keys[2:]
    assert all_keys(client, limit=2, since=stamp(now - 5 * day_ms), until=stamp(now - 2 * day_ms)) == keys[:2]


def test_days_far_apart_are_found_with_few_reads(fresh):
    client, store = fresh
    keys = fill(client, 7)
    for key, days in zip(keys, (200, 200, 200, 130, 65, 64)):
        put_on_day(store, key, days)
    assert all_keys(client, limit=1) == keys
    assert all_keys(client, limit=1000) == keys
    _, cursor, _ = page(client, limit=1)
    store.config_resetstat()
    entries, _, _ = page(client, limit=1, cursor=cursor)
    assert keys_of(entries) == keys[1:2]
    assert calls(store, "exists") == 0


def test_no_more_documents_are_fetched_than_requested(fresh):
    client, store = fresh
    fill(client, 30)
    store.config_resetstat()
    page(client, limit=3)
    assert calls(store, "getrange") + calls(store, "get") <= 4


def test_long_documents_are_fetched_one_at_a_time_and_keep_their_bytes(fresh):
    client, store = fresh
    sizes = [900_000, 65_400, 65_536, 65_537, 10] + 12 * [900_000]
    keys = [client.post("/v1/documents", '{"text":"%s"}' % (size * "x")).json()["key"] for size in sizes]
    store.config_resetstat()
    entries, cursor, more = page(client, limit=1000)
    # The fifth long document fills 4 MiB; Collector reads one more than the page contains.
    assert more and calls(store, "get") <= 9
    while more:
        following, cursor, more = page(client, limit=1000, cursor=cursor)
        entries += following
    assert keys_of(entries) == keys
    assert [len(entry["document"]["text"]) for entry in entries] == sizes


def test_a_long_document_of_exactly_the_size_fetched_first_is_complete(fresh):
    client, store = fresh
    key = client.post("/v1/documents", {"text": ""}).json()["key"]
    empty = len(store.get(key))
    for size in (65_535, 65_536, 65_537):
        fitted = client.post("/v1/documents", {"text": (size - empty) * "y"}).json()["key"]
        assert store.strlen(fitted) == size
    entries, _, _ = page(client)
    lengths = [len(entry["document"]["text"]) for entry in entries]
    assert lengths == [0] + [size - empty for size in (65_535, 65_536, 65_537)]


@pytest.mark.parametrize("query", ["limit=1&limit=2", "since=1&until=5&since=2", "limit=1&cursor=&cursor=", "order=desc&order=desc"])
def test_a_parameter_given_twice_gets_400_with_its_name(fresh, query):
    client, _ = fresh
    assert_problem(client.get(f"/v1/documents?{query}"), 400, f"{query.split('&')[-1].split('=')[0]}: given twice")


@pytest.mark.parametrize("query", ["sort=desc", "correlationId=x", "limit=3&ordre=asc", "Limit=3"])
def test_an_unknown_parameter_gets_400_with_its_name(fresh, query):
    client, _ = fresh
    assert_problem(client.get(f"/v1/documents?{query}"), 400, query.split("&")[-1].split("=")[0])


@pytest.mark.parametrize("query", [
    "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=99999999999999999999", "cursor=x",
    "cursor=%00", "cursor=" + "A" * 3000, "order=", "order=DESC", "order=newest", "order=desc%20", "since=yesterday", "until=2026-13-45", "since=x", "since=", "since=2026-02-30",
    "since=2026-02-30T00:00:00Z", "since=2026-1-1", "since=%202026-01-01", "since=%2B2026-01-01",
    "since=2026-01-01T8:15:30Z", "since=2026-01-01T24:00:00Z", "since=2026-01-01T08:15:30", "since=2026-01-01Z",
    "since=2026-01-01T08:15:30.Z", "since=2026-01-01T08:15:30.1234567890Z", "since=2026-01-01T08:15:30%2B01:00",
    "since=1969-12-31", "since=99999999999999999", "until=-1"])
def test_a_bad_parameter_gets_400_with_its_name(fresh, query):
    client, _ = fresh
    answer = client.get(f"/v1/documents?{query}")
    assert_problem(answer, 400, *([query.split("=")[0]] if "%00" not in query else []))


def test_a_cursor_that_was_changed_is_rejected_or_harmless(fresh):
    client, _ = fresh
    fill(client, 5)
    _, cursor, _ = page(client, limit=2)
    for index in range(len(cursor)):
        changed = cursor[:index] + ("A" if cursor[index] != "A" else "B") + cursor[index + 1:]
        answer = client.get("/v1/documents?" + urllib.parse.urlencode({"cursor": changed}))
        assert answer.status in (200, 400), answer


def test_a_limit_over_the_maximum_is_rejected_or_reduced(fresh):
    client, _ = fresh
    fill(client, 3)
    answer = client.get("/v1/documents?limit=100000")
    assert answer.status in (200, 400)


def test_foreign_entries_in_the_feed_do_no_harm(fresh):
    client, store = fresh
    keys = fill(client, 2)
    today = "collector:feed:" + time.strftime("%Y-%m-%d", time.gmtime())
    store.xadd(today, {"other": "field"})
    store.xadd(today, {"k": "no-uuid"})
    store.set("no-uuid", "of another program")
    keys += fill(client, 1)
    assert all_keys(client, limit=2) == keys
