"""Pinger's pages: the exact classic report, its pieces, and the additional pages."""

import json
import re
import uuid

import pytest

from support.deadline import wait_until
from support.http_client import timed
from support.pinger import Pinger, StubCollector

WORDS = re.compile(r"^[a-z]+( [a-z]+){4}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
CLASSIC = ["appName", "currentTime", "PINGER_PORT", "randomMessage", "correlationId"]
ADMIN = ["APIVersion", "processId", "memoryUsage", "networkInfo"]


@pytest.fixture(scope="module")
def stub():
    server = StubCollector()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def pinger(stub):
    program = Pinger(stub, delay_max="2s", body_max="64KiB")
    yield program
    program.close()


@pytest.fixture(scope="module")
def admin(stub):
    program = Pinger(stub, env={"PINGER_ADMIN": "TRUE", "CURRENT_VERSION": "7.1", "DB_PASSWORD": "hunter22",
                                "PLAIN": "shown", "SERVICE_URL": "https://user:pw@host/"})
    yield program
    program.close()


def expect_report(answer, port, members=tuple(CLASSIC)):
    assert answer.status == 200
    assert answer.media_type == "application/json"
    report = answer.json()
    assert list(report) == list(members)
    assert report["appName"] == "Pinger"
    assert TIME.match(report["currentTime"])
    assert report["PINGER_PORT"] == str(port)
    assert WORDS.match(report["randomMessage"])
    assert str(uuid.UUID(report["correlationId"])) == report["correlationId"]
    assert answer.header("x-correlation-id") == report["correlationId"]
    assert answer.text == json.dumps(report, indent=4, ensure_ascii=False)
    return report


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/any/path", "/favicon.ico", "/?type=other", "/?type=", "/a%20b?x=1"])
def test_every_path_and_method_returns_the_report(pinger, method, path):
    with pinger.client() as client:
        expect_report(client.request(method, path, "a=1" if method in ("POST", "PUT", "PATCH") else None), pinger.port)


@pytest.mark.parametrize("method,path", [("POST", "/healthz"), ("DELETE", "/metrics"), ("GET", "/echo"),
                                         ("PATCH", "/version"), ("GET", "/status"), ("GET", "/healthz/")])
def test_requests_for_no_other_page_return_the_report(pinger, method, path):
    with pinger.client() as client:
        expect_report(client.request(method, path), pinger.port)


@pytest.mark.parametrize("path", ["/", "/any/path?x=1", "/healthz", "/version", "/echo", "/status/418", "/delay/1h", "*"])
def test_options_names_the_methods_of_the_path(pinger, path):
    with pinger.client() as client:
        answer = client.request("OPTIONS", path)
        assert answer.status == 204 and answer.body == b""
        assert answer.header("allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        assert str(uuid.UUID(answer.header("x-correlation-id")))
        expect_report(client.get("/"), pinger.port)


def test_a_head_response_has_the_header_fields_of_get(pinger):
    with pinger.client() as client:
        answer = client.head("/")
        assert answer.status == 200 and answer.media_type == "application/json" and answer.body == b""
        expect_report(client.get("/"), pinger.port)


def test_ids_and_messages_differ_from_answer_to_answer(pinger):
    reports = [pinger.get().json() for _ in range(8)]
    assert len({report["correlationId"] for report in reports}) == 8
    assert len({report["randomMessage"] for report in reports}) > 4


@pytest.mark.parametrize("value,members", [("true", CLASSIC + ADMIN), ("TRUE", CLASSIC + ADMIN), ("false", CLASSIC),
                                           ("", CLASSIC)])
def test_an_admin_sees_more_only_if_configured(stub, value, members):
    pinger = Pinger(stub, env={"PINGER_ADMIN": value})
    try:
        report = expect_report(pinger.get(), pinger.port, members)
        if "APIVersion" in members:
            assert report["APIVersion"] == "UNDEFINED"
            assert report["processId"] == pinger.pid
    finally:
        pinger.close()


def test_the_admin_members_describe_process_and_machine(admin):
    report = expect_report(admin.get(), admin.port, CLASSIC + ADMIN)
    assert report["APIVersion"] == "7.1"
    assert report["memoryUsage"]["rss"] > 1 << 20
    loopback = report["networkInfo"]["lo"][0]
    assert loopback == {"address": "127.0.0.1", "netmask": "255.0.0.0", "family": "IPv4", "mac": "00:00:00:00:00:00",
                        "internal": True, "cidr": "127.0.0.1/8"}
    for addresses in report["networkInfo"].values():
        for address in addresses:
            assert ("scopeid" in address) == (address["family"] == "IPv6")


@pytest.mark.parametrize("piece", ["requestHeaders", "currentTime", "requestUrl", "remoteAddress"])
@pytest.mark.parametrize("path", ["/", "/other/path"])
def test_a_piece_can_be_requested_separately(pinger, piece, path):
    answer = pinger.get(f"{path}?type={piece}")
    assert answer.status == 200 and answer.media_type == "application/json"
    value = answer.json()
    assert list(value) == [piece]
    if piece == "requestUrl":
        assert value[piece] == f"{path}?type={piece}"
    if piece == "remoteAddress":
        assert value[piece] == "127.0.0.1"
    if piece == "currentTime":
        assert TIME.match(value[piece])


@pytest.mark.parametrize("piece", ["envVars", "networkInfo", "memoryUsage"])
def test_an_internal_part_requires_admin(pinger, admin, piece):
    refusal = pinger.get(f"/?type={piece}")
    assert refusal.status == 403 and refusal.media_type == "application/problem+json"
    assert "PINGER_ADMIN" in refusal.json()["detail"]
    assert list(admin.get(f"/?type={piece}").json()) == [piece]


def test_request_headers_are_shown_without_secrets(pinger):
    answer = pinger.get("/?type=requestHeaders", {"X-Plain": "a", "Authorization": "Bearer s3cr3t",
                                                  "Cookie": "c=s3cr3t", "X-Api-Key": "s3cr3t"})
    headers = answer.json()["requestHeaders"]
    assert headers["x-plain"] == "a"
    assert headers["authorization"] == headers["cookie"] == headers["x-api-key"] == "[redacted]"
    assert "s3cr3t" not in answer.text


def test_env_vars_never_show_a_secret(admin):
    variables = admin.get("/?type=envVars").json()["envVars"]
    assert variables["PLAIN"] == "shown"
    assert variables["DB_PASSWORD"] == variables["SERVICE_URL"] == "[redacted]"


def test_the_correlation_id_is_always_new(pinger):
    theirs = "5f1c0a52-2a63-4d0c-8d3e-0f6f0a7c9b11"
    with pinger.client() as client:
        answer = client.get("/", {"x-correlation-id": theirs})
    assert answer.json()["correlationId"] == answer.header("x-correlation-id") != theirs


def test_probes_and_version_are_json(pinger):
    assert pinger.get("/healthz").json() == {"status": "ok"}
    ready = pinger.get("/readyz")
    assert ready.status == 200 and ready.json()["delivery"]["state"] == "working"
    version = pinger.get("/version").json()
    assert re.match(r"^\d+\.\d+\.\d+", version["version"])


def test_metrics_are_prometheus_text(pinger):
    answer = pinger.get("/metrics")
    assert answer.header("content-type").startswith("text/plain; version=0.0.4")
    samples = pinger.metrics()
    for name in ("pinger_log_records_delivered_total", "pinger_log_records_waiting",
                 'pinger_log_records_dropped_total{reason="queue_full"}', "pinger_log_delivery_seconds_count"):
        assert name in samples


def test_the_headers_page_keeps_spelling_and_every_value(pinger):
    with pinger.connect() as connection:
        connection.send("GET /headers HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nAuthorization: Basic eA==\r\n\r\n")
        answer = connection.read_answer()
    assert answer.json() == {"Host": ["h"], "X-A": ["1", "2"], "Authorization": ["[redacted]"]}


@pytest.mark.parametrize("body,content_type", [(b"hello", "text/plain"), (b'{"a":1}', "application/json"),
                                               (bytes(range(256)), "application/octet-stream"),
                                               (b"x" * 60000, "application/x-custom; q=1")])
def test_echo_returns_the_body_with_its_type(pinger, body, content_type):
    with pinger.client() as client:
        answer = client.post("/echo", body, {"Content-Type": content_type})
    assert answer.status == 200 and answer.body == body
    assert answer.header("content-type") == content_type


def test_echo_of_an_empty_and_of_a_too_large_body(pinger):
    with pinger.client() as client:
        answer = client.post("/echo", b"")
        assert answer.status == 200 and answer.body == b""
    with pinger.client() as client:
        answer = client.post("/echo", b"x" * (70 << 10))
        assert answer.status == 413 and answer.media_type == "application/problem+json"


@pytest.mark.parametrize("code", [200, 201, 204, 301, 304, 400, 404, 418, 429, 500, 503, 599])
def test_status_returns_the_code(pinger, code):
    with pinger.client() as client:
        answer = client.get(f"/status/{code}")
        assert answer.status == code
        assert answer.body == b"" if code in (204, 304) else answer.json() == {"status": code}
        assert client.get("/healthz").status == 200


@pytest.mark.parametrize("code", ["0", "99", "100", "199", "600", "1000", "abc", "20x", "-20"])
def test_status_refuses_invalid_codes(pinger, code):
    answer = pinger.get(f"/status/{code}")
    assert answer.status == 400 and answer.media_type == "application/problem+json"


@pytest.mark.parametrize("text,seconds", [("150ms", 0.15), ("0", 0), ("0.2", 0.2), ("1s", 1)])
def test_delay_waits_for_the_requested_time(pinger, text, seconds):
    taken, answer = timed(pinger.get, f"/delay/{text}")
    assert answer.json() == {"delay": seconds}
    assert seconds <= taken < seconds + 1


@pytest.mark.parametrize("text", ["3s", "1h", "x", "-1", "99999999999"])
def test_delay_refuses_times_that_are_too_long_or_invalid(pinger, text):
    answer = pinger.get(f"/delay/{text}")
    assert answer.status == 400 and answer.media_type == "application/problem+json"


def test_delays_do_not_block_each_other_or_other_requests(pinger):
    connections = [pinger.connect() for _ in range(20)]
    for connection in connections:
        connection.send("GET /delay/500ms HTTP/1.1\r\nHost: h\r\n\r\n")
    taken, answer = timed(pinger.get)
    assert answer.status == 200 and taken < 0.4
    taken, answers = timed(lambda: [connection.read_answer() for connection in connections])
    assert [answer.status for answer in answers] == [200] * 20 and taken < 2
    for connection in connections:
        connection.close()


def test_a_delay_ends_with_its_client_and_the_number_of_delays_is_limited(stub):
    pinger = Pinger(stub, delay_max="10m", delays_max=3)
    connections = [pinger.connect() for _ in range(4)]
    for connection in connections:
        connection.send("GET /delay/5m HTTP/1.1\r\nHost: h\r\n\r\n")

    def answered():
        return [connection for connection in connections if connection.readable(0)]
    wait_until(answered, "the request that is one too many")
    refused, = [connection.read_answer() for connection in answered()]
    assert refused.status == 503 and int(refused.header("retry-after")) >= 1
    for connection in connections:
        connection.close()
    wait_until(lambda: pinger.get("/delay/1ms").status == 200, "room")
    wait_until(lambda: pinger.metrics()["http_connections"] == 1, "the end of their connections")
    pinger.close()


def test_a_client_that_disconnects_during_a_delay_does_no_harm(pinger):
    connection = pinger.connect()
    connection.send("GET /delay/200ms HTTP/1.1\r\nHost: h\r\n\r\n").reset()
    assert pinger.get("/delay/400ms").status == 200
    assert pinger.get("/healthz").status == 200


def test_pod_shows_name_labels_limits_and_bindings(stub, bindings, tmp_path):
    podinfo = tmp_path / "podinfo"
    podinfo.mkdir()
    (podinfo / "labels").write_text('app.kubernetes.io/name="pinger"\nteam="a\\"b"\n')
    bindings.write("log", type="collector", provider="acme", uri=stub.url)
    bindings.write("db", type="redis", host="h", password="hunter22")
    pinger = Pinger(podinfo=podinfo, env={"POD_NAME": "pinger-1", "POD_NAMESPACE": "demo", "NODE_NAME": "n1",
                                          "POD_IP": "10.0.0.7", **bindings.environment()})
    try:
        answer = pinger.get("/pod")
        pod = answer.json()
        assert [pod[key] for key in ("name", "namespace", "node", "ip")] == ["pinger-1", "demo", "n1", "10.0.0.7"]
        assert pod["labels"] == {"app.kubernetes.io/name": "pinger", "team": 'a"b'}
        assert pod["bindings"] == [{"name": "db", "type": "redis", "provider": None},
                                   {"name": "log", "type": "collector", "provider": "acme"}]
        assert set(pod["limits"]) == {"cgroup", "cpus", "memoryBytes", "memoryUsedBytes"}
        assert "hunter22" not in answer.text
        (podinfo / "labels").write_text('app="changed"\n')
        assert pinger.get("/pod").json()["labels"] == {"app": "changed"}
    finally:
        pinger.close()


@pytest.mark.parametrize("junk,status", [("GET / HTTP/1.1\r\n\r\n", 400),
                                         ("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400),
                                         ("GET / HTTP/1.1\r\nHost: h\r\nX: " + "y" * 9000 + "\r\n\r\n", 431)])
def test_a_broken_request_is_refused_and_the_next_connection_works(pinger, junk, status):
    with pinger.connect() as connection:
        connection.send(junk)
        assert connection.read_answer().status == status
    assert pinger.get().status == 200
