"""Writers of a Redis Cluster's partitions: entries are on the masters of their documents, even while slots move and
masters fail over, join or leave. A reader that follows with a cursor misses nothing. Lists: test_partitions.py."""

import json
import threading

import requests

from support import feed
from support.cluster import slot_of, slots_of_feed
from support.cursor_reader import CursorReader
from support.deadline import wait_until
from support.load import Load


def entries_of(clients, prefix=""):
    """All entries of all masters' streams: [(master's number, entry)]."""
    return [(number, entry) for number, store in enumerate(clients) for stream in feed.streams(store, prefix)
            for entry in feed.entries(store, stream)]


def commands_of(client, *names):
    stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in names)


def finish(load, reader, clients):
    """Checks that a change to the Cluster stored all documents once, and that the reader saw them."""
    result = load.count(*clients)
    doubled = reader.assert_has(load.acknowledged)
    print(f"\n{result}\nshown more than once: {doubled}")
    result.assert_perfect()
    # Only documents whose SET was redirected or lost after their entry had been added have a second entry.
    assert doubled <= len(load.acknowledged) // 10


def test_entries_are_spread_evenly_over_the_masters_of_their_documents(start_cluster, start_collector):
    cluster = start_cluster()
    collector = start_collector(cluster.url(), workers=1).wait_connected()
    before = [commands_of(client, "set", "xadd") for client in cluster.clients()]
    with Load(collector, connections=32, requests=3000, rate=100_000) as load:
        load.join()
    load.count(*cluster.clients()).assert_perfect()
    clients = cluster.clients()
    found = entries_of(clients)
    assert sorted(key for _, entry in found for key in entry.keys) == sorted(load.acknowledged)
    for number, entry in found:
        assert {cluster.master_of(slot_of(key)) for key in entry.keys} == {cluster.masters()[number]}
    calls = [commands_of(client, "set", "xadd") - start for client, start in zip(clients, before)]
    print("\ncommands of each master", calls, "entries", len(found))
    assert max(calls) <= 1.25 / 3 * sum(calls), calls
    with collector.client() as client:
        page = client.get("/v1/documents?limit=1000").json()
        assert len(page["documents"]) == 1000 and page["more"]


def test_with_a_hash_tag_in_the_prefix_everything_is_on_one_master(start_cluster, start_collector):
    cluster = start_cluster()
    collector = start_collector(cluster.url(), key_prefix="{one}:")
    with CursorReader(collector) as reader:
        with Load(collector, connections=8, requests=400, rate=2000) as load:
            load.join()
        assert reader.assert_has(load.acknowledged) == 0
    owner = cluster.master_of(slot_of("{one}:"))
    with owner.client() as store:
        assert feed.streams(store, "{one}:") and store.dbsize() > 400


def test_tags_that_move_under_load_lose_nothing(start_cluster, start_collector):
    cluster = start_cluster()
    collector = start_collector(cluster.url())
    with CursorReader(collector) as reader:
        with Load(collector, connections=16, rate=1500) as load:
            load.wait_acknowledged(300)
            cluster.move_slots([*slots_of_feed(), *range(0, 16384, 163)])
            load.wait_acknowledged(300)
        finish(load, reader, cluster.clients())


def test_failovers_under_load_lose_nothing(start_cluster, start_collector):
    cluster = start_cluster(replicas=True)
    collector = start_collector(cluster.url())
    with CursorReader(collector) as reader:
        with Load(collector, connections=16, rate=1500) as load:
            load.wait_acknowledged(300)
            for master in cluster.masters():
                cluster.fail_over(master)
                load.wait_acknowledged(300)
            cluster.wait_ok()
            load.wait_acknowledged(300)
        finish(load, reader, cluster.clients())


def test_a_master_added_and_removed_under_load_loses_nothing(start_cluster, start_collector):
    cluster = start_cluster()
    collector = start_collector(cluster.url())
    with CursorReader(collector) as reader:
        with Load(collector, connections=16, rate=1500) as load:
            load.wait_acknowledged(300)
            node = cluster.add_master([*slots_of_feed()[::2], *range(1, 16384, 163)])
            with node.client() as store:
                wait_until(lambda: feed.streams(store), "entries on the new master", 30)
            cluster.remove_master(node)
            load.wait_acknowledged(300)
        finish(load, reader, cluster.clients())


def test_a_master_without_a_tag_stores_documents_that_others_list(start_cluster, start_collector):
    cluster = start_cluster()
    node = cluster.add_master(range(3610, 4640, 4))  # between two tags
    collector = start_collector(cluster.url())
    with CursorReader(collector) as reader:
        with Load(collector, connections=16, requests=2000, rate=3000) as load:
            load.join()
        load.count(*cluster.clients()).assert_perfect()
        assert reader.assert_has(load.acknowledged) == 0
    with node.client() as store:
        assert store.dbsize() > 5 and not feed.streams(store)


def test_all_partitions_that_get_entries_expire(start_cluster, start_collector):
    cluster = start_cluster()
    collector = start_collector(cluster.url(), retention="1h", workers=1)
    with Load(collector, connections=8, requests=100, rate=1000) as load:
        load.join()
    for store in cluster.clients():
        names = feed.streams(store)
        assert names
        wait_until(lambda s=store, found=names: all(s.ttl(name) > 3600 for name in found), "an expiry of each stream")


def test_a_follower_misses_nothing_while_tags_move(start_cluster, start_collector):
    cluster = start_cluster()
    collector = start_collector(cluster.url())
    seen = []
    url = f"http://{collector.host}:{collector.port}/v1/documents/stream"
    with requests.get(url, stream=True, timeout=60) as stream:
        def follow():
            for line in stream.iter_lines(chunk_size=1):
                if line.startswith(b'data: {"key"'):
                    seen.append(json.loads(line[6:])["key"])
        threading.Thread(target=follow, daemon=True).start()
        with Load(collector, connections=8, rate=800) as load:
            load.wait_acknowledged(200)
            cluster.move_slots(slots_of_feed())
            load.wait_acknowledged(200)
        wait_until(lambda: set(load.acknowledged) <= set(seen),
                   lambda: f"{len(set(load.acknowledged) - set(seen))} documents that the follower missed", 20)
        collector.close()  # ends the stream
