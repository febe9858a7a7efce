"""`--previous-binding`: Collector finds documents of the previously bound Redis after a swap."""

import itertools
import threading
from collections import Counter

import pytest

from support.background import Background
from support.collector import check
from support.deadline import stays, wait_until
from support.http_client import timed
from support.load import Load
from support.matching import assert_problem

DOCUMENT = {"name": "a document"}
PUT_KEY = "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"


@pytest.fixture
def swapped(start_redis, start_collector, bindings):
    """Returns (collector, old, new, keys): three documents were stored in `old` before `new` was bound."""
    old, new = start_redis(), start_redis()
    bindings.redis("old", old)
    first = start_collector(env=bindings.environment())
    with first.client() as client:
        keys = [client.post("/v1/documents", DOCUMENT).json()["key"]]
        keys.append(client.post("/v1/documents", DOCUMENT, {"Idempotency-Key": "one"}).json()["key"])
        assert client.put(f"/v1/documents/{PUT_KEY}", DOCUMENT).status == 201
    first.close()
    bindings.redis("new", new)
    collector = start_collector(env=bindings.environment(), binding="new", previous_binding="old",
                                connect_timeout="1s")
    collector.wait_connected()
    return collector, old, new, [*keys, PUT_KEY]


def test_documents_of_the_previous_redis_are_read(swapped):
    collector, _, new, keys = swapped
    with collector.client() as client, new.client() as store:
        for key in keys:
            answer = client.get(f"/v1/documents/{key}")
            assert answer.status == 200 and answer.json()["name"] == DOCUMENT["name"]
            assert client.head(f"/v1/documents/{key}").status == 200
            assert client.get(f"/?key={key}").json()["key"] == key
        fresh = client.post("/v1/documents", DOCUMENT).json()["key"]
        assert store.exists(fresh) and not store.exists(*keys)
        assert client.get(f"/v1/documents/{fresh}").status == 200
        assert client.get("/v1/documents/00000000-0000-7000-8000-000000000000").status == 404
        # Nothing is copied, and a list shows only the current Redis.
        assert [entry["key"] for entry in client.get("/v1/documents").json()["documents"]] == [fresh]
    metrics = collector.metrics()
    assert metrics['collector_previous_reads_total{result="found"}'] == 9
    assert metrics['collector_previous_reads_total{result="absent"}'] == 1


def test_repeats_of_documents_in_the_previous_redis_store_nothing(swapped):
    collector, _, new, keys = swapped
    with collector.client() as client, new.client() as store:
        answer = client.post("/v1/documents", DOCUMENT, {"Idempotency-Key": "one"})
        assert (answer.status, answer.json()["key"]) == (201, keys[1])
        assert answer.header("idempotency-replayed") == "true"
        assert client.post("/v1/documents", {"name": "b"}, {"Idempotency-Key": "one"}).status == 422
        assert client.put(f"/v1/documents/{PUT_KEY}", DOCUMENT).status == 200
        assert client.put(f"/v1/documents/{PUT_KEY}", {"name": "b"}).status == 409
        assert store.dbsize() == 0
        # A document in neither Redis is new.
        assert client.post("/v1/documents", DOCUMENT, {"Idempotency-Key": "two"}).status == 201
        answer = client.post("/v1/documents", DOCUMENT, {"Idempotency-Key": "two"})
        assert answer.status == 201 and answer.header("idempotency-replayed") == "true"


def test_a_deleted_document_is_removed_from_both(swapped):
    collector, old, _, keys = swapped
    with collector.client() as client, old.client() as store:
        assert client.delete(f"/v1/documents/{keys[0]}").status == 204
        assert not store.exists(keys[0])
        assert client.get(f"/v1/documents/{keys[0]}").status == 404
        assert client.delete(f"/v1/documents/{keys[0]}").status == 404
        fresh = client.post("/v1/documents", DOCUMENT).json()["key"]
        assert client.delete(f"/v1/documents/{fresh}").status == 204


