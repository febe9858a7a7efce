"""Pinger's log records: their format, their delivery to Collector, and failures of the delivery."""

import re
import ssl
import subprocess
import time
import uuid

import pytest

from support.deadline import stays, wait_until
from support.elsewhere import elsewhere
from support.http_client import timed
from support.pinger import StubCollector, started_pingers
from support.ports import reserve_port


@pytest.fixture
def stub():
    server = StubCollector()
    yield server
    server.stop()


@pytest.fixture
def start_pinger(stub):  # pylint: disable=unused-argument
    with started_pingers() as start:
        yield start


def test_each_request_and_each_response_is_a_record_of_the_classic_form(start_pinger, stub):
    pinger = start_pinger(stub)
    before = int(time.time() * 1000)
    with pinger.client() as client:
        answer = client.request("POST", "/a?b=1", "x=1", {"X-Plain": "v", "Authorization": "Bearer s3cr3t"})
    request, response = stub.wait_records(2)
    assert list(request) == ["level", "time", "pid", "hostname", "req"]
    assert request["level"] == response["level"] == 30
    assert request["pid"] == response["pid"] == pinger.pid
    assert before <= request["time"] <= response["time"] <= int(time.time() * 1000)
    assert request["hostname"] == response["hostname"] != ""
    assert list(request["req"]) == ["method", "url", "headers", "remoteAddress", "remotePort"]
    assert request["req"]["method"] == "POST" and request["req"]["url"] == "/a?b=1"
    assert request["req"]["headers"]["x-plain"] == "v"
    assert request["req"]["headers"]["authorization"] == "[redacted]"
    assert request["req"]["remoteAddress"] == "127.0.0.1" and request["req"]["remotePort"] > 1024
    assert list(response) == ["level", "time", "pid", "hostname", "res"]
    assert response["res"]["statusCode"] == 200
    assert response["res"]["headers"]["content-type"] == "application/json"
    assert response["res"]["headers"]["x-correlation-id"] == answer.header("x-correlation-id")


def test_batches_hold_ten_ordered_records_and_have_different_keys(start_pinger, stub):
    pinger = start_pinger(stub, batch_time="300ms")
    with pinger.client() as client:
        for i in range(27):
            assert client.get(f"/n/{i}").status == 200
    stub.wait_records(54)
    assert stub.urls() == [f"/n/{i}" for i in range(27)]
    sizes = [len(body["logs"]) for _, _, body, _ in stub.requests]
    assert max(sizes) == 10
    keys = [headers["Idempotency-Key"] for _, headers, _, _ in stub.requests]
    assert len(set(keys)) == len(keys) and all(uuid.UUID(key) for key in keys)
    for path, headers, body, _ in stub.requests:
        assert path == "/" and list(body) == ["logs"]
        assert headers["Content-Type"] == "application/json"
        assert headers["x-correlation-id"] == headers["Idempotency-Key"]


def test_a_single_record_waits_no_longer_than_the_batch_time(start_pinger, stub):
    pinger = start_pinger(stub, batch_time=None)
    begin = time.monotonic()
    pinger.get("/one")
    stub.wait_records(2)
    assert 0.8 <= time.monotonic() - begin < 3


def test_probes_are_recorded_only_if_configured(start_pinger, stub):
    silent, told = start_pinger(stub), start_pinger(stub, log_probes="true")
    for path in ("/healthz", "/readyz", "/metrics"):
        silent.get(path)
        told.get(path)
    stub.wait_records(6)
    assert {record["pid"] for record in stub.records()} == {told.pid}


def test_refused_requests_are_recorded_too(start_pinger, stub):
    pinger = start_pinger(stub, body_max="1KiB")
    with pinger.client() as client:
        assert client.post("/echo", b"x" * 2000).status == 413
    request, response = stub.wait_records(2)
    assert request["req"]["method"] == "POST" and request["req"]["url"] == "/echo"
    assert response["res"]["statusCode"] == 413


def test_secrets_in_the_query_are_not_sent(start_pinger, stub):
    pinger = start_pinger(stub)
    pinger.get("/?a=1&access_token=s3cr3t")
    stub.wait_records(2)
    assert stub.urls() == ["/?a=1&access_token=[redacted]"]


