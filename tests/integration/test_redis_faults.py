"""Failures of Redis, which every acknowledged document survives (docs/decisions.md, "What a failure of Redis
means")."""

import concurrent.futures
import os
import time
from functools import partial

import pytest

from support import feed, scenarios
from support.background import post_later
from support.deadline import PATIENCE, stays, wait_until
from support.hostile_play import play_hostile
from support.http_client import timed
from support.load import Load
from support.matching import assert_problem, is_uuid
from support.places import DURABLE, Named, Standalone
from support.ports import reserve_port
from support.random_faults import play_random
from support.scenarios import play
from support.site import listed_keys


def assert_listed_once(program, load):
    """Checks that each acknowledged document is listed exactly once."""
    keys = listed_keys(program)
    missing = set(load.acknowledged) - set(keys)
    assert not missing, f"{len(missing)} acknowledged documents are not listed"
    assert len(keys) == len(set(keys)), f"{len(keys) - len(set(keys))} documents are listed twice"


# --- Unreachable ------------------------------------------------------------------------------------------

def test_collector_waits_for_a_redis_that_is_absent_at_startup(start_redis, start_collector):
    port = reserve_port()
    program = start_collector(f"redis://127.0.0.1:{port}")
    answer = post_later(program, {"a": 1})
    wait_until(lambda: program.held() > 0, "a held request")
    server = start_redis(port=port)
    got = answer.result()
    assert got.status == 201 and server.client().exists(got.json()["key"])


def test_killing_redis_three_times_under_load_loses_nothing():
    play(scenarios.killed, times=3).assert_met()


def test_a_two_second_outage_of_redis_causes_only_a_delay(start_redis, start_collector):
    server = start_redis(appendonly="yes", appendfsync="always")
    program = start_collector(server)
    with Load(program, connections=16) as load:
        load.wait_acknowledged(100)
        server.kill()
        down = time.monotonic()
        stays(program.running, "running", 2.0)
        server.start()
        load.wait_acknowledged(100)
        back = time.monotonic() - down
    result = load.count(server.client())
    result.assert_perfect()
    assert result.longest < back + 2 * PATIENCE, "requests go out soon after Redis is back"


def test_idempotent_requests_survive_a_kill_as_well(start_redis, start_collector):
    server = start_redis(appendonly="yes", appendfsync="always")
    program = start_collector(server)
    names = [os.urandom(8).hex() for _ in range(300)]

    def send(name):
        with program.client() as client:
            first = client.post("/v1/documents", {"marker": name}, {"Idempotency-Key": name})
            return name, first, client.post("/v1/documents", {"marker": name}, {"Idempotency-Key": name})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(send, name) for name in names]
        for goal in (60, 160):
            wait_until(lambda goal=goal: sum(answer.done() for answer in answers) >= goal, f"{goal} answers", 30)
            server.restart()
        answers = [answer.result(60) for answer in answers]
    assert {(first.status, again.status) for _, first, again in answers} == {(201, 201)}
    assert all(first.json() == again.json() for _, first, again in answers)
    keys = {first.json()["key"] for _, first, _ in answers}
    assert len(keys) == len(names)
    stored = [key for key in server.client().scan_iter(count=1000) if is_uuid(key.decode())]
    assert len(stored) == len(names)


def test_a_put_that_was_sent_twice_is_not_a_conflict(start_redis, start_proxy, start_collector):
    proxy = start_proxy(start_redis(), scripted=True)
    program = start_collector(proxy)
    program.wait_connected()
    # Redis executes it, but its reply is lost.
    proxy.lose_replies(commands=["SET"], times=1)
    with program.client() as client:
        answer = client.put("/v1/documents/11111111-1111-4111-8111-111111111111", {"a": 1})
        assert answer.status in (200, 201), answer
        assert client.put("/v1/documents/11111111-1111-4111-8111-111111111111", {"a": 2}).status == 409


def test_an_idempotent_post_whose_reply_was_lost_is_acknowledged(start_redis, start_proxy, start_collector):
    server = start_redis()
    proxy = start_proxy(server, scripted=True)
    program = start_collector(proxy)
    program.wait_connected()
    proxy.lose_replies(commands=["SET"], times=1)
    with program.client() as client:
        first = client.post("/v1/documents", {"a": 1}, {"Idempotency-Key": "k"})
        assert first.status == 201, first
        assert client.post("/v1/documents", {"a": 1}, {"Idempotency-Key": "k"}).json() == first.json()
    assert listed_keys(program) == [first.json()["key"]]


