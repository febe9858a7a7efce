"""`--ack`: the faults that an acknowledgement survives, with real replicas and a real append-only file."""

import uuid

import pytest

from support import feed
from support.background import post_later
from support.cluster import RedisCluster
from support.deadline import stays, wait_until
from support.http_client import Client, request_bytes, timed
from support.load import Load
from support.matching import assert_problem
from support.ports import open_ports
from support.program import run_program

DOCUMENT = {"name": "a document"}


@pytest.fixture
def start_pair(start_redis):
    """start_pair() starts a primary and its synced replica."""
    def start(replicas=1, **options):
        primary = start_redis(repl_diskless_sync_delay=0, **options)
        copies = [start_redis(replicaof=f"{primary.host} {primary.port}", **options) for _ in range(replicas)]
        wait_until(lambda: primary.replicas() == replicas, "replicas in step")
        return (primary, *copies)
    return start


def post_all(collector, count):
    """Posts `count` documents and yields the key of each right after its response."""
    with collector.client() as client:
        for number in range(count):
            answer = client.post("/v1/documents", {"number": number})
            assert answer.status == 201, answer
            yield answer.json()["key"]


# --- Replicas --------------------------------------------------------------------------------

def test_an_acknowledged_document_is_on_the_replica_at_that_moment(start_pair, start_collector):
    primary, replica = start_pair()
    collector = start_collector(primary, ack="replica:1").wait_connected()
    with Load(collector, connections=16, rate=2000) as load, replica.client() as copy:
        for key in post_all(collector, 300):
            assert copy.exists(key), key
    load.count(copy).assert_perfect()
    metrics = collector.metrics()
    assert metrics["collector_ack_wait_seconds_count"] > 0
    # One WAIT covers many documents.
    assert metrics["collector_ack_wait_seconds_count"] < metrics['collector_documents_total{result="stored"}']


def test_puts_and_repeats_wait_for_the_replica_too(start_pair, start_collector):
    primary, replica = start_pair()
    collector = start_collector(primary, ack="replica", hold_time="1s").wait_connected()
    path = "/v1/documents/0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"
    with collector.client() as client, replica.client() as copy:
        assert client.put(path, DOCUMENT).status == 201
        assert copy.exists(path.rsplit("/", 1)[1])
        assert client.put(path, DOCUMENT).status == 200
        assert client.put(path, {"name": "another"}).status == 409
        first = client.post("/v1/documents", DOCUMENT, {"Idempotency-Key": "one"})
        again = client.post("/v1/documents", DOCUMENT, {"Idempotency-Key": "one"})
        assert (first.status, again.status, first.body) == (201, 201, again.body)
        assert again.header("idempotency-replayed") == "true"
        # A repeat of a document that the replica lacks is not acknowledged either.
        replica.pause()
        for _ in range(2):
            answer = client.post("/v1/documents", DOCUMENT, {"Idempotency-Key": "two"})
            assert answer.status == 503 and "not yet safe" in answer.json()["detail"], answer
        replica.resume()
        answer = client.post("/v1/documents", DOCUMENT, {"Idempotency-Key": "two"})
        assert answer.status == 201 and copy.exists(answer.json()["key"])


def test_a_repeat_that_wait_cannot_confirm_gets_an_error_with_its_key(start_pair, start_collector):
    primary, _ = start_pair()
    key = "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"
    collector = start_collector(primary, ack="replica", hold_time="1s").wait_connected()
    with collector.client() as client, primary.client() as store:
        store.execute_command("ACL", "SETUSER", "default", "resetkeys", f"~{key[:4]}*", "~collector:feed:*")
        assert client.put(f"/v1/documents/{key}", DOCUMENT).status == 201
        answer = client.put(f"/v1/documents/{key}", DOCUMENT)
        assert assert_problem(answer, 503, "stored, but not yet safe", "NOPERM")["key"] == key
        assert client.put(f"/v1/documents/{key}", {"name": "another"}).status == 409
        store.execute_command("ACL", "SETUSER", "default", "~*")
        assert client.put(f"/v1/documents/{key}", DOCUMENT).status == 200


def test_a_stopped_replica_delays_requests_and_the_error_names_the_key(start_pair, start_collector):
    primary, replica = start_pair()
    collector = start_collector(primary, ack="replica", hold_time="1500ms").wait_connected()
    replica.pause()
    with collector.client() as client:
        took, answer = timed(client.post, "/v1/documents", DOCUMENT)
        problem = answer.json()
        assert answer.status == 503 and answer.media_type == "application/problem+json"
        assert "stored, but not yet safe: 0 of 1 replicas" in problem["detail"]
        assert 1.4 <= took < 10
        assert client.get(f"/v1/documents/{problem['key']}").status == 200