@pytest.mark.parametrize("status", [500, 503, 408, 429, 401, 403, 404, 421, 425, 308, 0])
def test_a_failing_batch_is_retried_with_the_same_key_until_it_is_accepted(start_pinger, stub, status):
    stub.status, stub.headers = status, {"Location": "http://127.0.0.1:1/elsewhere"}
    pinger = start_pinger(stub)
    taken, answer = timed(pinger.get, "/first")
    assert answer.status == 200 and taken < 1
    stub.wait_attempts(3)
    wait_until(lambda: pinger.delivery()["state"] == "retrying", "the state in /readyz")
    assert pinger.get("/readyz").status == 200
    stub.status = 200
    stub.wait_records(2)
    keys = {headers["Idempotency-Key"] for _, headers, _, _ in stub.requests}
    bodies = [body for _, _, body, _ in stub.requests]
    assert len(keys) == 1 and all(body == bodies[0] for body in bodies)
    wait_until(lambda: pinger.delivery()["state"] == "working", "the state in /readyz")
    assert pinger.metrics()["pinger_log_attempts_failed_total"] >= 2
    pinger.wait_log("delivery.failed")
    assert len([line for line in pinger.log() if line["event"] == "delivery.failed"]) == 1
    pinger.wait_log("delivery.recovered")