def test_a_document_whose_feed_entry_was_sent_twice_is_listed_once(start_redis, start_proxy, start_collector):
    server = start_redis()
    proxy = start_proxy(server, scripted=True)
    program = start_collector(proxy)
    program.wait_connected()
    with program.client() as client:
        first = client.post("/v1/documents", {"n": 1}).json()["key"]
        proxy.lose_replies(commands=["XADD"], times=1)
        second = client.post("/v1/documents", {"n": 2}).json()["key"]
        third = client.post("/v1/documents", {"n": 3}).json()["key"]
    assert server.calls("xadd") == 4, "the entry was not sent again"
    assert listed_keys(program) == [first, second, third]


def test_the_error_for_a_lost_feed_entry_has_the_documents_key(start_redis, start_proxy, start_collector):
    proxy = start_proxy(start_redis(), scripted=True)
    program = start_collector(proxy, hold_time="700ms", stall_timeout="200ms")
    program.wait_connected()
    with program.client() as client:
        proxy.lose_replies(commands=["XADD"], times=1000)
        key = assert_problem(client.post("/v1/documents", {"n": 1}), 503, "stored, but may be missing from the list")["key"]
        assert client.get(f"/v1/documents/{key}").status == 200
        proxy.heal()
        assert client.put(f"/v1/documents/{key}", {"n": 1}).status == 200
    assert listed_keys(program) == [key]


def test_a_document_without_memory_for_its_feed_entry_gets_507_with_its_key(start_redis, start_proxy, start_collector):
    proxy = start_proxy(start_redis(), scripted=True)
    program = start_collector(proxy)
    program.wait_connected()
    with program.client() as client:
        proxy.script("-OOM command not allowed when used memory > 'maxmemory'.\r\n", commands=["XADD"], times=1)
        key = assert_problem(client.post("/v1/documents", {"n": 1}), 507, "stored, but may be missing from the list", "OOM")["key"]
        assert client.put(f"/v1/documents/{key}", {"n": 1}).status == 200
    assert listed_keys(program) == [key]


IN_DOUBT = "it is unknown whether"


def test_only_the_outcome_of_a_lost_write_is_unknown(start_redis, start_proxy, start_collector):
    proxy = start_proxy(start_redis(), scripted=True)
    program = start_collector(proxy, hold_time="500ms", stall_timeout="200ms")
    program.wait_connected()
    with program.client() as client:
        key = client.post("/v1/documents", {"n": 1}, {"Idempotency-Key": "k"}).json()["key"]
        proxy.lose_replies(commands=["GET", "GETRANGE", "XRANGE", "XREVRANGE"], times=100_000)
        for path in (f"/v1/documents/{key}", f"/?key={key}", "/v1/documents"):
            problem = assert_problem(client.get(path), 503, "could not be read", "Redis")
            assert IN_DOUBT not in problem["detail"], problem
        assert client.request("HEAD", f"/v1/documents/{key}").status == 503
        repeat = assert_problem(client.post("/v1/documents", {"n": 1}, {"Idempotency-Key": "k"}), 503, "not acknowledged")
        assert IN_DOUBT not in repeat["detail"], repeat
        for method, path, document in (("DELETE", f"/v1/documents/{key}", None), ("POST", "/v1/documents", {"n": 2})):
            proxy.heal()
            wait_until(lambda: client.post("/v1/documents", {"n": 3}).status == 201, "a connection without backoff")
            proxy.lose_replies(commands=["GETDEL", "SET"], times=100_000)
            answer = client.post(path, document) if document else client.request(method, path)
            problem = assert_problem(answer, 503, IN_DOUBT)
        proxy.heal()
        wait_until(lambda: client.get(f"/v1/documents/{problem['key']}").status == 200, "a connection without backoff")
        # The document is stored. Its sender knows the key and can repeat the write with PUT; a repeated POST would
        # store it a second time.
        assert client.get(f"/v1/documents/{problem['key']}").json()["n"] == 2
        assert client.put(f"/v1/documents/{problem['key']}", {"n": 2}).status == 200