def test_waiting_requests_are_acknowledged_when_the_replica_continues(start_pair, start_collector):
    primary, replica = start_pair()
    collector = start_collector(primary, ack="replica").wait_connected()
    replica.pause()
    waiting = [post_later(collector, DOCUMENT) for _ in range(20)]
    stays(lambda: not any(one.done() for one in waiting), "requests that wait for the replica", 0.5)
    replica.resume()
    answers = [one.result() for one in waiting]
    assert [answer.status for answer in answers] == [201] * 20
    with replica.client() as copy:
        assert copy.exists(*[answer.json()["key"] for answer in answers]) == 20


def test_reads_do_not_wait_for_a_replica(start_pair, start_collector):
    primary, replica = start_pair()
    collector = start_collector(primary, ack="replica", hold_time="5s").wait_connected()
    with collector.client() as client:
        key = client.post("/v1/documents", DOCUMENT).json()["key"]
        replica.pause()
        waiting = [post_later(collector, DOCUMENT) for _ in range(10)]
        stays(lambda: not any(one.done() for one in waiting), "requests that wait for the replica", 0.3)
        took, answer = timed(client.get, f"/v1/documents/{key}")
        assert answer.status == 200 and took < 3  # the hold time is 5 s
        replica.resume()
        assert {one.result().status for one in waiting} == {201}


def test_a_primary_that_dies_under_load_loses_no_acknowledged_document(start_pair, start_collector):
    primary, replica = start_pair()
    collector = start_collector(primary, ack="replica:1", hold_time="1s").wait_connected()
    with Load(collector, connections=32, rate=4000, timeout=20) as load:
        load.wait_acknowledged(1500)
        primary.kill()
    with replica.client() as copy:
        load.count(copy).assert_nothing_lost()


def test_a_promoted_replica_gets_what_the_dead_primary_had_not_replicated(start_pair, start_collector, bindings):
    primary, heir, third = start_pair(replicas=2)
    bindings.redis("db", primary)
    collector = start_collector(env=bindings.environment(), ack="replica:1", hold_time="20s").wait_connected()
    with Load(collector, connections=16, rate=2000) as load, heir.client() as client, third.client() as other:
        load.wait_acknowledged(300)
        # The successor is the most up-to-date replica, as Sentinel would choose: it has all acknowledged documents too.
        third.pause()
        acknowledged = list(load.acknowledged)
        wait_until(lambda: client.exists(*acknowledged) == len(acknowledged), "the successor to have what third has")
        # From now on the primary replicates nothing, so Collector acknowledges nothing, although the primary accepts
        # writes.
        heir.pause()
        wait_until(lambda: primary.client().dbsize() > len(load.acknowledged) + 10, "documents that wait")
        primary.kill()
        heir.resume()
        third.resume()
        client.replicaof("no", "one")
        other.replicaof(heir.host, heir.port)
        bindings.redis("db", heir)
        load.wait_acknowledged(300)
    load.count(client).assert_perfect()
    load.count(other).assert_nothing_lost()


def test_cut_connections_lose_nothing(start_pair, start_proxy, start_collector):
    primary, replica = start_pair()
    proxy = start_proxy(primary)
    collector = start_collector(proxy, ack="replica:1").wait_connected()
    with Load(collector, connections=16, rate=1500) as load:
        for _ in range(4):
            load.wait_acknowledged(150)
            proxy.reset()
    with replica.client() as copy:
        result = load.count(copy)
    result.assert_perfect()
    # Documents that were written again have two entries in the feed but are listed once.
    with Client(collector.host, collector.port) as client:
        listed, cursor = [], ""
        while True:
            page = client.get(f"/v1/documents?limit=1000{cursor}").json()
            listed += [entry["key"] for entry in page["documents"]]
            if not page["more"]:
                break
            cursor = "&cursor=" + page["next"]
    assert len(listed) == len(set(listed)) and set(load.acknowledged) <= set(listed)


def test_the_feed_expires_with_its_documents(start_pair, start_collector):
    primary, _ = start_pair()
    collector = start_collector(primary, ack="replica", retention="1h").wait_connected()
    with collector.client() as client, primary.client() as store:
        client.post("/v1/documents", DOCUMENT)
        stream = wait_until(lambda: feed.streams(store), "the feed")[0]
        wait_until(lambda: store.ttl(stream) > 0, "an expiry of the feed", 5)


def test_fewer_replicas_than_requested_cause_a_warning(start_pair, start_collector, start_redis):
    primary, replica = start_pair()
    collector = start_collector(primary, ack="replica:2", hold_time="10s")
    line = collector.wait_log("ack.lacks_replicas")
    assert (line["replicas"], line["wanted"]) == (1, 2)
    waiting = post_later(collector, DOCUMENT)
    stays(lambda: not waiting.done(), "a request that waits for a second replica", 0.5)
    start_redis(replicaof=f"{primary.host} {primary.port}")
    assert waiting.result().status == 201
    assert replica.running()