def test_a_changed_name_is_noticed_although_the_old_collector_still_runs(start_pinger, stub, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 collector.test\n", encoding="ascii")
    moved = StubCollector(host="127.0.0.2", port=stub.port)
    try:
        pinger = start_pinger(f"http://collector.test:{stub.port}", env=elsewhere(hosts=hosts), collector_max_age="1s")
        pinger.get("/before")
        stub.wait_records(2)
        hosts.write_text("127.0.0.2 collector.test\n", encoding="ascii")

        def arrived():
            pinger.get("/after")
            return moved.records()
        wait_until(arrived, "records at the new address", 20, 0.2)
    finally:
        moved.stop()


def test_an_address_that_one_attempt_does_not_reach_is_tried_by_the_next(start_pinger, stub, tmp_path):
    hosts = tmp_path / "hosts"
    dead = "".join(f"127.0.7.{i} collector.test\n" for i in range(1, 17))  # libcurl takes a second for each
    hosts.write_text(dead + "127.0.0.1 collector.test\n" * 4, encoding="ascii")
    pinger = start_pinger(f"http://collector.test:{stub.port}", env=elsewhere(hosts=hosts))
    pinger.get("/")
    stub.wait_records(2, 60)


def test_a_connection_within_its_age_is_kept(start_pinger, stub):
    pinger = start_pinger(stub)
    for i in range(20):
        pinger.get(f"/{i}")
        stub.wait_records(2 * i + 2)
    assert len(stub.sockets) == 1


def test_retry_after_is_honoured(start_pinger, stub):
    stub.status, stub.headers = 503, {"Retry-After": "2"}
    pinger = start_pinger(stub)
    pinger.get("/")
    stub.wait_attempts(1)
    stays(lambda: stub.attempts() == 1, "one attempt", 1.5)
    stub.status = 200
    stub.wait_records(2)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_permanently_refused_batch_is_dropped_counted_and_reported_once(start_pinger, stub, status):
    stub.status = status
    pinger = start_pinger(stub)
    for i in range(3):
        pinger.get(f"/{i}")
        wait_until(lambda: pinger.delivery()["waiting"] == 0, "an empty queue")
    assert pinger.metrics()['pinger_log_records_dropped_total{reason="refused"}'] == 6
    pinger.wait_log("batch.refused")
    assert len([line for line in pinger.log() if line["event"] == "batch.refused"]) == 1
    stub.status = 200
    pinger.get("/last")
    stub.wait_records(2)
    assert stub.urls() == ["/last"]


def test_a_dead_collector_slows_nothing_and_gets_everything_when_it_starts(start_pinger, stub):
    stub.stop()
    pinger = start_pinger(stub, retry_max="500ms")
    with pinger.client() as client:
        taken, _ = timed(lambda: [client.get(f"/n/{i}") for i in range(200)])
    assert taken < 5
    assert pinger.delivery()["waiting"] == 400
    stub.start()
    stub.wait_records(400)
    assert stub.urls() == [f"/n/{i}" for i in range(200)]
    wait_until(lambda: pinger.metrics()["pinger_log_records_delivered_total"] == 400, "the count of 400")


def test_a_collector_that_dies_and_returns_loses_nothing(start_pinger, stub):
    pinger = start_pinger(stub, retry_max="300ms")
    with pinger.client() as client:
        for i in range(300):
            if i in (60, 180):
                stub.stop()
            if i in (120, 240):
                stub.start()
            assert client.get(f"/n/{i}").status == 200
    stub.wait_records(600)
    assert stub.urls() == [f"/n/{i}" for i in range(300)]


def test_a_slow_collector_slows_nothing(start_pinger, stub):
    stub.pause = 0.5
    pinger = start_pinger(stub)
    with pinger.client() as client:
        taken, _ = timed(lambda: [client.get(f"/n/{i}") for i in range(100)])
    assert taken < 5
    stub.pause = 0
    stub.wait_records(200)


def test_a_silent_collector_is_abandoned_after_the_timeout(start_pinger, stub):
    stub.pause = 60
    pinger = start_pinger(stub, delivery_timeout="300ms")
    pinger.get("/")
    stub.wait_attempts(2)
    stub.pause = 0
    stub.wait_records(2)


def test_a_full_queue_drops_and_counts_new_records(start_pinger, stub):
    stub.stop()
    pinger = start_pinger(stub, queue_records=20, retry_max="200ms")
    with pinger.client() as client:
        for i in range(30):
            assert client.get(f"/n/{i}").status == 200
    assert pinger.metrics()['pinger_log_records_dropped_total{reason="queue_full"}'] == 40
    assert pinger.delivery()["waiting"] == 20
    pinger.wait_log("queue.filled")
    assert len([line for line in pinger.log() if line["event"] == "queue.filled"]) == 1
    stub.start()
    stub.wait_records(20)
    assert stub.urls() == [f"/n/{i}" for i in range(10)]
    pinger.wait_log("queue.emptied")
    pinger.get("/after")
    wait_until(lambda: "/after" in stub.urls(), "the record after the queue was full")


def test_with_a_flapping_collector_the_counters_add_up_and_nothing_is_stored_twice(start_pinger, stub):
    pinger = start_pinger(stub, queue_records=60, retry_max="100ms", delivery_timeout="1s")
    put = 0

    def add_up():
        now = pinger.metrics()
        return put == sum(count for name, count in now.items() if name.startswith((
            "pinger_log_records_delivered_total", "pinger_log_records_dropped_total", "pinger_log_records_waiting")))

    with pinger.client() as client:
        for trouble in ("gone", 503, "none", 0, 429, "slow", "gone", "none", 500):
            if trouble == "gone":
                stub.stop()
            elif trouble == "slow":
                stub.pause = 0.1
            elif trouble != "none":
                stub.status = trouble
            for _ in range(25):
                assert client.get(f"/n/{put}").status == 200
                put += 2
            wait_until(add_up, f"delivered, waiting and dropped to be {put}")
            stub.status, stub.pause = 200, 0
            if trouble == "gone":
                stub.start()
    wait_until(lambda: pinger.metrics()["pinger_log_records_waiting"] == 0, "all to be delivered")
    now = pinger.metrics()
    dropped = now['pinger_log_records_dropped_total{reason="queue_full"}']
    assert now["pinger_log_records_delivered_total"] == len(stub.records()) == put - dropped
    urls = stub.urls()
    assert len(urls) == len(set(urls)) and urls == sorted(urls, key=lambda url: int(url.rsplit("/", 1)[1]))
    pinger.stop()


def test_waiting_records_are_flushed_on_sigterm(start_pinger, stub):
    pinger = start_pinger(stub, batch_time="30s")
    pinger.get("/last/words")
    pinger.stop()
    assert stub.urls() == ["/last/words"]


def test_a_stop_waits_for_a_collector_that_restarts(start_pinger, stub):
    stub.stop()
    pinger = start_pinger(stub, retry_max="200ms")
    pinger.get("/last/words")
    pinger.terminate()
    stub.start()
    assert pinger.wait() == 0
    assert stub.urls() == ["/last/words"]


@pytest.mark.parametrize("silent", [False, True])
def test_a_stop_gives_up_at_its_deadline(start_pinger, stub, silent):
    if silent:
        stub.pause = 60
    else:
        stub.stop()
    pinger = start_pinger(stub, flush_time="700ms")
    pinger.get("/lost")
    taken, status = timed(lambda: (pinger.terminate(), pinger.wait())[1])
    assert status == 0 and 0.5 < taken < 4
    assert pinger.wait_log("delivery.abandoned")["count"] == 2
    stub.stop()


def test_without_a_collector_a_stop_is_quick_and_responses_are_unchanged(start_pinger):
    pinger = start_pinger()
    pinger.wait_log("collector.unknown")
    assert pinger.get().status == 200
    assert pinger.delivery()["state"] == "Collector's address is not known"
    taken, status = timed(lambda: (pinger.terminate(), pinger.wait())[1])
    assert status == 0 and taken < 3


def test_a_changed_binding_is_followed_and_nothing_is_lost(start_pinger, stub, bindings):
    other = StubCollector()
    try:
        bindings.write("log", type="collector", host="127.0.0.1", port=stub.port, token="one")
        pinger = start_pinger(env=bindings.environment())
        pinger.get("/first")
        stub.wait_records(2)
        assert stub.requests[0][1]["Authorization"] == "Bearer one"
        bindings.write("log", type="collector", uri=other.url, token="two")
        with pinger.client() as client:
            count = 0
            while not other.records():
                assert client.get(f"/n/{count}").status == 200
                count += 1
                time.sleep(0.02)
                assert count < 1000
        wait_until(lambda: len(stub.urls() + other.urls()) == count + 1, "all records")
        assert stub.urls() + other.urls() == ["/first"] + [f"/n/{i}" for i in range(count)]
        assert {headers["Authorization"] for _, headers, _, _ in other.requests} == {"Bearer two"}
        assert "Bearer" not in pinger.log_text() and pinger.delivery()["collector"] == other.url
    finally:
        other.stop()


def test_a_waiting_batch_is_sent_to_the_new_collector(start_pinger, stub, bindings):
    dead = reserve_port()
    bindings.write("log", type="collector", host="127.0.0.1", port=dead)
    pinger = start_pinger(env=bindings.environment(), retry_max="1m")
    pinger.get("/waits")
    pinger.wait_log("delivery.failed")
    bindings.write("log", type="collector", uri=stub.url)
    stub.wait_records(2)


def test_a_silent_collector_is_abandoned_for_the_new_one(start_pinger, stub, bindings):
    silent = StubCollector()
    silent.pause = 60
    try:
        bindings.write("log", type="collector", uri=silent.url)
        pinger = start_pinger(env=bindings.environment())
        pinger.get("/waits")
        silent.wait_attempts(1)
        bindings.write("log", type="collector", uri=stub.url)
        stub.wait_records(2, seconds=8)
        assert stub.requests[0][1]["Idempotency-Key"] == silent.requests[0][1]["Idempotency-Key"]
    finally:
        silent.stop()


def test_a_binding_created_after_the_start_gets_the_waiting_records(start_pinger, stub, bindings):
    pinger = start_pinger(env=bindings.environment())
    pinger.get("/early")
    bindings.write("log", type="collector", uri=stub.url)
    stub.wait_records(2)
    assert stub.urls() == ["/early"]


def test_the_classic_variables_name_the_collector(start_pinger, stub):
    pinger = start_pinger(env={"COLLECTOR_HOSTNAME": "127.0.0.1", "COLLECTOR_PORT": stub.port})
    pinger.get("/classic")
    stub.wait_records(2)


def test_proxies_of_the_environment_are_not_used(start_pinger, stub):
    proxy = f"http://127.0.0.1:{reserve_port()}"
    pinger = start_pinger(stub, env={"http_proxy": proxy, "ALL_PROXY": proxy})
    pinger.get("/direct")
    stub.wait_records(2)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=collector", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder


def test_with_tls_only_the_certificates_in_the_binding_are_trusted(start_pinger, bindings, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server = StubCollector(tls_context=context)
    try:
        bindings.write("log", type="collector", uri=server.url)
        pinger = start_pinger(env=bindings.environment(), retry_max="200ms")
        pinger.get("/secret")
        failed = pinger.wait_log("delivery.failed")
        assert re.search("certificate|verif", failed["error"])
        assert server.attempts() == 0
        bindings.write("log", type="collector", uri=server.url, certificates=(certificate / "cert.pem").read_bytes())
        server.wait_records(2)
    finally:
        server.stop()