@pytest.mark.parametrize("own_created", [False, True])
def test_a_repeat_adds_the_feed_entry_that_a_dead_collector_did_not_write(start_redis, start_collector,
                                                                                 own_created):
    server = start_redis()
    program = start_collector(server)
    body = {"a": 1, **({"created": 5} if own_created else {})}
    with program.client() as client, server.client() as store:
        key = client.post("/v1/documents", body, {"Idempotency-Key": "k"}).json()["key"]
        # The state after a kill between the SET and the XADD.
        for stream in feed.streams(store):
            store.delete(stream)
        assert client.post("/v1/documents", body, {"Idempotency-Key": "k"}).status == 201
    assert listed_keys(program) == [key]


def test_a_stopped_redis_that_continues_causes_only_a_delay():
    play(scenarios.stopped, between=100).assert_met()


def test_a_redis_stopped_beyond_the_stall_time_causes_only_a_delay():
    play(partial(scenarios.stopped, seconds=3.0), between=100, stall_timeout="500ms",
         connect_timeout="500ms").assert_met()


def test_requests_wait_for_a_slow_redis_and_probes_answer_meanwhile(start_redis, start_proxy, start_collector):
    server = start_redis()
    proxy = start_proxy(server)
    program = start_collector(proxy)
    program.wait_connected()
    proxy.delay(0.3)
    with Load(program, connections=8) as load:
        with program.client() as client:
            slowest = max(timed(client.get, "/healthz")[0] for _ in range(20))
        load.wait_acknowledged(40)
    assert slowest < 0.25 * PATIENCE
    load.count(server.client()).assert_perfect()


@pytest.mark.parametrize("direction, count", [("to_client", 401), ("to_client", 1003), ("to_server", 7001)])
def test_connections_cut_within_a_message_lose_nothing(direction, count):
    play(partial(scenarios.cut, count=count, direction=direction, times=6), between=50).assert_met()


def test_connections_reset_under_load_lose_nothing():
    play(scenarios.reset, times=5, between=50).assert_met()


def test_refused_connections_are_retried():
    play(scenarios.refused, between=50).assert_met()


def test_a_black_hole_is_abandoned_after_the_stall_time():
    play(scenarios.black_hole, between=50, stall_timeout="400ms", connect_timeout="400ms").assert_met()


def test_clients_do_not_notice_that_redis_closed_an_idle_connection(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server)
    with program.client() as client:
        for n in range(10):
            assert client.post("/v1/documents", {"n": n}).status == 201
            with server.client() as other:
                other.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


