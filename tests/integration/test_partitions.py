"""The partitions of the feed in a Redis Cluster: lists, cursors and duplicates across all of them.
test_partitions_under_load.py tests writers and changes to the Cluster."""

import json
import time
import uuid

import pytest
import requests

from support import feed
from support.cluster import RedisCluster, slot_of
from support.collector import metric_sum
from support.deadline import wait_until
from support.feed import DAY_MS, minutes_ago
from support.partitioned import Place


@pytest.fixture(scope="module")
def cluster():
    with RedisCluster() as cluster:
        yield cluster


@pytest.fixture
def place(cluster, start_collector):
    """A separate prefix in the Cluster, with a Collector of one worker."""
    with Place(cluster, start_collector) as place:
        yield place


def test_the_tags_are_spread_evenly_over_the_masters(cluster):
    owners = [cluster.master_of(slot_of(feed.stream_of(0, "", tag))) for tag in feed.TAGS[1:]]
    assert sorted(owners.count(master) for master in cluster.masters()) == [5, 5, 6]


@pytest.mark.parametrize("limit", [1, 7, 64, 1000])
def test_partitions_are_listed_in_the_order_of_their_ids(place, limit):
    expected = place.write(minutes_ago(10), sizes=(1, 3, 2) if limit == 1 else (1, 3, 60, 2, 64))
    assert place.all(limit=limit) == expected


def test_an_export_has_all_partitions_and_usable_cursors(place):
    expected = place.write(minutes_ago(10))
    url = f"http://{place.program.host}:{place.program.port}/v1/documents?cursors=true"
    answer = requests.get(url, headers={"Accept": "application/x-ndjson"}, timeout=30)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["key"] for line in lines] == expected
    for at in (0, len(lines) // 3, len(lines) - 2):
        assert place.all(cursor=lines[at]["cursor"], limit=1000) == expected[at + 1:]


def test_a_cursor_finds_an_entry_that_arrives_late_in_a_partition(place):
    begin = minutes_ago(10)
    first, late, last = place.put(2), place.put(3), place.put(1)
    place.add("0ax", first, begin + 1000)
    keys, cursor, more = place.page()
    assert keys == first and not more
    place.add("8u", late, begin)
    place.add("0ax", last, begin + 2000)
    keys, cursor, more = place.page(cursor=cursor, limit=2)
    assert keys == late[:2] and more
    keys, cursor, more = place.page(cursor=cursor)
    assert keys == late[2:] + last and not more
    assert place.page(cursor=cursor)[0] == []


def test_pages_may_end_inside_entries_of_several_partitions(place):
    begin = minutes_ago(10)
    large, late = place.put(60), place.put(60)
    place.add("fad", large, begin + 1)
    keys, cursor, _ = place.page(limit=25)
    place.add("2cx", late, begin)
    found = []
    while len(found) < 95:
        got, cursor, more = place.page(cursor=cursor, limit=7)
        found += got
        assert more or len(found) == 95
    assert keys == large[:25] and found == late + large[25:]


def test_a_marked_entry_is_omitted_if_its_key_is_in_another_partition(place):
    begin = minutes_ago(10)
    keys = place.put(4)
    place.add("4ex", keys[:2], begin)
    place.add("bed", [keys[0], keys[2]], begin + 500, mark=begin - 10)
    place.add("0ax", [keys[2]], begin + 700, mark=begin - 10)
    place.add("", [keys[3], keys[1]], begin + 900, mark=begin - 10)
    assert place.all() == keys[:3] + keys[3:]
    assert place.all(limit=1) == keys


def test_the_stream_without_a_tag_is_read_as_well(place):
    begin = minutes_ago(10)
    old, new = place.put(3), place.put(3)
    for n in range(3):
        place.add("", [old[n]], begin + 2 * n)
        place.add("7xz", [new[n]], begin + 2 * n + 1)
    expected = [key for pair in zip(old, new) for key in pair]
    assert place.all() == expected
    # A cursor of a version that knew only that stream.
    name = place.page()[1].split(".")[0]
    cursor = f"{name}.{time.strftime('%Y-%m-%d', time.gmtime(begin / 1000))}.{begin}-0"
    assert place.all(cursor=cursor) == expected[1:]


def test_entries_of_missing_documents_are_removed_from_all_partitions(cluster, start_collector):
    with Place(cluster, start_collector, "dead-partitions:", hold_time="1s") as place:
        begin, kept = minutes_ago(10), place.put(1)
        for n in range(160):
            place.add(feed.TAGS[n % len(feed.TAGS)], [str(uuid.uuid4()) for _ in range(8)], begin + n)
        place.add("cli", kept, begin + 1000)

        def left():
            assert place.all() == kept
            return sum(len(feed.entries(place.store_of(name), name)) for name in
                       (feed.stream_of(begin, place.prefix, tag) for tag in feed.TAGS))
        wait_until(lambda: left() == 1, "the removal of the dead entries", 20)


def test_days_without_entries_cost_few_round_trips(place):
    """From the very first day to today, with documents of three days."""
    expected = []
    for days, tag in ((200, "3r"), (100, "eko"), (0, "1oy")):
        keys = place.put(2)
        place.add(tag, keys, minutes_ago(10) - days * DAY_MS)
        expected += keys
    place.all()
    before = metric_sum(place.program.metrics(), "collector_redis_batch_commands_count")
    assert place.all() == expected
    batches = metric_sum(place.program.metrics(), "collector_redis_batch_commands_count") - before
    masters = len(place.stores)
    assert 0 < batches <= masters * (400 / 16 + 12), batches


def test_a_prefix_with_a_hash_tag_has_all_partitions_in_one_slot(cluster, start_collector):
    with Place(cluster, start_collector, "{one}:") as place:
        expected = place.write(minutes_ago(10))
        assert place.all() == expected
        assert len({slot_of(feed.stream_of(0, place.prefix, tag)) for tag in feed.TAGS}) == 1
