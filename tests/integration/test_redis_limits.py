"""Limits at which Redis closes a connection: only the command that exceeds a limit fails, with the reason."""

import threading
import time

from support.background import Background
from support.certificates import Certificates
from support.collector import metric_sum
from support.deadline import wait_until
from support.load import Load
from support.matching import assert_problem
from support.site import listed_keys

LARGE = 3 << 20


def large(size=LARGE):
    return {"large": "x" * size}


def post(program, document):
    with program.client(timeout=60) as client:
        return client.post("/v1/documents", document)


def get(program, path):
    with program.client(timeout=60) as client:
        return client.get(path)


def assert_too_large(answer, size=LARGE):
    assert_problem(answer, 507)
    detail = answer.json()["detail"]
    assert "Redis closed the connection" in detail and "after this SET of " in detail, detail
    # Redis has not replied, so it may have executed the command.
    assert "it is unknown whether the document is stored" in detail and len(answer.json()["key"]) == 36
    assert any(str(size + more) in detail for more in range(400)), detail


# --- A command that is too large --------------------------------------------------------------------------

def test_a_document_over_the_query_buffer_limit_fails_alone(start_redis, start_collector):
    server = start_redis(client_query_buffer_limit="1mb")
    program = start_collector(server, body_max="4MiB", workers=1)
    with Load(program, connections=16, rate=2000) as load:
        load.wait_acknowledged(100)
        for _ in range(2):
            begin = time.monotonic()
            assert_too_large(post(program, large()))
            assert time.monotonic() - begin < 20, "identified long before the hold time is over"
        load.wait_acknowledged(100)
    load.count(server.client()).assert_perfect()


def test_several_oversized_documents_at_once_affect_no_others(start_redis, start_collector):
    server = start_redis(client_query_buffer_limit="1mb")
    program = start_collector(server, body_max="4MiB", workers=1)
    with Load(program, connections=8, rate=1000) as load:
        load.wait_acknowledged(50)
        for answer in [Background(lambda: post(program, large())) for _ in range(4)]:
            assert_too_large(answer.result())
        load.wait_acknowledged(50)
    load.count(server.client()).assert_perfect()


def test_an_oversized_document_is_found_even_if_nothing_else_is_sent(start_redis, start_collector):
    server = start_redis(client_query_buffer_limit="1mb")
    program = start_collector(server, body_max="4MiB", workers=1)
    assert_too_large(post(program, large()))
    assert post(program, {"small": 1}).status == 201
    wait_until(lambda: not server.client().keys("collector:trial*"), "no keys left from its trial")


def test_a_document_over_the_bulk_limit_fails_with_the_error_of_redis(start_redis, start_collector):
    server = start_redis(proto_max_bulk_len="1mb")
    program = start_collector(server, body_max="4MiB", workers=1)
    with Load(program, connections=8, rate=1000) as load:
        load.wait_acknowledged(50)
        for _ in range(3):
            answer = post(program, large())
            assert_problem(answer, 507)
            assert "invalid bulk length" in answer.json()["detail"] or "at this SET of" in answer.json()["detail"]
        load.wait_acknowledged(50)
    load.count(server.client()).assert_perfect()


def test_exceeding_maxmemory_clients_fails_only_the_large_document(start_redis, start_collector):
    server = start_redis()
    if not server.client().config_get("maxmemory-clients"):
        server.config(client_query_buffer_limit="1mb")  # the only such limit in Redis 6.2
    else:
        server.config(maxmemory_clients="2mb")
    program = start_collector(server, body_max="8MiB", workers=1)
    with Load(program, connections=8, rate=1000) as load:
        load.wait_acknowledged(50)
        assert_too_large(post(program, large(6 << 20)), 6 << 20)
        load.wait_acknowledged(50)
    load.count(server.client()).assert_perfect()


def test_with_tls_an_oversized_document_fails_alone_too(start_redis, start_collector, tmp_path):
    certificates = Certificates(tmp_path)
    server = start_redis(certificates=certificates, client_query_buffer_limit="1mb")
    program = start_collector(server.url().replace("redis:", "rediss:"), body_max="4MiB", workers=1,
                              redis_ca_file=certificates.path("ca.crt"))
    with Load(program, connections=8, rate=1000) as load:
        load.wait_acknowledged(50)
        assert_too_large(post(program, large()))
        load.wait_acknowledged(50)
    load.count(server.client()).assert_perfect()


def test_the_other_documents_still_wait_for_the_replicas(start_redis, start_collector):
    server = start_redis(client_query_buffer_limit="1mb")
    start_redis(replicaof=f"{server.host} {server.port}", repl_diskless_sync_delay=0)
    wait_until(lambda: server.replicas() == 1, "a replica")
    program = start_collector(server, body_max="4MiB", workers=1, ack="replica:1")
    with Load(program, connections=8, rate=1000) as load:
        load.wait_acknowledged(50)
        assert_too_large(post(program, large()))
        load.wait_acknowledged(50)
    load.count(server.client()).assert_perfect()