# --- Some connections are broken ---------------------------------------------------------------

class Connections:
    """The connections of a Collector's only worker to a server: number 0 is for reading, 1 to 4 write."""

    def __init__(self, server, collector):
        self.control, self.pid = server.client(), collector.pid
        with collector.client() as client:
            client.get(f"/v1/documents/{uuid.uuid4()}")
        wait_until(lambda: len(self._of_collector()) == 5, "a connection to read and four to write")
        found = self._of_collector()
        reading = [number for number, command in found.items() if command == "get"]
        assert len(reading) == 1, found
        self.ids = reading + [number for number in found if number not in reading]

    def _of_collector(self):
        """Returns {id: last command} of Collector's open connections: the server may still list connections of the
        trial and of this test that have just closed."""
        ports = open_ports(self.pid)
        return {int(one["id"]): one["cmd"] for one in self.control.client_list(_type="normal")
                if int(one["addr"].rpartition(":")[2]) in ports}

    def cut(self, *numbers):
        """Closes these connections and keeps the server from accepting new ones, even in place of `control`, which
        ends with this object."""
        replicas = len(self.control.client_list(_type="replica"))
        self.control.config_set("maxclients", replicas + len(self.ids) - len(numbers))
        for number in numbers:
            self.control.client_kill_filter(_id=self.ids[number])

    def allow(self):
        self.control.config_set("maxclients", 1000)


@pytest.mark.parametrize("broken", [[1], [2], [3], [4], [1, 2, 3], [2, 3, 4]])
def test_a_broken_connection_of_the_pool_delays_no_document(start_pair, start_collector, broken):
    primary, _ = start_pair()
    collector = start_collector(primary, ack="replica", hold_time="3s", workers=1).wait_connected()
    Connections(primary, collector).cut(*broken)
    with Load(collector, connections=16, rate=1000) as load:
        load.wait_acknowledged(400)
    assert not load.failed and max(load.latencies) < 2.5, load.table()
    with collector.client() as client:
        assert client.get("/readyz").status == 200


def test_collector_is_not_ready_if_no_connection_of_the_pool_reaches_redis(start_pair, start_collector):
    primary, _ = start_pair()
    collector = start_collector(primary, ack="replica", hold_time="500ms", workers=1).wait_connected()
    connections = Connections(primary, collector)
    connections.cut(1, 2, 3, 4)
    with collector.client() as client:
        assert wait_until(lambda: client.get("/readyz").status == 503, "an end of the readiness")
        assert client.get("/v1/documents").status == 200
        connections.allow()
        wait_until(lambda: client.get("/readyz").status == 200, "readiness")
        assert client.post("/v1/documents", DOCUMENT).status == 201


def test_a_request_waiting_in_the_pool_is_dropped_when_its_client_disconnects(start_pair, start_collector):
    primary, _ = start_pair()
    collector = start_collector(primary, ack="replica", hold_time="60s", workers=1).wait_connected()
    Connections(primary, collector).cut(1, 2, 3, 4)
    with collector.connect() as sender:
        sender.send(request_bytes("POST", "/v1/documents", DOCUMENT))
        wait_until(lambda: collector.metrics()["collector_held_commands"] > 0, "a document that is held")
    wait_until(lambda: collector.metrics()["collector_held_commands"] == 0, "the held requests to end", 20)


def test_a_document_on_a_working_connection_is_finished_when_collector_stops(start_pair, start_collector):
    primary, replica = start_pair()
    collector = start_collector(primary, ack="replica", hold_time="20s", workers=1, grace="20s").wait_connected()
    connections = Connections(primary, collector)
    replica.pause()
    waiting = post_later(collector, DOCUMENT)
    wait_until(lambda: primary.client().dbsize() > 0, "a document that waits for the replica")
    connections.cut(0)
    collector.wait_log("redis.disconnected")
    collector.terminate()
    stays(lambda: not waiting.done(), "a request that waits for the replica", 0.5)
    replica.resume()
    assert waiting.result().status == 201


# --- Cluster ---------------------------------------------------------------------------------

def test_wait_is_sent_to_each_cluster_master_that_was_written_to(start_collector):
    with RedisCluster(masters=3, replicas=True) as cluster:
        collector = start_collector(cluster.nodes[0], ack="replica:1", hold_time="1500ms").wait_connected()
        with Load(collector, connections=16, rate=2000) as load:
            load.wait_acknowledged(600)
        stored = {key.decode() for node in cluster.nodes[3:] for key in node.client().keys("*")}
        assert set(load.acknowledged) <= stored and not load.failed, load.table()
        path = "/v1/documents/0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"
        with collector.client() as client:
            assert [client.put(path, DOCUMENT).status for _ in range(2)] == [201, 200]
            # If one replica is missing, its master's documents are not safe; other masters' documents are.
            cluster.nodes[3].pause()
            answers = [one.result() for one in [post_later(collector, DOCUMENT, headers={"Idempotency-Key": str(n)})
                                                for n in range(24)]]
            assert 503 in {answer.status for answer in answers}
            cluster.nodes[3].resume()
            answers = [client.post("/v1/documents", DOCUMENT, {"Idempotency-Key": str(n)}) for n in range(24)]
            assert {answer.status for answer in answers} == {201}
        collector.close()


