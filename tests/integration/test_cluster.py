"""Collector with a Redis Cluster: routing, resharding, failovers, and moves from one mode to another."""

import re
import subprocess
import time

import pytest
import redis

from support import feed
from support.certificates import MAKE
from support.cluster import RedisCluster, slot_of, slots_of_feed
from support.collector import check
from support.deadline import wait_until
from support.elsewhere import elsewhere
from support.load import Load
from support.ports import reserve_port
from support.sentinel import Tls


@pytest.fixture(scope="module")
def cluster():
    with RedisCluster() as cluster:
        yield cluster


def listed(client):
    """All keys of the listing, in order."""
    keys, cursor = [], None
    while True:
        path = "/v1/documents?limit=500" + (f"&cursor={cursor}" if cursor else "")
        page = client.get(path).json()
        keys += [entry["key"] for entry in page["documents"]]
        if not page.get("more"):
            return keys
        cursor = page["next"]


def test_documents_are_spread_over_all_masters_and_can_be_read_and_listed(cluster, start_collector):
    collector = start_collector(cluster.nodes[1].url())
    with Load(collector, connections=4, requests=300, rate=2000) as load:
        load.join()
    load.count(*cluster.clients()).assert_perfect()
    for client in cluster.clients():
        assert client.dbsize() > 50
    with collector.client() as client:
        for key in list(load.acknowledged)[:30]:
            assert client.get(f"/v1/documents/{key}").json()["marker"] == load.acknowledged[key]
        found = listed(client)
        assert set(load.acknowledged) <= set(found) and len(found) == len(set(found))
        key = next(iter(load.acknowledged))
        assert client.request("DELETE", f"/v1/documents/{key}").status == 204
        assert client.get(f"/v1/documents/{key}").status == 404


def test_dead_entries_are_skipped_in_bounded_pages_and_removed(cluster, start_collector):
    collector = start_collector(cluster.nodes[0].url(), key_prefix="dead:", hold_time="1s", workers=1).wait_connected()
    begin = int(time.time() * 1000) - 600_000
    stream = feed.stream_of(begin, "dead:", "5zz")
    owner = cluster.master_of(slot_of(stream))
    with collector.client() as client, owner.client() as store:
        key = client.post("/v1/documents", {"a": 1}).json()["key"]
        for master in cluster.clients():
            for name in feed.streams(master, "dead:"):
                master.delete(name)
        with store.pipeline(transaction=False) as pipe:
            for n in range(3000):
                pipe.xadd(stream, {"k": f"dead0000-0000-4000-8000-{n:012x}"}, id=f"{begin + n // 20}-*")
            pipe.xadd(stream, {"k": key}, id=f"{begin + 1000}-0")
            pipe.execute()
        page = client.get(f"/v1/documents?limit=10&since={begin}").json()
        assert page["documents"] == [] and page["more"]
        assert listed(client) == [key]
        wait_until(lambda: listed(client) == [key] and store.xlen(stream) == 1, "the removal of the dead entries")


def test_check_reports_the_masters(cluster):
    status, out, err = check(redis_url=cluster.url())
    assert status == 0, err
    assert "a Cluster of 3 masters, all of them reached" in out


def test_a_database_other_than_0_is_rejected_with_the_reason(cluster):
    status, _, err = check(redis_url=cluster.nodes[0].url(database=2))
    assert status == 1 and "SELECT is not allowed in cluster mode" in err


def test_a_binding_that_requires_a_cluster_rejects_a_single_server(bindings, start_redis):
    server = start_redis()
    bindings.write("db", **{"type": "redis", "cluster.nodes": f"{server.host}:{server.port}"})
    status, _, err = check(env=bindings.environment())
    assert status == 1 and "cluster support disabled" in err, err


def test_moving_slots_under_load_loses_nothing(start_cluster, start_collector):
    cluster = start_cluster()
    collector = start_collector(cluster.url())
    with Load(collector, connections=16, rate=1500) as load:
        load.wait_acknowledged(300)
        cluster.move_slots([*slots_of_feed(), *range(0, 16384, 163)])
        load.wait_acknowledged(300)
    result = load.count(*cluster.clients())
    print(f"\nresharding\n{result}")
    result.assert_perfect()
    with collector.client() as client:
        # A document whose SET was redirected after its entry had been added has a second entry.
        assert set(listed(client)) == set(load.acknowledged)