def test_a_swap_gives_a_large_document_another_chance(start_redis, start_collector, bindings):
    server, other = start_redis(client_query_buffer_limit="1mb"), start_redis()
    bindings.redis("db", server)
    program = start_collector(env=bindings.environment(), body_max="4MiB", workers=1)
    with Load(program, connections=8, rate=400) as load:
        load.wait_acknowledged(50)
        for turn in range(4):
            answers = [Background(lambda: post(program, large())) for _ in range(2)]
            bindings.redis("db", server if turn % 2 else other)
            for answer in answers:
                status = answer.result().status
                assert status in (201, 507), answer.result()
        load.wait_acknowledged(50)
    load.count(server.client(), other.client()).assert_perfect()


def test_in_a_cluster_the_other_documents_of_that_master_continue(start_cluster, start_collector):
    cluster = start_cluster(client_query_buffer_limit="1mb")
    node = cluster.nodes[0]
    program = start_collector(f"redis://{node.host}:{node.port}", body_max="4MiB", workers=1)
    with Load(program, connections=16, rate=2000) as load:
        load.wait_acknowledged(100)
        for _ in range(3):
            assert_too_large(post(program, large()))
        load.wait_acknowledged(100)
    assert not load.failed, load.table()
    assert_too_large(post(program, large()))


def test_an_unreachable_server_does_not_make_a_large_document_fail(start_redis, start_proxy, start_collector):
    server = start_redis()
    proxy = start_proxy(server)
    program = start_collector(proxy, body_max="4MiB", workers=1)
    with Load(program, connections=4, rate=200) as load:
        load.wait_acknowledged(20)
        for _ in range(2):
            proxy.refuse()
            answer = Background(lambda: post(program, large()))
            wait_until(lambda: metric_sum(program.metrics(), "collector_held_commands") > 2, "a held document")
            time.sleep(1.0)  # how long Redis is unreachable
            proxy.heal()
            assert answer.result().status == 201
    load.count(server.client()).assert_perfect()


# --- A reply that is too large ----------------------------------------------------------------------------

def test_a_reply_over_the_output_buffer_limit_fails_alone(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, body_max="9MiB", workers=1)
    key = post(program, large(8 << 20)).json()["key"]
    server.config(client_output_buffer_limit="normal 1mb 0 0")
    with Load(program, connections=16, rate=2000) as load:
        load.wait_acknowledged(100)
        answer = get(program, f"/v1/documents/{key}")
        assert_problem(answer, 507)
        assert "after this GET of" in answer.json()["detail"]
        load.wait_acknowledged(100)
    server.config(client_output_buffer_limit="normal 0 0 0")
    load.count(server.client()).assert_perfect()
    assert get(program, f"/v1/documents/{key}").status == 200


def test_a_list_whose_documents_together_exceed_the_limit_is_still_returned(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, workers=1)
    keys = {post(program, large(60000)).json()["key"] for _ in range(150)}
    server.config(client_output_buffer_limit="normal 1mb 0 0")
    with Load(program, connections=4, rate=200) as load:
        load.wait_acknowledged(20)
        assert set(listed_keys(program)) >= keys
    server.config(client_output_buffer_limit="normal 0 0 0")
    load.count(server.client()).assert_perfect()


# --- Writes that stall ------------------------------------------------------------------------------------

def readiness(program, stop):
    seen = []
    while not stop.is_set():
        seen.append(get(program, "/readyz").status)
        stop.wait(0.1)
    return seen


def test_stalled_writes_fail_after_the_hold_time(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, stall_timeout="1s", workers=1)
    with Load(program, connections=8, rate=400) as load:
        load.wait_acknowledged(20)
        server.client().execute_command("CLIENT", "PAUSE", 6000, "WRITE")
        load.wait_acknowledged(20)
    result = load.count(server.client())
    result.assert_perfect()
    assert result.longest > 5


def test_readiness_depends_on_writes_and_does_not_flap(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, stall_timeout="500ms", hold_time="2s", workers=1)
    assert post(program, {"a": 1}).status == 201
    stop = threading.Event()
    server.client().execute_command("CLIENT", "PAUSE", 60000, "WRITE")
    reports = Background(lambda: readiness(program, stop))
    for number in range(4):  # each fails separately, nothing waits in between, and reads succeed
        assert post(program, {"a": number}).status == 503
        assert get(program, "/v1/documents/0190a5d2-0000-7000-8000-000000000000").status == 404
    assert get(program, "/readyz").status == 503
    server.client().execute_command("CLIENT", "UNPAUSE")
    wait_until(lambda: get(program, "/readyz").status == 200, "ready without a request")
    stop.set()
    seen = [*reports.result(), 200]
    turns = sum(a != b for a, b in zip(seen, seen[1:]))
    assert turns == 2, seen


def test_a_proxy_that_closes_at_each_write_causes_only_a_delay(start_redis, start_proxy, start_collector):
    server = start_redis()
    proxy = start_proxy(server, scripted=True)
    program = start_collector(proxy, workers=1)
    with Load(program, connections=8, rate=400) as load:
        load.wait_acknowledged(20)
        connects = proxy.connections
        proxy.lose_replies(["SET", "XADD"], times=None)
        time.sleep(3.0)  # how long the proxy does this
        tries = proxy.connections - connects
        proxy.heal()
        load.wait_acknowledged(20)
    load.count(server.client()).assert_perfect()
    assert tries < 60, "with a backoff"
