"""GET /v1/documents: every document exactly once, in the order in which Redis stored them."""

import json
import threading
import time
import urllib.parse
import uuid

import pytest

from support import feed
from support.deadline import Deadline, wait_until
from support.matching import assert_problem


def page(client, **query):
    """(entries, cursor of the next page, whether there are more now) of one page."""
    query = {name: value for name, value in query.items() if value is not None}
    answer = client.get("/v1/documents?" + urllib.parse.urlencode(query))
    assert answer.status == 200, answer
    assert answer.media_type == "application/json"
    body = answer.json()
    return body["documents"], body["next"], body["more"]


def all_keys(client, limit=7, **query):
    """The keys of all pages, until there are no more."""
    keys, cursor, more = [], None, True
    while more:
        entries, following, more = page(client, limit=limit, cursor=cursor, **query)
        assert len(entries) <= limit
        assert following != cursor or not more, "the listing does not move on"
        keys += keys_of(entries)
        cursor = following
    return keys


def keys_of(entries):
    return [entry["key"] for entry in entries]


def feed_order(store):
    """The keys in the order of the feed's streams."""
    return feed.keys(store)


@pytest.fixture
def fresh(start_redis, start_collector):
    """(client, store) of a separate Collector."""
    server = start_redis()
    program = start_collector(server)
    with program.client() as client, server.client() as store:
        client.program = program
        yield client, store


def fill(client, count, start=0):
    return [client.post("/v1/documents", {"n": n}).json()["key"] for n in range(start, start + count)]


def test_without_documents_the_page_is_empty(fresh):
    client, _ = fresh
    entries, cursor, more = page(client)
    assert entries == [] and cursor and not more


def test_documents_come_whole_and_in_order(fresh):
    client, store = fresh
    keys = fill(client, 5)
    entries, _, more = page(client)
    assert keys_of(entries) == keys == feed_order(store) and not more
    assert [entry["document"]["n"] for entry in entries] == list(range(5))
    for entry in entries:
        assert entry["document"] == client.get(f"/v1/documents/{entry['key']}").json()


def test_documents_keep_their_bytes_in_a_listing(fresh):
    client, _ = fresh
    client.post("/v1/documents", '{"n" : 1.10,\n "big":18446744073709551616, "s":"\\u0000"}')
    assert b'{"n" : 1.10,\n "big":18446744073709551616, "s":"\\u0000",' in client.get("/v1/documents").body


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 25, 1000])
def test_pages_of_any_size_have_each_document_once(fresh, limit):
    client, _ = fresh
    keys = fill(client, 25)
    assert all_keys(client, limit=limit) == keys


def test_a_page_has_no_more_than_its_limit(fresh):
    client, _ = fresh
    fill(client, 10)
    entries, cursor, more = page(client, limit=4)
    assert len(entries) == 4 and cursor and more


def test_a_cursor_at_the_end_goes_on_where_new_documents_come(fresh):
    client, _ = fresh
    fill(client, 3)
    entries, cursor, _ = page(client, limit=3)
    assert len(entries) == 3
    entries, cursor, more = page(client, cursor=cursor)
    assert entries == [] and not more
    new = fill(client, 2)
    entries, _, _ = page(client, cursor=cursor)
    assert keys_of(entries) == new


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
    assert all_keys(client, limit=2) == keys[25:]


def test_since_and_until_choose_a_span(fresh):
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


def another_moment(milliseconds=20):
    begin = time.time()
    wait_until(lambda: time.time() > begin + milliseconds / 1000, "the clock to advance", interval=0.005)


