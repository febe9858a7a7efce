"""GET /v1/documents: every document exactly once, in the order in which Redis took it."""

import threading
import time
import urllib.parse

import pytest

from support.matching import assert_problem


def page(client, **query):
    """(documents, next cursor or None) of one page."""
    query = {name: value for name, value in query.items() if value is not None}
    answer = client.get("/v1/documents?" + urllib.parse.urlencode(query))
    assert answer.status == 200, answer
    assert answer.media_type == "application/json"
    body = answer.json()
    return body["documents"], body.get("cursor")


def all_keys(client, limit=7, **query):
    """The keys of all pages, following the cursor until a page is empty."""
    keys, cursor = [], None
    for _ in range(10000):
        documents, following = page(client, limit=limit, cursor=cursor, **query)
        keys += [document["key"] for document in documents]
        if not following or not documents:
            return keys
        cursor = following
    raise AssertionError("the listing does not end")


def feed_order(store):
    """The keys in the order of the feed's streams."""
    order = []
    for stream in sorted(store.scan_iter("collector:feed:*")):
        order += [fields[b"k"].decode() for _, fields in store.xrange(stream)]
    return order


@pytest.fixture
def fresh(start_redis, start_collector):
    """(client, store) of a Collector of one's own."""
    server = start_redis()
    program = start_collector(server)
    with program.client() as client, server.client() as store:
        client.program = program
        yield client, store


def fill(client, count, start=0):
    return [client.post("/v1/documents", {"n": n}).json()["key"] for n in range(start, start + count)]


def test_without_documents_the_page_is_empty(fresh):
    client, _ = fresh
    documents, _ = page(client)
    assert documents == []


def test_documents_come_whole_and_in_order(fresh):
    client, store = fresh
    keys = fill(client, 5)
    documents, _ = page(client)
    assert [document["key"] for document in documents] == keys == feed_order(store)
    assert [document["n"] for document in documents] == list(range(5))
    assert all(document["created"] and document["correlationId"] for document in documents)


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 25, 1000])
def test_pages_of_any_size_have_each_document_once(fresh, limit):
    client, _ = fresh
    keys = fill(client, 25)
    assert all_keys(client, limit=limit) == keys


def test_a_page_has_no_more_than_its_limit(fresh):
    client, _ = fresh
    fill(client, 10)
    documents, cursor = page(client, limit=4)
    assert len(documents) == 4 and cursor


def test_a_cursor_at_the_end_goes_on_where_new_documents_come(fresh):
    client, _ = fresh
    fill(client, 3)
    documents, cursor = page(client, limit=3)
    assert len(documents) == 3 and cursor
    documents, after = page(client, cursor=cursor)
    assert documents == []
    new = fill(client, 2)
    documents, _ = page(client, cursor=after or cursor)
    assert [document["key"] for document in documents] == new


def test_a_listing_while_documents_are_added_has_each_exactly_once_in_order(fresh):
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
    while len(keys) < 200:
        documents, following = page(client, limit=9, cursor=cursor)
        keys += [document["key"] for document in documents]
        cursor = following or cursor
    stop.set()
    for thread in threads:
        thread.join()
    while True:
        documents, following = page(client, limit=50, cursor=cursor)
        keys += [document["key"] for document in documents]
        if not documents:
            break
        cursor = following or cursor
    assert len(keys) == len(set(keys))
    assert set(keys) == set(before) | set(added)
    assert keys == feed_order(store)


def test_deleted_documents_are_left_out(fresh):
    client, _ = fresh
    keys = fill(client, 12)
    for key in keys[::2]:
        assert client.delete(f"/v1/documents/{key}").status == 204
    assert all_keys(client, limit=2) == keys[1::2]


def test_a_page_of_nothing_but_deleted_documents_still_leads_on(fresh):
    client, _ = fresh
    keys = fill(client, 30)
    for key in keys[:25]:
        client.delete(f"/v1/documents/{key}")
    found, cursor = [], None
    for _ in range(100):
        documents, following = page(client, limit=2, cursor=cursor)
        found += [document["key"] for document in documents]
        if not following or (found and not documents):
            break
        cursor = following
    assert found == keys[25:]


def test_since_and_until_choose_a_span(fresh):
    client, _ = fresh
    fill(client, 3)
    start = time.time()
    while time.time() < start + 0.02:
        pass  # Redis's clock is this machine's: the next documents are in another millisecond
    middle_start = int(time.time() * 1000)
    middle = fill(client, 3, start=3)
    middle_end = int(time.time() * 1000)
    while time.time() * 1000 < middle_end + 20:
        pass
    last = fill(client, 3, start=6)
    assert all_keys(client, since=stamp(middle_start), until=stamp(middle_end + 10)) == middle
    assert all_keys(client, since=stamp(middle_start)) == middle + last
    assert len(all_keys(client, until=stamp(middle_end + 10))) == 6


def stamp(milliseconds):
    """RFC 3339 with milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + f".{milliseconds % 1000:03d}Z"


def test_since_takes_unix_milliseconds_too(fresh):
    client, _ = fresh
    keys = fill(client, 3)
    assert all_keys(client, since=int(time.time() * 1000) - 60000) == keys
    assert all_keys(client, since=int(time.time() * 1000) + 60000) == []


def test_documents_of_earlier_days_come_first(fresh):
    client, store = fresh
    keys = fill(client, 6)
    day_ms = 24 * 3600 * 1000
    now = int(time.time() * 1000)
    # Documents of other days are put into their buckets as Collector would have put them then.
    for days, key in ((3, keys[0]), (3, keys[1]), (1, keys[2])):
        moment = now - days * day_ms
        bucket = "collector:feed:" + time.strftime("%Y-%m-%d", time.gmtime(moment // 1000))
        store.xadd(bucket, {"k": key}, id=f"{moment}-*")
        today = "collector:feed:" + time.strftime("%Y-%m-%d", time.gmtime(now // 1000))
        for entry, fields in store.xrange(today):
            if fields[b"k"].decode() == key:
                store.xdel(today, entry)
    assert all_keys(client, limit=2, since=stamp(now - 5 * day_ms)) == keys
    assert all_keys(client, limit=2, since=stamp(now - 2 * day_ms)) == keys[2:]
    assert all_keys(client, limit=2, since=stamp(now - 5 * day_ms), until=stamp(now - 2 * day_ms)) == keys[:2]


@pytest.mark.parametrize("query", [
    "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=99999999999999999999", "cursor=x",
    "cursor=%00", "cursor=" + "A" * 3000, "since=yesterday", "until=2026-13-45", "since=x"])
def test_a_bad_parameter_is_400_and_named(fresh, query):
    client, _ = fresh
    answer = client.get(f"/v1/documents?{query}")
    assert_problem(answer, 400, *([query.split("=")[0]] if "%00" not in query else []))


def test_a_cursor_that_was_changed_is_refused_or_harmless(fresh):
    client, _ = fresh
    fill(client, 5)
    _, cursor = page(client, limit=2)
    for index in range(len(cursor)):
        changed = cursor[:index] + ("A" if cursor[index] != "A" else "B") + cursor[index + 1:]
        answer = client.get("/v1/documents?" + urllib.parse.urlencode({"cursor": changed}))
        assert answer.status in (200, 400), answer


def test_a_limit_beyond_the_largest_is_refused_or_lowered(fresh):
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
