"""Followers while Redis changes: failovers, slots that move, other bindings. Each follower gets every acknowledged
document (twice only if the feed contains the document twice) and, in a Cluster, in the order of the document's
partition."""

import contextlib

import pytest

from support import feed
from support.binding import BindingRoot
from support.cluster import slots_of_feed
from support.deadline import wait_until
from support.event_stream import EventStream
from support.follower import Follower
from support.load import Load


def post(program, *numbers):
    with program.client() as client:
        for number in numbers:
            assert client.post("/v1/documents", {"n": number}).status == 201


def numbers(documents):
    return [document["n"] for document in documents]


@contextlib.contextmanager
def following(one, two):
    """Three followers: one at each of two replicas, and one that changes between the replicas with Last-Event-ID."""
    with Follower(one) as first, Follower(two) as second, Follower(one, two, hop=50) as third:
        yield first, second, third


def streams_of(clients):
    """The keys of each stream of the feed."""
    return [[key for entry in feed.entries(store, stream) for key in entry.keys]
            for store in clients for stream in feed.streams(store)]


def finish(followers, loads, clients):
    """Asserts that Redis has lost no document and that each follower has received all of them."""
    for load in loads:
        result = load.count(*clients)
        print(f"\n{result}")
        result.assert_perfect()
    streams = streams_of(clients)
    for follower in followers:
        follower.assert_has({key for load in loads for key in load.acknowledged}, streams)
        assert not [name for name, _ in follower.others if name == "reset"]


# --- A Cluster -------------------------------------------------------------------------------------------------

@pytest.fixture
def replicas(start_collector):
    """replicas(where) starts two Collectors."""
    return lambda where, **flags: [start_collector(where, **flags).wait_connected() for _ in range(2)]


def test_followers_miss_no_document_when_all_masters_fail_over(start_cluster, replicas):
    cluster = start_cluster(replicas=True)
    one, two = replicas(cluster.url())
    with following(one, two) as followers:
        with Load(one, connections=8, rate=500) as load, Load(two, connections=8, rate=500) as other:
            load.wait_acknowledged(200)
            for master in cluster.masters():
                cluster.fail_over(master)
                load.wait_acknowledged(200)
            cluster.wait_ok()
            other.wait_acknowledged(100)
        finish(followers, (load, other), cluster.clients())


def test_followers_miss_no_document_when_the_slots_of_tags_move(start_cluster, replicas):
    cluster = start_cluster()
    one, two = replicas(cluster.url())
    with following(one, two) as followers:
        with Load(one, connections=8, rate=500) as load, Load(two, connections=8, rate=500) as other:
            load.wait_acknowledged(200)
            cluster.move_slots([*slots_of_feed(), *range(0, 16384, 327)])
            other.wait_acknowledged(200)
        finish(followers, (load, other), cluster.clients())


# --- Bindings --------------------------------------------------------------------------------------------------

def switched(program, generation):
    workers = program.wait_log("server.listening")["workers"]
    wait_until(lambda: len({line["worker"] for line in program.log()
                            if line["event"] == "redis.switched" and line["generation"] == generation}) == workers,
               lambda: f"generation {generation}\n{program.child.tail()}", 15)


def test_followers_miss_no_document_from_a_cluster_to_a_single_redis_and_back(start_cluster, start_redis, start_bound, bindings):
    cluster, single = start_cluster(), start_redis()
    bindings.write("db", **{"type": "redis", "cluster.nodes": cluster.node_list})
    program = start_bound().wait_connected()
    with Follower(program) as one, Follower(program) as two:
        with Load(program, connections=8, rate=500) as load:
            load.wait_acknowledged(200)
            bindings.redis("db", single)
            switched(program, 2)
            load.wait_acknowledged(200)
            bindings.write("db", **{"type": "redis", "cluster.nodes": cluster.node_list})
            switched(program, 3)
            load.wait_acknowledged(200)
        for follower in (one, two):
            wait_until(lambda f=follower: len(f.others) >= 2, "two changes", 20)
        finish((one, two), (load,), [single.client(), *cluster.clients()])
        for follower in (one, two):
            assert [name for name, _ in follower.others] == ["rebound", "rebound"]
            assert follower.others[0][1] == {"address": single.address}