def stamp(milliseconds):
    """RFC 3339 with milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + f".{milliseconds % 1000:03d}Z"


def test_since_takes_unix_milliseconds_too(fresh):
    client, _ = fresh
    keys = fill(client, 3)
    assert all_keys(client, since=int(time.time() * 1000) - 60000) == keys
    assert all_keys(client, since=int(time.time() * 1000) + 60000) == []


@pytest.mark.parametrize("ending", ["Z", ".1Z", ".12Z", ".123Z", ".123456Z", ".123456789Z"])
def test_since_takes_any_fraction_of_a_second(fresh, ending):
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


def put_on_day(store, key, days):
    """Moves a document's entry from today's stream to that of an earlier day, as Collector would have written it
    then."""
    now = int(time.time() * 1000)
    moment = now - days * 24 * 3600 * 1000
    store.xadd(stream_of(moment), {"k": key}, id=f"{moment}-*")
    for entry in feed.entries(store, stream_of(now)):
        if entry.keys == [key]:
            store.xdel(stream_of(now), entry.id)


def stream_of(milliseconds):
    return "collector:feed:" + time.strftime("%Y-%m-%d", time.gmtime(milliseconds // 1000))


def calls(store, command):
    """How often Redis has executed a command since the statistics were reset."""
    return store.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]


def test_days_far_apart_are_found_and_only_asked_for_where_one_ends(fresh):
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


def test_no_more_documents_are_fetched_than_are_asked_for(fresh):
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


def test_a_long_document_of_exactly_what_is_fetched_first_is_whole(fresh):
    client, store = fresh
    key = client.post("/v1/documents", {"text": ""}).json()["key"]
    empty = len(store.get(key))
    for size in (65_535, 65_536, 65_537):
        fitted = client.post("/v1/documents", {"text": (size - empty) * "y"}).json()["key"]
        assert store.strlen(fitted) == size
    entries, _, _ = page(client)
    lengths = [len(entry["document"]["text"]) for entry in entries]
    assert lengths == [0] + [size - empty for size in (65_535, 65_536, 65_537)]


@pytest.mark.parametrize("query", ["limit=1&limit=2", "since=1&until=5&since=2", "limit=1&cursor=&cursor="])
def test_a_parameter_given_twice_is_400_and_named(fresh, query):
    client, _ = fresh
    assert_problem(client.get(f"/v1/documents?{query}"), 400, f"{query.split('&')[-1].split('=')[0]}: given twice")


@pytest.mark.parametrize("query", ["order=desc", "correlationId=x", "limit=3&ordre=asc", "Limit=3"])
def test_an_unknown_parameter_is_400_and_named(fresh, query):
    client, _ = fresh
    assert_problem(client.get(f"/v1/documents?{query}"), 400, query.split("&")[-1].split("=")[0])


@pytest.mark.parametrize("query", [
    "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=99999999999999999999", "cursor=x",
    "cursor=%00", "cursor=" + "A" * 3000, "since=yesterday", "until=2026-13-45", "since=x", "since=", "since=2026-02-30",
    "since=2026-02-30T00:00:00Z", "since=2026-1-1", "since=%202026-01-01", "since=%2B2026-01-01",
    "since=2026-01-01T8:15:30Z", "since=2026-01-01T24:00:00Z", "since=2026-01-01T08:15:30", "since=2026-01-01Z",
    "since=2026-01-01T08:15:30.Z", "since=2026-01-01T08:15:30.1234567890Z", "since=2026-01-01T08:15:30%2B01:00",
    "since=1969-12-31", "since=99999999999999999", "until=-1"])
def test_a_bad_parameter_is_400_and_named(fresh, query):
    client, _ = fresh
    answer = client.get(f"/v1/documents?{query}")
    assert_problem(answer, 400, *([query.split("=")[0]] if "%00" not in query else []))


def test_a_cursor_that_was_changed_is_refused_or_harmless(fresh):
    client, _ = fresh
    fill(client, 5)
    _, cursor, _ = page(client, limit=2)
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


# --- Entries of deleted documents -------------------------------------------------------------------------------------


def add_dead(store, count, begin, per_ms=20):
    """Adds `count` entries without a document to the stream of a day, starting at the Unix time `begin` in
    milliseconds."""
    add = store.register_script("""
        for i = 0, ARGV[2] - 1 do
            local n = string.format('%012x', ARGV[4] + i)
            redis.call('XADD', KEYS[1], (ARGV[1] + math.floor(i / ARGV[3])) .. '-*',
                       'k', 'dead0000-0000-4000-8000-' .. n)
        end""")
    step = 20_000
    for done in range(0, count, step):
        add(keys=[stream_of(begin)], args=[begin + done // per_ms, min(step, count - done), per_ms, done])


def minutes_ago(minutes):
    """Unix milliseconds, today unless the day has only just begun."""
    return int(time.time() * 1000) - minutes * 60_000


def test_a_page_over_dead_entries_is_bounded_and_leads_on(fresh):
    client, store = fresh
    begin = minutes_ago(10)
    add_dead(store, 20_000, begin)
    alive = fill(client, 3)
    for limit in (1, 10, 100, 1000):
        store.config_resetstat()
        entries, cursor, more = page(client, limit=limit, since=begin - 1000)
        assert entries == [] and more and cursor
        asked = {name: calls(store, name) for name in ("xrange", "exists", "getrange", "get")}
        assert asked["xrange"] <= 20 and asked["exists"] <= 48 and asked["getrange"] <= 64 and asked["get"] == 0, asked
    assert all_keys(client, limit=10, since=begin - 1000) == alive


def test_few_living_among_many_dead_are_all_found(fresh):
    client, store = fresh
    begin = minutes_ago(10)
    keys = fill(client, 12)
    store.delete(stream_of(int(time.time() * 1000)))
    for n, key in enumerate(keys):
        at = begin + n * 100
        add_dead(store, (0, 1, 31, 33, 64, 65, 255, 257, 700, 1500, 0, 3)[n], at)
        store.xadd(stream_of(at), {"k": key}, id=f"{at + 99}-*")
    for limit in (1, 2, 5, 12, 1000):
        store_keys = all_keys(client, limit=limit, since=begin - 1)
        assert store_keys == keys


def test_old_entries_of_documents_that_are_gone_are_taken_out_of_the_feed(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, hold_time="1s", workers=1)
    begin = minutes_ago(10)
    with program.client() as client, server.client() as store:
        alive = fill(client, 2)
        store.delete(stream_of(int(time.time() * 1000)))
        store.xadd(stream_of(begin), {"k": alive[0]}, id=f"{begin}-0")
        add_dead(store, 300, begin + 1)
        store.xadd(stream_of(begin), {"foreign": "entry"}, id=f"{begin + 1000}-0")
        young = int(time.time() * 1000)
        add_dead(store, 40, young)
        store.xadd(stream_of(young), {"k": alive[1]})

        def left():
            assert all_keys(client, since=begin - 1000) == alive
            return sum(store.xlen(stream) for stream in feed.streams(store)) == 1 + 1 + 40 + 1
        wait_until(left, "the removal of the old entries")
        store.config_resetstat()
        assert all_keys(client, since=begin - 1000) == alive
        assert calls(store, "xdel") == 0, "a young entry was removed"


def test_ids_of_one_redis_are_never_taken_out_of_another(start_redis, start_collector, start_proxy, bindings):
    """Both servers have entries with the same ids but for different documents. The list reads entries from the first
    and looks for their documents in the second."""
    first, second = start_redis(), start_redis()
    begin, count = minutes_ago(10), 200
    alive = [str(uuid.uuid4()) for _ in range(count)]
    with first.client() as former, second.client() as store:
        add_dead(former, count, begin)
        with store.pipeline(transaction=False) as pipe:
            for n, key in enumerate(alive):
                pipe.set(key, '{"a":1,"created":1,"correlationId":"x"}')
                pipe.xadd(stream_of(begin), {"k": key}, id=former.xrange(stream_of(begin))[n][0])
            pipe.execute()
        proxy = start_proxy(first)
        bindings.redis("db", proxy)
        program = start_collector(env=bindings.environment(), hold_time="10s", workers=1).wait_connected()
        pages = []

        def read():
            with program.client() as client:
                pages.append(page(client, limit=1000, since=begin - 1))
        reader = threading.Thread(target=read)
        proxy.pause()
        reader.start()
        bindings.redis("db", second)
        program.wait_log("redis.switched")
        proxy.heal()
        reader.join()
        with program.client() as client:
            assert all_keys(client, since=begin - 1) == alive
        assert pages and store.xlen(stream_of(begin)) == count


def test_lists_that_wait_for_each_other_fail_together_where_redis_goes_away(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, hold_time="2s", workers=1).wait_connected()
    begin = int(time.time() * 1000)
    with server.client() as store:
        add_dead(store, 20_000, begin)  # too young to be removed
    answers, pages = [], []

    def read():
        with program.client(timeout=60) as client:
            status = 200
            while status == 200:
                status = client.get(f"/v1/documents?limit=10&since={begin - 1}").status
                pages.append(status)
            answers.append(status)
    readers = [threading.Thread(target=read) for _ in range(16)]
    for reader in readers:
        reader.start()
    wait_until(lambda: len(pages) > 100, "pages")
    server.pause()
    deadline = Deadline(20)  # one after another would take 32 s
    for reader in readers:
        reader.join(max(0.1, deadline.left()))
    server.resume()
    for reader in readers:
        reader.join()
    assert answers == 16 * [503] and not deadline.passed()


# --- Repeats ------------------------------------------------------------------------------------------------------------

DAY_MS = 24 * 3600 * 1000


def put(client, key, document, **headers):
    return client.request("PUT", f"/v1/documents/{key}", json.dumps(document, separators=(",", ":")),
                          {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}})


def uuid7(milliseconds):
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | uuid.uuid4().int & (1 << 60) - 1))


def feed_entries(store, key):
    """(stream, fields) of each entry of the key."""
    return [(stream, entry) for stream in feed.streams(store) for entry in feed.entries(store, stream)
            if key in entry.keys]


@pytest.mark.parametrize("first, second, headers", [
    ({"created": "old", "a": 1}, {"created": "old", "a": 1}, {}),
    ({"a": 1, "created": "old"}, {"a": 1}, {}),
    ({"created": "old", "a": 1}, {"created": "old", "a": 1}, {"x_correlation_id": "old"}),
    ({"created": "old", "a": 1}, {"created": "old", "a": 1}, {"x_correlation_id": "order-17"}),
    ({"a": 1}, {"a": 1}, {"x_correlation_id": "old"})])
def test_a_repeat_is_looked_for_where_it_was_written_and_not_at_its_created(start_redis, start_collector, first, second,
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
        assert len(feed_entries(store, key)) == 1
        assert feed_entries(store, key)[0][0] >= stream_of(int(time.time() * 1000) - 60_000)
        wait_until(lambda: all(store.ttl(stream) > 0 for stream in feed.streams(store)),
                   "an expiry for each stream")


def test_a_repeat_that_was_announced_a_while_ago_is_found_though_nothing_tells_when(fresh):
    client, store = fresh
    key, now = str(uuid.uuid4()), int(time.time() * 1000)
    store.set(key, json.dumps({"a": 1, "created": now - 5 * DAY_MS, "correlationId": "x"}, separators=(",", ":")))
    store.xadd(stream_of(now - 100_000), {"k": key}, id=f"{now - 100_000}-0")
    assert put(client, key, {"a": 1}).status == 200
    assert len(feed_entries(store, key)) == 1


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


def test_a_document_that_is_missing_in_the_feed_is_added_today(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, retention="30d")
    old = int(time.time() * 1000) - 5 * DAY_MS
    key = str(uuid.uuid4())
    with program.client() as client, server.client() as store:
        store.set(key, json.dumps({"a": 1, "created": old, "correlationId": "x"}, separators=(",", ":")))
        assert put(client, key, {"a": 1}).status == 200
        (stream, entry), = feed_entries(store, key)
        assert stream >= stream_of(int(time.time() * 1000) - 60_000) and entry.mark is not None
        assert put(client, key, {"a": 1}).status == 200
        assert len(feed_entries(store, key)) == 1, "each repeat adds it again"
        assert all_keys(client, since=old - 1000) == [key]
        wait_until(lambda: store.ttl(stream) > 0, "an expiry for the stream")


def test_a_marked_entry_is_a_double_of_one_in_the_stream_of_another_day(fresh):
    client, store = fresh
    key, = fill(client, 1)
    put_on_day(store, key, 3)
    before = int(time.time() * 1000) - 3 * DAY_MS
    store.xadd(stream_of(int(time.time() * 1000)), {"k": key, "m": str(before)})
    assert len(feed_entries(store, key)) == 2
    assert all_keys(client) == [key]
    assert all_keys(client, since=before + DAY_MS) == []


@pytest.mark.parametrize("offset_ms, is_found", [
    (-70_000, False), (-59_000, True), (-2_000, True), (-101, True), (-1, True), (0, True), (1, True), (127, True),
    (128, True), (600, True), (2_000, True), (9_000, True), (100_000, True)])
def test_the_first_entry_is_found_wherever_clocks_and_holding_have_put_it(fresh, offset_ms, is_found):
    client, store = fresh
    key = str(uuid.uuid4())
    store.set(key, '{"a":1,"created":1,"correlationId":"x"}')
    mark = minutes_ago(5)
    store.xadd(stream_of(mark), {"k": key}, id=f"{mark + offset_ms}-0")
    store.xadd(stream_of(mark), {"k": key, "m": str(mark)}, id=f"{mark + 110_000}-0")
    assert all_keys(client, since=mark + 105_000) == ([] if is_found else [key])


def test_a_double_over_midnight_is_left_out(fresh):
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


def test_marks_that_lie_far_apart_are_each_looked_for(fresh):
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


def test_of_two_marked_entries_without_a_first_one_is_shown(fresh):
    client, store = fresh
    key = str(uuid.uuid4())
    store.set(key, '{"a":1,"created":1,"correlationId":"x"}')
    mark = minutes_ago(5)
    for delay in (1000, 1000, 70_000):
        store.xadd(stream_of(mark), {"k": key, "m": str(mark)}, id=f"{mark + delay}-*")
    assert all_keys(client) == [key]


def test_a_double_is_left_out_at_20000_documents_a_second(fresh):
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


def test_where_the_look_back_ends_a_document_is_shown_and_the_work_is_bounded(fresh):
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
