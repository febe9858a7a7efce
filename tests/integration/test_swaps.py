"""A swap of the binding takes effect for all workers at one moment: once a document is acknowledged in the new Redis,
no worker returns 404 because of the old Redis, and none acknowledges anything in the old Redis."""

import uuid

import pytest

from support.background import Background
from support.collector import metric_sum
from support.deadline import wait_until

DOCUMENT = {"name": "a document"}
WORKERS = 2
CONNECTIONS = 12  # so many that each worker has some
PLACES = {"server": {}, "prefix": {"key-prefix": "b:"}, "database": {"database": "3"}}


@pytest.fixture(params=["memory", "replica"])
def ack(request):
    return request.param


@pytest.fixture
def swapping(start_redis, start_collector, start_proxy, bindings):
    """start(kind, ack) returns (collector, clients, proxy, store, prefix). Some connections to the new Redis work at
    once, the others after the proxy is healed."""
    def start(kind="server", ack="memory", hold_time="30s", **options):
        old = start_redis(repl_diskless_sync_delay=0)
        new = start_redis(repl_diskless_sync_delay=0) if kind == "server" else old
        for server in {old, new} if ack == "replica" else ():
            start_redis(replicaof=f"{server.host} {server.port}")
            wait_until(lambda server=server: server.replicas() == 1, "a replica in step")
        proxy = start_proxy(new)
        entries = PLACES[kind]
        bindings.redis("db", old)
        collector = start_collector(env=bindings.environment(), binding="db", workers=WORKERS, ack=ack, hold_time=hold_time,
                                    connect_timeout="60s", stall_timeout="60s", **options).wait_connected()
        clients = [collector.client() for _ in range(CONNECTIONS)]
        assert {client.get("/healthz").status for client in clients} == {200}
        # The trial of the new binding uses one connection. With --ack=replica a worker has five, one of them for reading.
        proxy.admit(1 + (1 if ack == "memory" else WORKERS + 1))
        bindings.redis("db", proxy, **entries)
        store = new.client(db=int(entries.get("database", 0)))
        return collector, clients, proxy, store, entries.get("key-prefix", "")
    return start


def _first_in_the_new_place(collector, clients, store, prefix, post):
    """Posts until a document is acknowledged in the new Redis, and returns the client and the key; no request has to
    wait before that. A busy machine may have given all connections to the other workers, so each round adds one
    client."""
    found = []

    def is_there():
        for client in clients:
            key = post(client)
            if store.exists(prefix + key):
                found.append((client, key))
                return True
        clients.append(collector.client())
        return False
    wait_until(is_there, "a document in the new place", 30, 0.1)
    return found[0]


def _post(client, headers=None):
    answer = client.post("/v1/documents", DOCUMENT, headers)
    assert answer.status == 201, answer
    return answer.json()["key"]


def _all(clients, call):
    return [Background(lambda client=client: call(client)) for client in clients]


def _all_until_some_wait(collector, clients, call):
    """Starts the calls of all clients, and of additional clients until a call waits, and returns the calls. On a busy
    machine one worker may have taken all connections."""
    calls = _all(clients, call)

    def one_waits():
        if metric_sum(collector.metrics(), "collector_held_commands") >= 1:
            return True
        if all(call.done() for call in calls):
            clients.append(collector.client())
            calls.extend(_all(clients[-1:], call))
        return False
    wait_until(one_waits, "one that waits", 30, 0.05)
    assert not all(call.done() for call in calls)
    return calls


@pytest.mark.parametrize("kind", PLACES)
def test_every_worker_finds_a_document_of_the_new_redis(swapping, kind):
    collector, clients, proxy, store, prefix = swapping(kind)
    _, key = _first_in_the_new_place(collector, clients, store, prefix, _post)
    calls = _all_until_some_wait(collector, clients, lambda client: client.get(f"/v1/documents/{key}"))
    proxy.heal()
    assert {call.result().status for call in calls} == {200}


