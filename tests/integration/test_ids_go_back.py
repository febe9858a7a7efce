"""After a failover the new primary may assign ids below those that readers have seen, if it lacks the last entries and
its clock is slow. Readers with a cursor still get every document."""

import time
import uuid

import pytest

from support import feed
from support.cluster import RedisCluster, slot_of
from support.deadline import wait_until
from support.event_stream import EventStream
from support.feed import stream_of
from support.listing import all_keys, fill, keys_of, page
from support.places import Standalone


def now_ms():
    return int(time.time() * 1000)


def cut_off(primary, replica):
    """Disconnects the replica, which keeps its data."""
    with primary.client() as store:
        store.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
        store.execute_command("CLIENT", "KILL", "TYPE", "replica")
    wait_until(lambda: replica.client().info("replication")["master_link_status"] == "down", "a replica without a primary")


def add_ahead(store, stream, milliseconds):
    """Adds a document whose entry has an id in the future."""
    key = str(uuid.uuid4())
    store.set(key, '{"a":1,"created":1,"correlationId":"x"}')
    store.execute_command("XADD", stream, f"{now_ms() + milliseconds}-5", "k", key)


@pytest.fixture
def pair():
    place = Standalone(**{"repl-diskless-sync-delay": "0"})
    yield place, place.replica()
    place.stop()


def fail_over(place, replica):
    replica.client().replicaof("NO", "ONE")
    place.move_to(replica)
    place.proxy.reset()
    place.proxy.heal()


@pytest.mark.parametrize("workers", [1, 2])
def test_readers_get_entries_that_a_new_primary_adds_below_their_cursor(pair, start_collector, workers):
    place, replica = pair
    program = start_collector(place.proxy.url(), workers=workers).wait_connected()
    with program.client() as client, place.server.client() as store:
        before = fill(client, 3)
        page(client)
        wait_until(lambda: len(feed.keys(replica.client())) == 3 and replica.client().get("collector:feed:id"),
                   "the replica")
        cut_off(place.server, replica)
        add_ahead(store, stream_of(now_ms()), 25_000)
        _, cursor, more = page(client)
        assert not more
        with EventStream(program, f"?cursor={cursor}") as follower:
            fail_over(place, replica)
            new = fill(client, 5)
            assert [event.json()["key"] for event in (follower.event() for _ in new)] == new
        assert keys_of(page(client, cursor=cursor)[0]) == new
        for limit in (1, 3, 100):
            assert sorted(all_keys(client, limit=limit, cursor=cursor)) == sorted(new)
        listed = all_keys(client, limit=100)
        assert listed == before + new
        assert all_keys(client, limit=1, order="desc") == (before + new)[::-1]
        entries = feed.entries(replica.client(), stream_of(now_ms()))
        assert len(entries) <= 3 + 5 + workers, entries


def test_an_announced_repeat_is_not_missed(pair, start_collector):
    place, replica = pair
    program = start_collector(place.proxy.url(), workers=1).wait_connected()
    key, headers = str(uuid.uuid4()), {"Content-Type": "application/json"}
    with program.client() as client, place.server.client() as store:
        fill(client, 1)
        assert client.request("PUT", f"/v1/documents/{key}", '{"a":1}', headers).status == 201
        for stream in feed.streams(store):
            for entry in feed.entries(store, stream):
                if key in entry.keys:
                    store.xdel(stream, entry.id)
        page(client)
        wait_until(lambda: replica.client().exists(key) and replica.client().get("collector:feed:id")
                   and len(feed.keys(replica.client())) == 1, "the replica")
        cut_off(place.server, replica)
        add_ahead(store, stream_of(now_ms()), 25_000)
        cursor = page(client)[1]
        fail_over(place, replica)
        assert client.request("PUT", f"/v1/documents/{key}", '{"a":1}', headers).status == 200
        assert keys_of(page(client, cursor=cursor)[0]) == [key]


def test_an_id_too_far_ahead_of_the_clock_is_not_followed(pair, start_collector):
    """It comes from another program. Documents must not be dated an hour ahead because of it."""
    place, replica = pair
    program = start_collector(place.proxy.url(), workers=1).wait_connected()
    with program.client() as client, place.server.client() as store:
        before = fill(client, 2)
        page(client)
        wait_until(lambda: len(feed.keys(replica.client())) == 2, "the replica")
        cut_off(place.server, replica)
        add_ahead(store, stream_of(now_ms()), 3_600_000)
        page(client)
        fail_over(place, replica)
        new = fill(client, 2)
        entries = feed.entries(replica.client(), stream_of(now_ms()))
        assert [entry.keys[0] for entry in entries] == before + new
        assert max(int(entry.id.split("-")[0]) for entry in entries) < now_ms() + 2000


def test_entries_of_a_partition_in_a_cluster_are_not_missed(start_collector):
    with RedisCluster(masters=3, replicas=1) as cluster:
        program = start_collector(cluster.url(), workers=1).wait_connected()
        stores = {node: node.client() for node in cluster.masters()}
        with program.client() as client:
            before = fill(client, 30)
            page(client)
            stream = next(stream_of(now_ms(), tag=tag) for tag in feed.TAGS[1:]
                          for node in stores if cluster.master_of(slot_of(stream_of(now_ms(), tag=tag))) is node
                          and stores[node].exists(stream_of(now_ms(), tag=tag)))
            master = cluster.master_of(slot_of(stream))
            replica = cluster.replica_of(master)
            wait_until(lambda: replica.client().info("replication")["slave_repl_offset"] ==
                       stores[master].info("replication")["master_repl_offset"], "the replica")
            cut_off(master, replica)
            stores[master].execute_command("XADD", stream, f"{now_ms() + 25_000}-5", "k", str(uuid.uuid4()))
            cursor = page(client, limit=1000)[1]
            master.stop()
            replica.client().execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
            cluster.wait_ok(30)
            new = fill(client, 30)
            assert sorted(all_keys(client, limit=7, cursor=cursor)) == sorted(new)
            assert sorted(all_keys(client, limit=100)) == sorted(before + new)
            assert sorted(all_keys(client, limit=7, order="desc")) == sorted(before + new)