def test_a_coordinated_failover_under_load_loses_nothing(start_cluster, start_collector):
    cluster = start_cluster(replicas=True)
    collector = start_collector(cluster.url())
    with Load(collector, connections=16, rate=1500) as load:
        load.wait_acknowledged(300)
        for master in cluster.masters():
            cluster.fail_over(master)
            load.wait_acknowledged(300)
        cluster.wait_ok()
        load.wait_acknowledged(300)
    result = load.count(*cluster.clients())
    print(f"\ncoordinated failover of each master\n{result}")
    result.assert_perfect()


def test_a_dead_master_causes_a_delay_until_its_replica_takes_over(start_cluster, start_collector):
    cluster = start_cluster(replicas=True)
    collector = start_collector(cluster.url())
    with Load(collector, connections=16, rate=1500) as load:
        load.wait_acknowledged(300)
        victim = cluster.masters()[0]
        begin = time.monotonic()
        victim.kill()
        wait_until(lambda: victim not in cluster.masters(), "the replica's promotion", 30, 0.05)
        cluster.wait_ok(30)
        promoted = time.monotonic() - begin
        until_then = set(load.acknowledged)
        load.wait_acknowledged(300)
    result = load.count(*cluster.clients())
    print(f"\nmaster killed; the Cluster served all slots again after {promoted:.1f} s\n{result}")
    assert result.failed == 0 and not result.doubled, f"{result}\n{collector.child.tail()}"
    # Replication is asynchronous, so documents that the master acknowledged but had not sent yet are lost; no others are.
    assert set(result.lost) <= until_then and len({cluster.master_of(slot_of(key)) for key in result.lost}) <= 1, str(result)


def test_moving_from_a_single_server_to_a_cluster_and_back_under_load(start_cluster, start_redis, start_collector, bindings):
    cluster, single = start_cluster(), start_redis()
    bindings.redis("db", single)
    collector = start_collector(env=bindings.environment())

    def wait_generation(number):
        workers = collector.wait_log("server.listening")["workers"]
        wait_until(lambda: len({line["worker"] for line in collector.log()
                                if line["event"] == "redis.switched" and line["generation"] == number}) == workers,
                   lambda: f"generation {number}\n{collector.child.tail()}", 15)

    with Load(collector, connections=64, rate=2000) as load:
        load.wait_acknowledged(300)
        bindings.write("db", **{"type": "redis", "cluster.nodes": cluster.node_list})
        wait_generation(2)
        load.wait_acknowledged(600)
        bindings.redis("db", single)
        wait_generation(3)
        load.wait_acknowledged(300)
        bindings.redis("db", cluster.nodes[2])
        wait_generation(4)
        load.wait_acknowledged(300)
    result = load.count(single.client(), *cluster.clients())
    print(f"\nsingle server -> Cluster -> single server -> Cluster\n{result}")
    result.assert_perfect()
    assert result.longest < 1.0


# --- TLS, host names, IPv6 -----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run([MAKE, folder, "other=DNS:redis.test", "local=DNS:localhost", "any=DNS:*.redis.test"], check=True)
    return folder


def moves_under_load(cluster, collector):
    """Posts documents to all masters while slots move. Each MOVED and ASK names a node in the format that this Cluster
    uses (an address or a host name)."""
    with Load(collector, connections=8, rate=1000) as load:
        load.wait_acknowledged(200)
        cluster.move_slots([*slots_of_feed(), *range(0, 16384, 1639)])
        load.wait_acknowledged(300)
    load.count(*cluster.clients()).assert_perfect()
    return load


def addresses(collector):
    return {line["address"] for line in collector.log() if line["event"] == "redis.connected"}