def test_followers_see_what_another_replica_still_stores_in_the_former_redis(start_redis, start_collector, start_bound,
                                                                             bindings):
    old, new = start_redis(), start_redis()
    bindings.redis("db", old)
    program, late = start_bound(workers=1).wait_connected(), start_collector(old).wait_connected()
    with EventStream(program) as stream, EventStream(program) as other:
        post(program, 1)
        bindings.redis("db", new)
        for one in (stream, other):
            assert numbers(one.documents(1)) == [1]
            assert one.event().name == "rebound"
        post(late, 2, 3)
        assert numbers(stream.documents(2)) == numbers(other.documents(2)) == [2, 3]
        post(program, 4)
        post(late, 5)
        assert sorted(numbers(stream.documents(2))) == sorted(numbers(other.documents(2))) == [4, 5]
        with EventStream(program, last_event_id=stream.last_id) as again, EventStream(program) as fresh:
            post(late, 6)
            post(program, 7)
            for one in (stream, other, again, fresh):
                assert sorted(numbers(one.documents(2))) == [6, 7]
        with EventStream(program, last_event_id=stream.last_id) as again:
            post(program, 8)
            assert numbers(again.documents(1)) == [8]


def test_followers_see_what_another_replica_has_stored_in_the_new_redis_before(start_redis, start_collector, bindings,
                                                                               tmp_path):
    old, new = start_redis(), start_redis()
    feed.fill(new, 100)
    later = BindingRoot(tmp_path / "later")
    for root in (bindings, later):
        root.redis("db", old)
    first, second = (start_collector(env=root.environment()).wait_connected() for root in (bindings, later))
    with EventStream(second) as stream:
        post(first, 1)
        assert numbers(stream.documents(1)) == [1]
        bindings.redis("db", new)
        switched(first, 2)
        post(first, 2, 3)
        later.redis("db", new)
        switched(second, 2)
        post(second, 4)
        assert stream.event().json() == {"address": new.address}
        assert numbers(stream.documents(3)) == [2, 3, 4]


def test_a_client_that_reconnects_after_a_change_gets_the_rest_of_the_former_redis(start_redis, start_collector, start_bound,
                                                                                   bindings):
    old, new = start_redis(), start_redis()
    bindings.redis("db", old)
    program, other = start_bound(workers=1).wait_connected(), start_collector(old).wait_connected()
    with EventStream(program) as stream, EventStream(program) as broken:
        post(program, 1)
        assert numbers(stream.documents(1)) == numbers(broken.documents(1)) == [1]
        broken.close()
        post(other, 2)
        bindings.redis("db", new)
        assert numbers(stream.documents(1)) == [2]
        assert stream.event().name == "rebound"
        post(program, 3)
        with EventStream(program, last_event_id=broken.last_id) as again:
            assert numbers(again.documents(1)) == [2]
            assert again.event().name == "rebound"
            assert numbers(again.documents(1)) == [3]


def test_a_change_adds_one_entry_per_worker_and_none_without_a_feed(start_redis, start_bound, bindings):
    for feed_is_kept, expected in (("true", 2), ("false", 0)):
        old, new = start_redis(), start_redis()
        bindings.redis("db", old)
        program = start_bound(workers=2, feed=feed_is_kept, retention="1h").wait_connected()
        bindings.redis("db", new)
        switched(program, 2)
        post(program, 1)
        with new.client() as store:
            wait_until(lambda s=store, n=expected: s.xlen("collector:feed:moves") == n, "the entries")
            assert not expected or 0 < store.ttl("collector:feed:moves") <= 3600
        program.close()


# --- Sentinel --------------------------------------------------------------------------------------------------

def test_followers_miss_no_document_when_a_primary_fails_over(start_group, start_collector, bindings):
    group = start_group()
    bindings.write("db", **group.binding())
    one, two = (start_collector(env=bindings.environment()).wait_connected() for _ in range(2))
    with following(one, two) as followers:
        with Load(one, connections=8, rate=400) as load, Load(two, connections=8, rate=400) as other:
            load.wait_acknowledged(200)
            group.fail_over()
            load.wait_acknowledged(300)
            other.wait_acknowledged(100)
        finish(followers, (load, other), [group.primary().client()])
