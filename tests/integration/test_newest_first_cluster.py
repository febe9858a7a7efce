"""GET /v1/documents?order=desc in a Redis Cluster: the newest documents of all partitions first."""

import json
import threading
import time

import pytest
import requests

from support import feed
from support.cluster import RedisCluster
from support.collector import metric_sum
from support.deadline import wait_until
from support.elsewhere import elsewhere
from support.feed import DAY_MS, minutes_ago
from support.listing import all_keys, fill
from support.partitioned import Place

DESC = {"order": "desc"}
SIZES = (1, 3, 30, 2, 64)  # keys of an entry


@pytest.fixture(scope="module")
def cluster():
    with RedisCluster() as cluster:
        yield cluster


@pytest.fixture
def place(cluster, start_collector):
    """A separate prefix in the Cluster, with a Collector of one worker."""
    with Place(cluster, start_collector, query=DESC) as place:
        yield place


@pytest.mark.parametrize("limit", [3, 64, 1000])
def test_all_partitions_are_listed_backwards(place, limit):
    expected = place.write(minutes_ago(10), sizes=SIZES)
    assert place.all(limit=limit) == expected[::-1]


def test_entries_of_the_same_millisecond_are_reversed_too(place):
    begin = minutes_ago(10)
    for tag in ("fad", "", "0ax", "7xz"):
        place.add(tag, place.put(2), begin)
    assert place.all(limit=1) == all_keys(place.client, limit=3)[::-1]


def test_pages_may_end_within_entries_and_exclude_later_ones(place):
    begin = minutes_ago(10)
    old, large, newest = place.put(5), place.put(60), place.put(60)
    place.add("0ax", old, begin)
    place.add("fad", large, begin + 1)
    place.add("2cx", newest, begin + 2)
    found, cursor, more = place.page(limit=25)
    late = place.put(4)
    place.add("2cx", late[:1], begin + 3)
    place.add("0ax", late[1:2], begin + 4)
    place.add("aoo", late[2:], begin + 1)  # had no entry before
    while more:
        got, cursor, more = place.page(cursor=cursor, limit=7)
        found += got
    assert found == (old + large + newest)[::-1]
    assert set(place.all()) == set(old + large + newest + late)


def test_a_marked_entry_is_omitted_if_its_key_is_in_another_partition(place):
    begin = minutes_ago(10)
    keys = place.put(4)
    place.add("4ex", keys[:2], begin)
    place.add("bed", [keys[0], keys[2]], begin + 500, mark=begin - 10)
    place.add("0ax", [keys[2]], begin + 700, mark=begin - 10)
    place.add("", [keys[3], keys[1]], begin + 900, mark=begin - 10)
    for limit in (1, 2, 100):
        assert place.all(limit=limit) == all_keys(place.client, limit=limit)[::-1] == keys[::-1]


def test_an_export_has_cursors_to_continue(place):
    expected = place.write(minutes_ago(10), sizes=SIZES)[::-1]
    url = f"http://{place.program.host}:{place.program.port}/v1/documents?order=desc&cursors=true"
    answer = requests.get(url, headers={"Accept": "application/x-ndjson"}, timeout=30)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["key"] for line in lines] == expected
    for at in (0, len(lines) // 3, len(lines) - 2):
        assert place.all(cursor=lines[at]["cursor"], limit=1000) == expected[at + 1:]


def test_days_and_partitions_without_entries_cost_no_extra_round_trip(place):
    expected = []
    for days, tag in ((200, "3r"), (100, "eko"), (0, "1oy")):
        keys = place.put(2)
        place.add(tag, keys, minutes_ago(10) - days * DAY_MS)
        expected += keys
    place.all()

    def batches(read, wanted):
        before = metric_sum(place.program.metrics(), "collector_redis_batch_commands_count")
        assert read() == wanted
        return metric_sum(place.program.metrics(), "collector_redis_batch_commands_count") - before
    down = batches(lambda: place.all(limit=1000), expected[::-1])
    up = batches(lambda: all_keys(place.client, limit=1000), expected)
    assert 0 < down <= up + len(place.stores), (down, up)


def test_just_after_midnight_the_cursor_contains_the_ends_of_both_days(cluster, start_collector):
    now = int(time.time())
    midnight = (now - now % 86400) * 1000
    with Place(cluster, start_collector, query=DESC, env=elsewhere(clock_seconds=midnight // 1000 - now + 20)) as place:
        old, new, late = place.put(len(feed.TAGS)), place.put(len(feed.TAGS)), place.put(3)
        for n, tag in enumerate(feed.TAGS):
            place.add(tag, old[n:n + 1], midnight - 20_000 + n)
            place.add(tag, new[n:n + 1], midnight + 10_000 + n)
        found, cursor, more = place.page(limit=2)
        assert len(cursor) > 200
        for n, tag in enumerate(("0ax", "fad", "")):
            place.add(tag, late[n:n + 1], midnight - 1000)
        while more:
            got, cursor, more = place.page(cursor=cursor, limit=5)
            found += got
        assert found == (old + new)[::-1]


def test_while_documents_arrive_each_earlier_one_is_listed_once(place):
    stop, added = threading.Event(), []

    def write():
        with place.program.client() as other:
            while not stop.is_set() and len(added) < 4000:
                added.append(other.post("/v1/documents", {"n": 0}).json()["key"])
    threads = [threading.Thread(target=write) for _ in range(4)]
    before = fill(place.client, 100)
    for thread in threads:
        thread.start()
    wait_until(lambda: len(added) > 20, "documents of the writers")
    sure = set(before) | set(added)
    found, cursor, more = place.page(limit=5)
    maybe = set(added)
    while more:
        got, cursor, more = place.page(limit=9, cursor=cursor)
        found += got
    stop.set()
    for thread in threads:
        thread.join()
    assert len(found) == len(set(found)) and sure <= set(found)
    assert len(set(found) - sure - maybe) <= len(threads)