def test_with_tls_one_name_may_apply_to_all_nodes(start_cluster, start_collector, bindings, certificates):
    cluster = start_cluster(tls=Tls(certificates, "other"))
    entries = {"type": "redis", "cluster.nodes": cluster.node_list, "tls": "true",
               "ca.crt": (certificates / "ca.crt").read_text()}
    bindings.write("db", **entries)
    status, _, err = check(env=bindings.environment())
    assert status == 1 and "certificate" in err, err
    bindings.write("db", **entries, **{"tls.server-name": "redis.test"})
    status, out, err = check(env=bindings.environment())
    assert status == 0 and "a Cluster of 3 masters, all of them reached" in out and "TLS 1.3" in out, (out, err)
    moves_under_load(cluster, start_collector(env=bindings.environment()))


def test_with_tls_nodes_that_announce_host_names_are_verified_by_them(start_cluster, start_collector, bindings,
                                                                      certificates):
    cluster = start_cluster(tls=Tls(certificates, "local"), names=["localhost"])
    bindings.write("db", **{"type": "redis", "host": "localhost", "port": cluster.nodes[0].port, "tls": "true",
                            "ca.crt": (certificates / "ca.crt").read_text()})
    collector = start_collector(env=bindings.environment())
    moves_under_load(cluster, collector)
    assert addresses(collector) == {f"localhost:{node.port}" for node in cluster.nodes}


@pytest.mark.parametrize("kind, moved", [("hostname", "?:"), ("unknown-endpoint", ":")])
def test_nodes_without_a_host_are_found_and_used(start_cluster, start_collector, kind, moved):
    """"hostname" without names gives "?" in redirections, and the map additionally has addresses. "unknown-endpoint" means the
    host that was queried."""
    cluster = start_cluster(cluster_preferred_endpoint_type=kind)
    slot, owner = slot_of("key"), cluster.master_of(slot_of("key"))
    stranger = next(node for node in cluster.nodes if node is not owner)
    # Newer versions of redis-py remove the word MOVED.
    with pytest.raises(redis.ResponseError, match=f"{slot} {re.escape(moved)}{owner.port}$"):
        with stranger.client() as client:
            client.get("key")
    collector = start_collector(cluster.url())
    moves_under_load(cluster, collector)
    assert addresses(collector) == {f"127.0.0.1:{node.port}" for node in cluster.nodes}
    collector.close()
    assert "?" not in {line.get("address", "")[:1] for line in collector.log()}


# As with managed services: one name for all nodes, one port, one certificate for all names.
def test_a_configuration_endpoint_is_enough_to_find_all_nodes(start_cluster, start_collector, bindings, certificates, tmp_path):
    hosts, names = [f"127.0.0.{n}" for n in (2, 3, 4)], [f"node-{n}.redis.test" for n in (2, 3, 4)]
    cluster = start_cluster(tls=Tls(certificates, "any"), hosts=hosts, names=names, port=reserve_port())
    lines = [*(f"{host} clustercfg.redis.test" for host in hosts), *(f"{h} {n}" for h, n in zip(hosts, names))]
    (tmp_path / "hosts").write_text("\n".join(lines) + "\n")
    bindings.write("db", **{"type": "redis", "configuration_endpoint_address": "clustercfg.redis.test",
                            "port": cluster.nodes[0].port, "ssl": "true",
                            "ca.crt": (certificates / "ca.crt").read_text()})
    collector = start_collector(env={**bindings.environment(), **elsewhere(hosts=tmp_path / "hosts")})
    moves_under_load(cluster, collector)
    assert addresses(collector) == {f"{name}:{cluster.nodes[0].port}" for name in names}


def test_nodes_with_ipv6_addresses_are_found_and_used(start_cluster, start_collector, bindings):
    cluster = start_cluster(hosts=["::1"])
    bindings.write("db", **{"type": "redis", "cluster.nodes": cluster.node_list})
    collector = start_collector(env=bindings.environment())
    moves_under_load(cluster, collector)
    assert addresses(collector) == {f"[::1]:{node.port}" for node in cluster.nodes}
    status, out, err = check(redis_url=cluster.url())
    assert status == 0 and "a Cluster of 3 masters" in out, err