def test_a_delete_that_only_the_previous_redis_refuses_is_reported(swapped):
    collector, old, new, _ = swapped
    with collector.client() as client, old.client() as before, new.client() as store:
        fresh = client.post("/v1/documents", DOCUMENT).json()["key"]
        before.execute_command("ACL", "SETUSER", "default", "-getdel")
        answer = client.delete(f"/v1/documents/{fresh}")
        assert_problem(answer, 503, "is deleted from the Redis in use, but may still be in the previous one", "NOPERM")
        assert answer.header("retry-after") == "1" and not store.exists(fresh)
        # If the current Redis does not have the document either, nothing is deleted.
        assert_problem(client.delete(f"/v1/documents/{fresh}"), 503, "is not deleted: the previous Redis", "NOPERM")
        before.execute_command("ACL", "SETUSER", "default", "+getdel")
        assert client.delete(f"/v1/documents/{fresh}").status == 404


def test_an_unreachable_previous_redis_only_turns_a_miss_into_503(swapped):
    collector, old, _, keys = swapped
    with collector.client() as client:
        old.kill()
        fresh = client.post("/v1/documents", DOCUMENT)
        assert fresh.status == 201
        took, answer = timed(client.get, f"/v1/documents/{fresh.json()['key']}")
        assert answer.status == 200 and took < 1.5
        took, answer = timed(client.get, f"/v1/documents/{keys[0]}")
        assert answer.status == 503 and "the previous Redis" in answer.json()["detail"], answer
        assert took < 4
        assert client.get("/readyz").status == 200
        old.start()
        assert client.get(f"/v1/documents/{keys[0]}").status == 404  # it stored nothing on disk


def test_a_previous_binding_that_is_created_later_is_used(start_redis, start_collector, bindings):
    old, new = start_redis(), start_redis()
    key = "01a20b97-f93d-73cb-a06c-97cc6706b429"
    with old.client() as store:
        store.set(f"app:{key}", '{"a":1,"created":1,"correlationId":"x"}')
    bindings.redis("new", new)
    collector = start_collector(env=bindings.environment(), binding="new", previous_binding="old",
                                connect_timeout="300ms").wait_connected()
    with collector.client() as client:
        assert client.get(f"/v1/documents/{key}").status == 503
        bindings.redis("old", old, **{"key-prefix": "app:"})
        answer = wait_until(lambda: (client.get(f"/v1/documents/{key}").status == 200)
                            and client.get(f"/v1/documents/{key}"), "the document in the previous Redis")
        assert answer.json()["a"] == 1


def test_check_tries_the_binding_and_the_previous_one(start_redis, bindings):
    bindings.redis("old", start_redis())
    bindings.redis("new", start_redis())
    status, output, _ = check(env=bindings.environment(), binding="new", previous_binding="old")
    assert status == 0
    assert "Previous Redis, from binding" in output
    assert output.count("a write and a read have worked") == 1
    assert output.count("a read has worked") == 1
    status, _, errors = check(env=bindings.environment(), binding="new", previous_binding="older")
    assert status == 2 and "older" in errors


def test_the_prefix_of_a_binding_that_is_created_later_is_used(start_redis, start_collector, bindings):
    server = start_redis()
    collector = start_collector(env=bindings.environment(), binding="db")
    bindings.redis("db", server, **{"key-prefix": "app:"})
    collector.wait_connected()
    with collector.client() as client, server.client() as store:
        key = client.post("/v1/documents", DOCUMENT).json()["key"]
        assert store.exists(f"app:{key}")


def test_the_current_binding_needs_no_name_besides_the_previous_one(start_redis, start_collector, bindings):
    old, new = start_redis(), start_redis()
    bindings.redis("old", old)
    bindings.redis("new", new)
    status, _, errors = check(env=bindings.environment())
    assert status == 2 and "2 bindings" in errors
    status, output, errors = check(env=bindings.environment(), previous_binding="old")
    assert status == 0, errors
    collector = start_collector(env=bindings.environment(), previous_binding="old")
    collector.wait_connected()
    key = collector.client().post("/v1/documents", DOCUMENT).json()["key"]
    assert new.client().exists(key) and not old.client().exists(key)
    # With a third binding the choice is ambiguous again.
    bindings.redis("third", old)
    status, _, errors = check(env=bindings.environment(), previous_binding="old")
    assert status == 2 and "3 bindings" in errors


