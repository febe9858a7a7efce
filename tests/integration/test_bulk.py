"""POST /v1/documents with NDJSON: many documents in one body, of any size."""

import json
import socket
import threading

import pytest

from support import feed
from support.bulk import NDJSON, PATH, Upload, lines, post
from support.deadline import SANITIZED, wait_until
from support.matching import assert_problem, is_uuid
from support.memory import resident_bytes

def numbers_in(server):
    """The member `n` of each document in the feed."""
    with server.client() as store:
        return sorted(json.loads(store.get(key))["n"] for key in set(feed.keys(store)))


def numbers_listed(collector):
    """The same numbers, as an export lists them."""
    with collector.client() as client:
        answer = client.get(PATH, {"Accept": "application/x-ndjson"})
    return sorted(json.loads(line)["document"]["n"] for line in answer.body.splitlines())


# --- Stored documents and responses ------------------------------------------------------------------------

def test_each_line_is_stored_as_a_document_and_listed(client, store):
    answer = post(client, b'{"a":1.50}\n{"created":7,"b":"x"}\r\n{"c":[]}', "?keys=true", x_correlation_id="load-3")
    assert answer.status == 200 and answer.media_type == "application/json"
    result = answer.json()
    keys = result.pop("keys")
    assert result == {"stored": 3, "failed": 0, "replayed": 0, "errors": []}
    assert len(keys) == 3 and all(is_uuid(key, 7) for key in keys)
    assert store.get(keys[0]).startswith(b'{"a":1.50,"created":1') and store.get(keys[0]).endswith(b'"correlationId":"load-3"}')
    assert store.get(keys[1]) == b'{"created":7,"b":"x","correlationId":"load-3"}'
    assert set(keys) <= set(feed.keys(store))


def test_the_other_media_type_and_its_parameters_are_accepted(client):
    for kind in ("application/jsonl", "application/x-ndjson; charset=utf-8", "APPLICATION/X-NDJSON"):
        assert client.post(PATH, b"{}\n", {"Content-Type": kind}).json()["stored"] == 1


def test_empty_lines_count_as_lines_but_not_as_documents(client):
    answer = post(client, b'\n{"a":1}\r\n\r\n  \n{bad}\n\n{"b":2}\n\n', "?keys=true").json()
    assert answer["stored"] == 2 and answer["failed"] == 1
    assert [error["line"] for error in answer["errors"]] == [5]
    assert [key is not None for key in answer["keys"]] == [False, True, False, False, False, False, True]


@pytest.mark.parametrize("body", [b"", b"\n\r\n \n"])
def test_a_body_without_documents_is_accepted(client, body):
    assert post(client, body, "?strict=true").json() == {"stored": 0, "failed": 0, "replayed": 0, "errors": []}


def test_an_invalid_line_fails_alone(client):
    bad = {2: b"", 3: b'{"a"', 4: b"[1]", 5: b'"\xff"', 6: b'{"a":' + b"[" * 128 + b"]" * 128 + b"}", 7: b'{"a":1}{"b":2}'}
    body = b'{"n":1}\n' + b"\n".join(bad.values()) + b'\n{"n":8}'
    answer = post(client, body)
    assert answer.status == 200
    result = answer.json()
    assert result["stored"] == 2 and result["failed"] == 5
    assert [(error["line"], error["status"]) for error in result["errors"]] == [(line, 400) for line in range(3, 8)]
    assert [error["detail"] for error in result["errors"]] == [
        "column 5: expected ':' after a member's name, found the end", "column 1: expected an object, found '['",
        "column 2: invalid UTF-8", "column 133: nested too deep", "column 8: expected nothing more after the document, found '{'"]


def test_if_every_line_is_wrong_the_status_says_so(client):
    for query in ("", "?strict=true"):
        problem = assert_problem(post(client, b"x\ny\n\n", query), 400, "every line")
        assert problem["stored"] == 0 and problem["failed"] == 2 and len(problem["errors"]) == 2
        assert "storedThrough" not in problem


def test_with_strict_one_failure_gives_422_and_the_others_are_stored(client, store):
    problem = assert_problem(post(client, b'{"a":1}\nx\n{"b":2}\n', "?strict=true&keys=true"), 422, "1 of 3")
    assert problem["stored"] == 2 and problem["failed"] == 1 and problem["errors"][0]["line"] == 2
    assert problem["keys"][1] is None and store.exists(problem["keys"][0], problem["keys"][2]) == 2
    assert post(client, b'{"a":1}\n', "?strict=true").status == 200
    assert post(client, b'{"a":1}\nx\n', "?strict=false").status == 200