# --- Disk ------------------------------------------------------------------------------------

@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_a_server_killed_under_load_loses_no_synced_document(start_redis, start_collector, valkey_server,
                                                                     policy):
    server = start_redis(program=valkey_server, appendonly="yes", appendfsync=policy)
    collector = start_collector(server, ack="fsync", hold_time="20s").wait_connected()
    with Load(collector, connections=32, rate=3000) as load:
        for _ in range(2):
            load.wait_acknowledged(150)
            server.restart()
        load.wait_acknowledged(50)
    with server.client() as client:
        load.count(client).assert_perfect()


def test_a_single_document_is_synced_at_once_if_the_server_always_syncs(start_redis, start_collector,
                                                                            valkey_server):
    server = start_redis(program=valkey_server, appendonly="yes", appendfsync="always")
    collector = start_collector(server, ack="fsync").wait_connected()
    with collector.client() as client:
        times = sorted(timed(client.post, "/v1/documents", DOCUMENT)[0] for _ in range(21))
    # If WAITAOF were sent in the same write as the document, it would be answered only at the server's next event,
    # after 50 ms on average.
    assert times[10] < 0.04, times


def test_a_server_without_waitaof_is_rejected_at_startup(start_redis):
    server = start_redis(appendonly="yes")
    with server.client() as client:
        version = client.info("server")["redis_version"]
    if tuple(int(part) for part in version.split(".")[:2]) >= (7, 2):
        return  # on a newer system the server has WAITAOF, so nothing is refused
    status, _, errors = run_program("collector", ["--listen", "127.0.0.1:0", "--ack", "fsync", "--redis-url",
                                                  server.url()], None, seconds=20)
    assert status == 1
    assert f"redis {version}, which has no WAITAOF" in errors


def test_a_server_without_an_append_only_file_is_rejected_at_startup(start_redis, valkey_server):
    server = start_redis(program=valkey_server)
    for arguments in (["--listen", "127.0.0.1:0"], ["--check"]):
        status, _, errors = run_program("collector", [*arguments, "--ack", "fsync", "--redis-url", server.url()], None,
                                        seconds=20)
        assert status == 1
        assert "has its append-only file turned off" in errors


def test_a_binding_to_a_server_that_cannot_sync_is_rejected(start_redis, start_collector, valkey_server, bindings):
    server = start_redis(program=valkey_server, appendonly="yes", appendfsync="always")
    bindings.redis("db", server)
    collector = start_collector(env=bindings.environment(), ack="fsync").wait_connected()
    bindings.redis("db", start_redis(program=valkey_server))
    line = collector.wait_log("binding.reload_failed")
    assert "append-only file turned off" in line["error"]
    with collector.client() as client, server.client() as store:
        assert store.exists(client.post("/v1/documents", DOCUMENT).json()["key"])


def test_a_server_found_later_that_cannot_sync_gives_503_with_the_reason(start_redis, start_collector,
                                                                             valkey_server):
    server = start_redis(program=valkey_server, start=False)
    collector = start_collector(server, ack="fsync", hold_time="10s")
    collector.wait_log("ack.unchecked")
    server.start()
    with collector.client() as client:
        answer = client.post("/v1/documents", DOCUMENT)
        assert answer.status == 503
        assert "Redis refuses WAITAOF" in answer.json()["detail"] and "appendonly" in answer.json()["detail"]


# --- Stopping, and settings ------------------------------------------------------------------

def test_waiting_requests_are_answered_when_collector_stops(start_pair, start_collector):
    primary, replica = start_pair()
    collector = start_collector(primary, ack="replica", grace="1s").wait_connected()
    replica.pause()
    waiting = [post_later(collector, DOCUMENT) for _ in range(5)]
    wait_until(lambda: primary.client().dbsize() >= 5, "documents that wait")
    collector.close()
    for one in waiting:
        answer = one.result()
        assert answer.status == 503 and "Collector stops" in answer.json()["detail"] and answer.json()["key"]


def test_an_unknown_level_is_rejected():
    status, _, errors = run_program("collector", ["--ack", "disk"], None, seconds=20)
    assert status == 2
    assert "--ack" in errors and "expected memory, replica, replica:N or fsync" in errors