@pytest.mark.parametrize("kind", PLACES)
def test_every_worker_lists_what_was_acknowledged_in_the_new_redis(swapping, kind):
    collector, clients, proxy, store, prefix = swapping(kind)
    _, key = _first_in_the_new_place(collector, clients, store, prefix, _post)
    calls = _all_until_some_wait(collector, clients, lambda client: client.get("/v1/documents?limit=1000"))
    proxy.heal()
    for call in calls:
        answer = call.result()
        assert answer.status == 200 and [entry["key"] for entry in answer.json()["documents"]] == [key]


def test_a_key_in_neither_redis_gets_404_once_the_worker_has_searched_the_new_one(swapping):
    collector, clients, proxy, store, prefix = swapping()
    _first_in_the_new_place(collector, clients, store, prefix, _post)
    calls = _all_until_some_wait(collector, clients, lambda client: client.get(f"/v1/documents/{uuid.uuid4()}"))
    proxy.heal()
    assert {call.result().status for call in calls} == {404}


@pytest.mark.parametrize("kind", PLACES)
def test_nothing_is_acknowledged_in_the_old_redis_after_the_first_in_the_new_one(swapping, kind, ack):
    collector, clients, proxy, store, prefix = swapping(kind, ack)
    _first_in_the_new_place(collector, clients, store, prefix, _post)
    calls = _all_until_some_wait(collector, clients, _post)
    assert all(store.exists(prefix + call.result()) for call in calls if call.done())
    proxy.heal()
    keys = [call.result() for call in calls]
    assert all(store.exists(prefix + key) for key in keys)
    listed = [entry["key"] for entry in clients[0].get("/v1/documents?limit=1000").json()["documents"]]
    assert set(keys) <= set(listed) and len(listed) == len(set(listed))


@pytest.mark.parametrize("kind", PLACES)
def test_a_repeat_at_a_slower_worker_gets_the_first_answer(swapping, kind, ack):
    collector, clients, proxy, store, prefix = swapping(kind, ack)
    headers = {"Idempotency-Key": "one"}
    _first_in_the_new_place(collector, clients, store, prefix, lambda client: _post(client, headers))
    calls = _all_until_some_wait(collector, clients, lambda client: client.post("/v1/documents", DOCUMENT, headers))
    proxy.heal()
    answers = [call.result() for call in calls]
    assert len({answer.body for answer in answers}) == 1 and {answer.status for answer in answers} == {201}
    assert {answer.header("idempotency-replayed") for answer in answers} == {"true"}
    assert len(clients[0].get("/v1/documents").json()["documents"]) == 1


def test_a_document_put_into_both_is_deleted_from_the_new_one(swapping):
    collector, clients, proxy, store, prefix = swapping()
    key = str(uuid.uuid4())

    def put(client):
        assert client.put(f"/v1/documents/{key}", DOCUMENT).status in (200, 201)
        return key
    first, _ = _first_in_the_new_place(collector, clients, store, prefix, put)
    others = [client for client in clients if client is not first]
    calls = _all_until_some_wait(collector, others, lambda client: client.delete(f"/v1/documents/{key}"))
    proxy.heal()
    assert {call.result().status for call in calls} <= {204, 404}
    assert not store.exists(prefix + key)
    assert {client.get(f"/v1/documents/{key}").status for client in clients} == {404}


def test_requests_that_wait_for_the_new_redis_get_503_after_the_hold_time(swapping):
    collector, clients, _, store, prefix = swapping(hold_time="2s")
    _, key = _first_in_the_new_place(collector, clients, store, prefix, _post)
    calls = _all_until_some_wait(collector, clients, lambda client: client.get(f"/v1/documents/{key}"))
    assert {call.result().status for call in calls} == {200, 503}
    calls = _all(clients, lambda client: client.post("/v1/documents", DOCUMENT))
    answers = [call.result() for call in calls]
    assert {answer.status for answer in answers} == {201, 503}
    assert all(store.exists(prefix + answer.json()["key"]) for answer in answers if answer.status == 201)