def test_the_first_hundred_failures_are_listed_and_the_others_counted(client):
    result = post(client, b"{}\n" + b"x\n" * 250).json()
    assert result["failed"] == 250 and result["errorsOmitted"] == 150
    assert [error["line"] for error in result["errors"]] == list(range(2, 102))


def test_parameters_are_true_or_false(client):
    for query in ("?strict=1", "?keys=yes", "?keys=", "?strict=true&strict=true"):
        assert_problem(post(client, b"{}\n", query), 400, "expected true or false")
        assert_problem(client.post(PATH + query, {}), 400, "expected true or false")


def test_a_type_charset_or_coding_that_is_not_accepted_gets_415(client):
    assert_problem(post(client, b"{}\n", Content_Encoding="br"), 415, "content-encoding")
    assert_problem(client.post(PATH, b"{}\n", {"Content-Type": "application/x-ndjson; charset=latin1"}), 415, "utf-8")
    assert_problem(client.put(f"{PATH}/0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10", b"{}\n", NDJSON), 415, "application/json")
    assert_problem(client.post("/", b"{}\n", NDJSON), 415)


# --- Limits ------------------------------------------------------------------------------------------------------

def test_a_line_that_is_too_long_fails_alone(start_redis, start_collector):
    collector = start_collector(start_redis(), body_max="2048")
    fits = b'{"a":"' + b"x" * 2040 + b'"}'
    assert len(fits) == 2048
    with collector.client() as client:
        result = post(client, b"\r\n".join([b"{}", fits, fits + b" ", b'{"b":"' + b"y" * 500000 + b'"}', b'{"n":5}'])).json()
        assert result["stored"] == 3 and result["failed"] == 2
        assert [(error["line"], error["status"]) for error in result["errors"]] == [(3, 413), (4, 413)]
        assert "2048 bytes" in result["errors"][0]["detail"]
        # A single document of that size is still rejected.
        assert client.post(PATH, fits + b" ").status == 413
    assert collector.metrics()['collector_documents_total{result="rejected"}'] == 2


def test_the_whole_body_has_a_separate_limit(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server, bulk_max="100KiB")
    body = (b'{"t":"' + b"x" * 91 + b'"}\n') * 1024
    assert len(body) == 100 << 10
    with collector.client() as client:
        assert_problem(post(client, body + b"\n"), 413, "--bulk-max")
        with server.client() as store:
            assert store.dbsize() == 0
        assert post(client, body).status == 200
    with Upload(collector) as upload:
        problem = assert_problem(upload.send(body).send(b"\n" * 9000).answer(), 413, "--bulk-max")
        assert problem["stored"] == problem["storedThrough"] == body.count(b"\n")


def test_keys_are_given_for_ten_thousand_lines(client, collector):
    body = b"{}\n" * 10000
    result = post(client, body, "?keys=true").json()
    assert result["stored"] == 10000 and len(set(result["keys"])) == 10000
    assert post(client, body + b"\n\n", "?keys=true").status == 200
    with Upload(collector, "?keys=true") as upload:
        problem = assert_problem(upload.send(body).send(b"{}\n").answer(), 413, "10000 lines")
        assert problem["stored"] == problem["storedThrough"] == 10000 and "keys" not in problem


def test_a_body_may_be_split_anywhere(collector):
    body = '{"n":1,"text":"Grüße"}\r\n\n{"n":2}\n{oops}\n{"n":3}'.encode()
    for cut in range(1, len(body)):
        with Upload(collector) as upload:
            result = upload.send(body[:cut]).send(body[cut:]).finish().json()
            assert (result["stored"], result["failed"], result["errors"][0]["line"]) == (3, 1, 4), cut
    with Upload(collector) as upload:
        for i in range(len(body)):
            upload.send(body[i:i + 1])
        assert upload.finish().json()["stored"] == 3


def test_documents_are_stored_while_the_body_arrives(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server).wait_connected()
    with Upload(collector) as upload:
        for n in range(3):
            upload.send(lines([{"n": n}]) + b'{"n":')
            wait_until(lambda n=n: len(numbers_in(server)) == 2 * n + 1, f"line {2 * n + 1}")
            upload.send(b"9}\n")
        assert upload.finish().json()["stored"] == 6