@pytest.mark.parametrize("garbage", [b"!what\r\n", b"$99999999999999\r\nx", b"*3\r\n+a\r\n", b"\x00\x00\x00\r\n",
                                     b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_an_invalid_reply_closes_the_connection_but_the_request_succeeds(start_redis, start_proxy, start_collector, garbage):
    server = start_redis()
    proxy = start_proxy(server, scripted=True)
    program = start_collector(proxy, stall_timeout="500ms")
    program.wait_connected()
    proxy.script(garbage, commands=["SET"], times=1)
    with program.client() as client:
        answer = client.post("/v1/documents", {"a": 1})
    assert answer.status == 201, answer
    assert server.client().exists(answer.json()["key"])


# --- Temporary refusals -----------------------------------------------------------------------

NOT_NOW = ["READONLY You can't write against a read only replica.", "LOADING Redis is loading the dataset in memory",
           "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
           "CLUSTERDOWN The cluster is down", "TRYAGAIN Multiple keys request during rehashing of slot",
           "NOREPLICAS Not enough good replicas to write.", "BUSY Redis is busy running a script.",
           "UNBLOCKED force unblock from blocking operation, instance state changed",
           "ERR max number of clients reached"]


@pytest.mark.parametrize("reply", NOT_NOW, ids=[text.split()[0] if "max" not in text else "maxclients" for text in NOT_NOW])
def test_temporary_refusals_are_retried(start_redis, start_proxy, start_collector, reply):
    server = start_redis()
    proxy = start_proxy(server, scripted=True)
    program = start_collector(proxy)
    program.wait_connected()
    proxy.script(f"-{reply}\r\n", commands=["SET", "XADD"], times=4)
    with program.client() as client:
        answer = client.post("/v1/documents", {"a": 1})
        assert answer.status == 201, answer
        assert server.client().exists(answer.json()["key"])
        assert listed_keys(program) == [answer.json()["key"]]
        proxy.script(f"-{reply}\r\n", commands=["GET"], times=2)
        assert client.get(f"/v1/documents/{answer.json()['key']}").status == 200


def test_a_document_executed_after_its_feed_entry_is_stored_and_listed(start_redis, start_proxy, start_collector):
    server = start_redis()
    proxy = start_proxy(server, scripted=True)
    program = start_collector(proxy)
    program.wait_connected()
    proxy.script("-TRYAGAIN not now\r\n", commands=["SET"], times=1)
    with program.client() as client:
        key = client.post("/v1/documents", {"a": 1}).json()["key"]
        assert client.get(f"/v1/documents/{key}").status == 200
    # A reader may have passed the first entry before the document existed, so it may be listed twice but never missed.
    assert set(listed_keys(program)) == {key}


@pytest.mark.parametrize("reply", ["LOADING Redis is loading the dataset in memory", "ERR max number of clients reached"])
def test_requests_wait_for_a_server_that_refuses_every_command(start_redis, start_proxy, start_collector, reply):
    server = start_redis()
    proxy = start_proxy(server, scripted=True)
    program = start_collector(proxy)
    with Load(program, connections=4, rate=100) as load:
        load.wait_acknowledged(20)
        proxy.script(f"-{reply}\r\n", times=None)
        proxy.reset()
        wait_until(lambda: proxy.scripted_replies >= 3, "three refusals", 10)
        proxy.heal()
        load.wait_acknowledged(20)
    load.count(server.client()).assert_perfect()
    assert_listed_once(program, load)


def test_a_primary_that_is_demoted_and_promoted_again_causes_only_a_delay():
    play(scenarios.demoted, between=100).assert_met()


def test_requests_wait_for_a_replica_that_serves_nothing_without_its_master(start_redis, start_collector):
    server = start_redis(replica_serve_stale_data="no")
    program = start_collector(server)
    with program.client() as client:
        key = client.post("/v1/documents", {"a": 1}).json()["key"]
    server.client().replicaof("127.0.0.1", reserve_port())
    answer = post_later(program, {"a": 2})
    wait_until(lambda: program.held() > 0, "a held request", 5)
    server.client().replicaof("NO", "ONE")
    assert answer.result().status == 201
    with program.client() as client:
        assert client.get(f"/v1/documents/{key}").status == 200


def test_collector_waits_for_a_replica_found_at_startup_to_be_promoted(start_redis, start_collector):
    server = start_redis()
    server.client().replicaof("127.0.0.1", reserve_port())
    program = start_collector(server)
    answer = post_later(program, {"a": 1})
    stays(lambda: not answer.done(), "held", 0.5)
    server.client().replicaof("NO", "ONE")
    assert answer.result().status == 201


# --- Refusals -------------------------------------------------------------------------------------------

def test_redis_out_of_memory_gives_507_with_the_reason(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server)
    with program.client() as client:
        key = client.post("/v1/documents", {"a": 1}).json()["key"]
        size = server.client().dbsize()
        server.config(maxmemory="1", maxmemory_policy="noeviction")
        for path in ("/", "/v1/documents"):
            took, answer = timed(client.post, path, {"a": 1})
            assert_problem(answer, 507, "memory")
            assert took < 2 * PATIENCE
        assert client.get(f"/v1/documents/{key}").status == 200
        assert server.client().dbsize() == size
        server.config(maxmemory="0")
        assert client.post("/v1/documents", {"a": 1}).status == 201


def test_misconf_gives_503_with_the_reason(start_redis, start_proxy, start_collector):
    proxy = start_proxy(start_redis(), scripted=True)
    program = start_collector(proxy)
    program.wait_connected()
    proxy.script("-MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk.\r\n",
                 commands=["SET"], times=1)
    with program.client() as client:
        assert_problem(client.post("/", {"a": 1}), 503, "MISCONF")
        assert client.post("/", {"a": 1}).status == 200


def test_a_user_without_the_right_to_write_gets_503_with_the_reason(start_redis, start_collector):
    server = start_redis()
    server.client().execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@all", "-set")
    program = start_collector(server.url("reader", "pw"))
    program.wait_connected()
    with program.client() as client:
        took, answer = timed(client.post, "/", {"a": 1})
        assert_problem(answer, 503, "NOPERM")
        assert took < 2 * PATIENCE
        server.client().execute_command("ACL", "SETUSER", "reader", "+set")
        assert client.post("/", {"a": 1}).status == 200


# --- Passwords --------------------------------------------------------------------------------------------

def test_a_wrong_password_corrected_within_the_hold_time_causes_only_a_delay(start_redis, start_collector):
    server = start_redis(requirepass="old")
    program = start_collector(server.url(password="new"))
    answer = post_later(program, {"a": 1})
    stays(lambda: not answer.done(), "held", 0.5)
    with server.client() as client:
        client.config_set("requirepass", "new")
    got = answer.result()
    assert got.status == 201 and server.client(password="new").exists(got.json()["key"])


def test_a_wrong_password_beyond_the_hold_time_gives_503(start_redis, start_collector):
    server = start_redis(requirepass="right")
    program = start_collector(server.url(password="wrong"), hold_time="500ms")
    with program.client() as client:
        assert_problem(client.post("/", {"a": 1}), 503)
        assert client.get("/readyz").status == 503


def test_a_user_and_a_password_are_used(start_redis, start_collector):
    server = start_redis()
    server.client().execute_command("ACL", "SETUSER", "shop", "on", ">pw:/@%", "~*", "+@all")
    program = start_collector(server.url("shop", "pw%3A%2F%40%25"))
    with program.client() as client:
        assert client.post("/", {"a": 1}).status == 200


def test_existing_connections_continue_when_the_password_changes(start_redis, start_collector):
    server = start_redis(requirepass="old")
    program = start_collector(server.url(password="old"), hold_time="1s")
    with Load(program, connections=4) as load:
        load.wait_acknowledged(50)
        with server.client() as client:
            client.config_set("requirepass", "new")
        load.wait_acknowledged(200)
    load.count(server.client(password="new")).assert_perfect()


# --- Collector itself ----------------------------------------------------------------------------------------

def test_a_collector_killed_under_load_loses_no_acknowledged_document(start_redis, start_collector):
    server, port = start_redis(), reserve_port()
    program = start_collector(server, port=port)
    load = Load(program, connections=8).start()
    for _ in range(3):
        load.wait_acknowledged(100)
        load.collector.kill()
        load.collector = start_collector(server, port=port)
    load.wait_acknowledged(100)
    load.stop()
    result = load.count(server.client())
    print(result)
    result.assert_nothing_lost()
    assert_listed_once(load.collector, load)


def test_two_collectors_on_one_redis_share_everything(start_redis, start_collector):
    server = start_redis()
    one, two = start_collector(server), start_collector(server)
    with Load(one, connections=4) as first, Load(two, connections=4) as second:
        first.wait_acknowledged(100)
        second.wait_acknowledged(100)
        with two.client() as client:
            for key in list(first.acknowledged)[:20]:
                assert client.get(f"/v1/documents/{key}").status == 200
    for load in (first, second):
        load.count(server.client()).assert_perfect()
        assert_listed_once(one, load)


# --- Changes to the binding -------------------------------------------------------------------------

@pytest.mark.parametrize("fault", [scenarios.swapped_thrice, scenarios.secret_gone, scenarios.swapped_to_slow],
                         ids=lambda fault: fault.__name__)
def test_a_swap_under_adverse_conditions_causes_only_a_delay(fault):
    play(fault, Standalone(**DURABLE), Standalone(**DURABLE), between=100).assert_met()


def test_a_name_that_moves_to_another_server_causes_only_a_delay():
    play(scenarios.renamed, Named(**DURABLE), between=100).assert_met()


# --- All at once -----------------------------------------------------------------------------------------------

def test_a_random_sequence_of_faults_and_swaps_causes_only_delays():
    play_random(seed=4, seconds=20 / PATIENCE, say=print).assert_met()


# --- A hostile Redis ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", [1, 2])
def test_invalid_replies_cause_no_crash_no_growth_and_no_false_acknowledgement(seed):
    outcome = play_hostile(seed, 6 / PATIENCE)
    print(outcome.result)
    outcome.assert_met()