def test_the_previous_binding_does_not_replace_variables(start_redis, start_collector, bindings):
    old, new = start_redis(), start_redis()
    bindings.redis("old", old)
    environment = {**bindings.environment(), "REDIS_URL": new.url()}
    collector = start_collector(env=environment, previous_binding="old")
    collector.wait_connected()
    key = collector.client().post("/v1/documents", DOCUMENT).json()["key"]
    assert new.client().exists(key) and not old.client().exists(key)


# --- During a swap ---------------------------------------------------------------------------

LATER_KEY = "01a20b97-f93d-73cb-a06c-97cc6706b429"
CLIENTS = 12  # so that each of two workers has some


def _get_all(clients):
    return [Background(lambda client=client: client.get(f"/v1/documents/{LATER_KEY}")) for client in clients]


def _statuses(calls):
    return Counter(call.result().status for call in calls)


def _gets(server):
    return server.calls("get")


@pytest.fixture
def moving(start_redis, start_proxy, start_collector, bindings):
    """Yields (collector, clients, new, former, later): a document is neither in `new`, the Redis in use, nor in the
    previous one, but in `later`, to which the previous binding is about to change. The last two are proxies."""
    new, former, later = start_redis(), start_redis(), start_redis()
    later.client().set(LATER_KEY, '{"a":1,"created":1,"correlationId":"x"}')
    former, later = start_proxy(former), start_proxy(later)
    bindings.redis("new", new)
    bindings.redis("old", former)
    collector = start_collector(env=bindings.environment(), binding="new", previous_binding="old", workers=2,
                                connect_timeout="15s").wait_connected()
    clients = [collector.client() for _ in range(CLIENTS)]
    assert _statuses(_get_all(clients)) == {404: CLIENTS}
    yield collector, clients, new, former, later
    former.heal()
    later.heal()


def test_a_miss_in_a_previous_redis_that_is_being_replaced_is_repeated_in_its_successor(moving, bindings):
    collector, clients, new, former, later = moving
    former.pause()
    before = _gets(new)
    calls = _get_all(clients)
    wait_until(lambda: _gets(new) == before + CLIENTS, "reads that found nothing in the Redis in use")
    bindings.redis("old", later)
    for worker in range(2):
        collector.wait_log("previous.connected", address=f"127.0.0.1:{later.port}", worker=worker)
    former.heal()
    assert _statuses(calls) == {200: CLIENTS}
    assert collector.metrics()['collector_previous_reads_total{result="found"}'] == CLIENTS


def test_reads_wait_for_the_successor_of_the_previous_redis(moving, bindings):
    collector, clients, _, _, later = moving
    later.admit(1)  # the trial of the binding
    bindings.redis("old", later)
    collector.wait_log("binding.switched")
    assert {client.get("/healthz").status for client in clients} == {200}  # each worker has noticed
    calls = _get_all(clients)
    stays(lambda: not any(call.done() for call in calls), "reads that wait for the successor", 0.5)
    later.heal()
    assert _statuses(calls) == {200: CLIENTS}


def test_no_document_of_the_old_redis_is_missed_during_a_swap(start_redis, start_collector, bindings):
    former, new = start_redis(), start_redis()
    bindings.redis("db", former)
    bindings.redis("old", former)
    collector = start_collector(env=bindings.environment(), binding="db", previous_binding="old",
                                workers=2).wait_connected()
    with Load(collector, connections=8, requests=200) as load:
        load.join()
    keys, stop, seen = list(load.acknowledged), threading.Event(), Counter()

    def read():
        with collector.client() as client:
            for key in itertools.cycle(keys):
                if stop.is_set():
                    return
                seen[client.get(f"/v1/documents/{key}").status] += 1
    readers = [Background(read) for _ in range(CLIENTS)]
    for turn in range(4):
        bindings.redis("db", former if turn % 2 else new)
        for worker in range(2):
            collector.wait_log("redis.switched", worker=worker, generation=turn + 2)
    stop.set()
    for reader in readers:
        reader.result()
    assert set(seen) == {200} and seen[200] > 1000, seen
    assert collector.metrics()['collector_previous_reads_total{result="found"}'] > 0