def test_a_body_that_stops_arriving_is_cut_off_but_a_slow_one_is_not(start_redis, start_collector):
    collector = start_collector(start_redis(), body_timeout="1s")
    with Upload(collector) as slow, Upload(collector) as stuck:
        stuck.send(b'{"n":1}\n{"n"')
        for n in range(6):
            slow.send(lines([{"n": n}]))
            assert not stuck.connection.readable(0.4) or n > 0
        assert_problem(stuck.answer(), 408)
        assert slow.finish().json()["stored"] == 6


def test_memory_stays_bounded_for_a_body_of_any_size(start_redis, start_collector):
    server = start_redis(maxmemory="20mb", maxmemory_policy="allkeys-lru")
    collector = start_collector(server, feed="false").wait_connected()
    piece = lines([{"text": "x" * 200}] * 512) + lines([{"text": "y" * 20000}] * 2)
    size = (10 if SANITIZED else 200) << 20
    with Upload(collector) as upload:
        for _ in range(20):
            upload.send(piece)
        before, most = resident_bytes(collector.pid), 0
        for _ in range(size // len(piece)):
            upload.send(piece)
            most = max(most, resident_bytes(collector.pid))
        assert upload.finish().json()["failed"] == 0
    assert SANITIZED or most - before <= 8 << 20, (before, most)
    assert collector.metrics()["collector_bulk_received_bytes_total"] >= size


# --- Sent again --------------------------------------------------------------------------------------------------

def test_sending_the_same_body_again_stores_nothing_twice(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server).wait_connected()
    body = lines({"n": n} for n in range(1000))
    with collector.client() as client:
        first = post(client, body, "?keys=true", Idempotency_Key="load-1")
        again = post(client, body, "?keys=true", Idempotency_Key="load-1")
        longer = post(client, body + lines([{"n": 1000}]), "?keys=true", Idempotency_Key="load-1")
    assert first.header("Idempotency-Replayed") is None and first.json()["replayed"] == 0
    assert again.header("Idempotency-Replayed") == "true" and again.json()["replayed"] == 1000
    assert again.json() == {**first.json(), "replayed": 1000}
    assert longer.header("Idempotency-Replayed") is None
    assert longer.json()["stored"] == 1001 and longer.json()["replayed"] == 1000
    assert numbers_in(server) == list(range(1001))


def test_a_repeat_reads_little_of_a_dense_feed(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server).wait_connected()
    body = lines({"n": n} for n in range(20000))
    with collector.client() as client, server.client() as store:
        assert post(client, body, Idempotency_Key="load-7").json()["stored"] == 20000
        before = store.info("stats")["total_net_output_bytes"]
        again = post(client, lines({"n": n} for n in range(50)), Idempotency_Key="load-7").json()
        assert again["replayed"] == 50
        # 20,000 keys, as many as one read of 512 entries has, are about 900 KB.
        assert store.info("stats")["total_net_output_bytes"] - before < 50 * 200_000


def test_a_repeat_is_read_before_anything_is_written(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server).wait_connected()
    body = lines({"n": n} for n in range(5000))
    with collector.client() as client, server.client() as store:
        assert post(client, body, Idempotency_Key="load-8").json()["stored"] == 5000
        store.config_resetstat()
        # The first documents are written with NX, until one of them turns out to be a repeat.
        assert post(client, body, Idempotency_Key="load-8").json()["replayed"] == 5000
        assert store.info("commandstats")["cmdstat_set"]["calls"] < 1000
        # The documents after the repeats are new.
        longer = body + lines({"n": n} for n in range(5000, 8000))
        result = post(client, longer, Idempotency_Key="load-8").json()
        assert result["stored"] == 8000 and result["replayed"] == 5000
    assert numbers_in(server) == numbers_listed(collector) == list(range(8000))


def test_only_a_line_with_other_content_under_its_key_gets_422(client):
    body = [{"n": n} for n in range(5)]
    assert post(client, lines(body), Idempotency_Key="load-2").status == 200
    body[3] = {"n": 33}
    result = post(client, lines(body), Idempotency_Key="load-2").json()
    assert result["stored"] == result["replayed"] == 4 and result["failed"] == 1
    assert [(error["line"], error["status"]) for error in result["errors"]] == [(4, 422)]
    assert_problem(post(client, lines(body), "?strict=true", Idempotency_Key="load-2"), 422)


def test_a_single_document_and_a_line_have_different_keys(client):
    headers = {"Idempotency-Key": "load-4"}
    single = client.post(PATH, {"n": 1}, headers).json()["key"]
    assert post(client, b'{"n":1}\n', "?keys=true", **headers).json()["keys"] != [single]


def test_an_idempotency_key_must_be_valid(client):
    assert_problem(post(client, b"{}\n", Idempotency_Key="x" * 256), 400, "1 to 255")
    answer = client.request("POST", PATH, b"{}\n", {**NDJSON, "Idempotency-Key": "a", "idempotency-key": "b"})
    assert_problem(answer, 400, "one Idempotency-Key")


# --- Redis stops and returns --------------------------------------------------------------------------------------

def send_slowly(upload, count, stop):
    """A thread that sends numbered documents until the test stops it."""
    sent = []

    def work():
        for n in range(count):
            if stop.wait(0.001):
                return
            try:
                upload.send(lines([{"n": n}]))
            except OSError:  # the server has ended the body
                return
            sent.append(n)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, sent


def test_no_line_is_lost_while_redis_is_unreachable(start_redis, start_collector):
    server = start_redis(appendonly="yes", appendfsync="always")
    collector = start_collector(server, hold_time="20s").wait_connected()
    stop = threading.Event()
    with Upload(collector, headers={"Idempotency-Key": "load-5"}) as upload:
        thread, sent = send_slowly(upload, 100000, stop)
        for many in (100, 400):
            wait_until(lambda many=many: len(sent) > many, "documents on their way")
            server.restart()
        wait_until(lambda: len(sent) > 900, "more documents")
        stop.set()
        thread.join()
        result = upload.finish().json()
    assert result["failed"] == 0 and result["stored"] == len(sent)
    assert numbers_in(server) == numbers_listed(collector) == sent


def test_the_client_is_paused_while_redis_is_unreachable(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server, hold_time="30s", held_max=100).wait_connected()
    server.pause()
    with Upload(collector) as upload, collector.client() as client:
        upload.connection.socket.settimeout(1)
        with pytest.raises(socket.timeout):
            while True:
                upload.send(lines([{"n": 1, "text": "x" * 200}] * 100))
        assert 1 <= collector.held() + collector.metrics()["collector_redis_in_flight_commands"] <= 60
        server.resume()
        assert client.post(PATH, {"single": 1}).status == 201


def test_a_long_outage_of_redis_ends_the_body_and_the_answer_says_what_is_stored(start_redis, start_collector):
    server = start_redis(appendonly="yes", appendfsync="always")
    collector = start_collector(server, hold_time="1s").wait_connected()
    with Upload(collector, headers={"Idempotency-Key": "load-6"}) as upload:
        upload.send(lines({"n": n} for n in range(1000)) + b"x\n\n")
        wait_until(lambda: len(numbers_in(server)) == 1000, "the first part")
        server.kill()
        upload.send(lines({"n": n} for n in range(2000, 2100)))
        answer = upload.answer()
    problem = assert_problem(answer, 503)
    assert answer.header("Retry-After")
    assert problem["stored"] == 1000 and problem["storedThrough"] == 1002
    assert problem["errors"][0]["line"] == 1001 and problem["errors"][0]["status"] == 400
    assert problem["errors"][1]["line"] == 1003 and problem["errors"][1]["status"] == 503
    server.start()
    with collector.client() as client:
        wait_until(lambda: client.get("/readyz").status == 200, "Redis again")
        body = lines({"n": n} for n in range(1000)) + b"x\n\n" + lines({"n": n} for n in range(2000, 2100))
        result = post(client, body, Idempotency_Key="load-6").json()
        assert result["stored"] == 1100 and result["replayed"] >= 1000 and result["failed"] == 1
    assert numbers_in(server) == numbers_listed(collector) == [*range(1000), *range(2000, 2100)]


def test_a_full_redis_ends_the_body_with_507(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server).wait_connected()
    with Upload(collector) as upload:
        upload.send(lines({"n": n} for n in range(10)))
        wait_until(lambda: len(numbers_in(server)) == 10, "the first part")
        server.config(maxmemory="1mb")
        upload.send(lines({"n": n} for n in range(10, 20)))
        answer = upload.answer()
    problem = assert_problem(answer, 507, "OOM")
    assert problem["stored"] == problem["storedThrough"] == 10 and answer.header("Retry-After")


def test_the_binding_may_change_during_a_body(start_redis, start_bound, bindings):
    old, new = start_redis(), start_redis()
    bindings.redis("cache", old)
    collector = start_bound().wait_connected()
    stop = threading.Event()
    with Upload(collector) as upload:
        thread, sent = send_slowly(upload, 100000, stop)
        wait_until(lambda: len(sent) > 200, "documents on their way")
        bindings.redis("cache", new)
        wait_until(lambda: len(numbers_in(new)) > 200, "documents in the new Redis", 30)
        stop.set()
        thread.join()
        result = upload.finish().json()
    assert result["failed"] == 0 and result["stored"] == len(sent)
    assert sorted({*numbers_in(old), *numbers_in(new)}) == sent


# --- The client disconnects, the server stops
# ---------------------------------------------------------------------------

def test_lines_sent_before_a_disconnect_are_stored_and_nothing_waits_for_the_client(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server, access_log="on").wait_connected()
    with Upload(collector) as upload:
        upload.send(lines({"n": n} for n in range(500)) + b'{"n":')
        wait_until(lambda: len(numbers_in(server)) == 500, "what was sent")
        upload.connection.reset()
        line = collector.wait_log("request.answered", status=400)
    assert line["count"] == 500
    assert numbers_in(server) == list(range(500))


def test_a_stop_ends_a_body_and_the_answer_says_what_is_stored(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server).wait_connected()
    with Upload(collector) as upload:
        upload.send(lines({"n": n} for n in range(100)))
        wait_until(lambda: len(numbers_in(server)) == 100, "what was sent")
        collector.terminate()
        stop = threading.Event()
        thread, _ = send_slowly(upload, 100000, stop)
        answer = upload.answer()
        stop.set()
        thread.join()
    problem = assert_problem(answer, 503, "stopping")
    assert 100 <= problem["stored"] == problem["storedThrough"] == len(numbers_in(server))
    assert collector.wait(20) == 0


def test_a_short_body_in_progress_is_stored_when_the_server_stops(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server).wait_connected()
    with Upload(collector) as upload:
        upload.send(lines([{"n": 1}]))
        wait_until(lambda: numbers_in(server) == [1], "what was sent")
        collector.terminate()
        assert upload.send(lines([{"n": 2}])).finish().json()["stored"] == 2
    assert collector.wait(20) == 0


# --- Acknowledgement levels and tokens -----------------------------------------------------------------------------

def test_an_acknowledged_body_is_on_the_replica(start_redis, start_collector):
    primary = start_redis(repl_diskless_sync_delay=0)
    replica = start_redis(replicaof=f"{primary.host} {primary.port}")
    wait_until(lambda: primary.replicas() == 1, "the replica in step")
    collector = start_collector(primary, ack="replica:1").wait_connected()
    with collector.client() as client, replica.client() as copy:
        result = post(client, lines({"n": n} for n in range(5000)), "?keys=true").json()
        assert result["stored"] == 5000 and copy.exists(*result["keys"]) == 5000
        assert post(client, lines([{"n": 1}]), Idempotency_Key="r").json()["stored"] == 1
    assert collector.metrics()["collector_ack_wait_seconds_count"] < 1000


def test_an_acknowledged_body_is_on_the_disk(valkey_server, start_redis, start_collector):
    server = start_redis(program=valkey_server, appendonly="yes", appendfsync="everysec")
    collector = start_collector(server, ack="fsync").wait_connected()
    with collector.client() as client:
        keys = post(client, lines({"n": n} for n in range(2000)), "?keys=true").json()["keys"]
    server.kill()
    server.start()
    with server.client() as store:
        assert store.exists(*keys) == 2000


def test_a_wrong_token_is_rejected_before_the_body(start_redis, start_collector, bindings):
    bindings.redis("cache", start_redis())
    bindings.write("clients", type="collector-tokens", till="a-token-of-the-till")
    collector = start_collector(env=bindings.environment()).wait_connected()
    with Upload(collector) as upload:
        assert_problem(upload.answer(), 401)
    with Upload(collector, headers={"Authorization": "Bearer a-token-of-the-till"}) as upload:
        assert upload.send(b"{}\n").finish().json()["stored"] == 1


def test_requests_documents_and_bytes_are_counted(start_redis, start_collector):
    collector = start_collector(start_redis(), access_log="on").wait_connected()
    with collector.client() as client:
        post(client, b'{"a":1}\nx\n\n{"b":2}\n')
    line = collector.wait_log("request.answered", path=PATH)
    assert line["count"] == 3 and line["status"] == 200
    metrics = collector.metrics()
    assert metrics["collector_bulk_bodies_total"] == 1
    assert metrics["collector_bulk_documents_total"] == 3
    assert metrics["collector_bulk_received_bytes_total"] == 19
    assert metrics['collector_documents_total{result="stored"}'] == 2
