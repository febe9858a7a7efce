"""Listing entries of deleted documents: the work is bounded, and old entries are removed from the feed."""

import threading
import time
import uuid

from support import feed
from support.deadline import Deadline, wait_until
from support.feed import add_dead, minutes_ago, stream_of
from support.listing import all_keys, fill, page
from support.redis_server import calls


def test_a_page_over_dead_entries_is_bounded_and_has_a_cursor(fresh):
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


def test_few_existing_documents_among_many_dead_entries_are_all_found(fresh):
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


def test_old_entries_of_deleted_documents_are_removed_from_the_feed(start_redis, start_collector):
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


def test_ids_from_one_redis_are_never_removed_from_another(start_redis, start_collector, start_proxy, bindings):
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


def test_lists_that_wait_for_each_other_fail_together_when_redis_becomes_unreachable(start_redis, start_collector):
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
    deadline = Deadline(20)  # one after another they would take 32 s
    for reader in readers:
        reader.join(max(0.1, deadline.left()))
    server.resume()
    for reader in readers:
        reader.join()
    assert answers == 16 * [503] and not deadline.passed()
