"""GET /v1/documents with `Accept: application/x-ndjson`: all documents, one per line, with an unmistakable end."""

import json
import socket
import subprocess
import time

import pytest
import requests

from support.deadline import SANITIZED, wait_until
from support.feed import fill
from support.matching import assert_problem
from support.memory import resident_bytes

NDJSON = {"Accept": "application/x-ndjson"}
TIMEOUT = 60


def url(program, query=""):
    return f"http://127.0.0.1:{program.port}/v1/documents{query}"


def export(program, query="", **options):
    return requests.get(url(program, query), headers=NDJSON, timeout=TIMEOUT, **options)


def lines_of(answer):
    return [json.loads(line) for line in answer.content.splitlines()]


def numbers(lines):
    return [line["document"]["n"] for line in lines]


def curl(program, query="", *arguments):
    return subprocess.Popen(["curl", "-sS", "-N", "-H", "Accept: application/x-ndjson", *arguments, url(program, query)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def slow_client(program, query="", version="1.1"):
    """A connection with small client buffers, which reads nothing on its own."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
    client.settimeout(TIMEOUT)
    client.connect(("127.0.0.1", program.port))
    client.sendall(f"GET /v1/documents{query} HTTP/{version}\r\nHost: x\r\n"
                   "Accept: application/x-ndjson\r\n\r\n".encode())
    return client


def read_rest(client):
    """Reads everything until the connection is closed."""
    data = b""
    try:
        while part := client.recv(1 << 20):
            data += part
    except ConnectionResetError:
        pass
    return data


@pytest.fixture
def server(start_redis):
    return start_redis()


@pytest.fixture
def collector(server, start_collector):
    return start_collector(server)


def test_an_export_has_every_document_once_and_its_trailers(server, collector):
    fill(server, 1000)
    with socket.create_connection(("127.0.0.1", collector.port), TIMEOUT) as client:
        client.sendall(b"GET /v1/documents HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\nConnection: close\r\n\r\n")
        head, _, body = read_rest(client).partition(b"\r\n\r\n")
    head = head.decode().lower()
    assert head.startswith("http/1.1 200 ")
    assert "content-type: application/x-ndjson\r\n" in head
    assert "trailer: x-next-cursor, x-count\r\n" in head
    assert "vary: accept" in head and "cache-control: no-store" in head
    last, _, trailers = body.rpartition(b"\r\n0\r\n")
    assert last.count(b'{"key":') == 1000
    trailers = dict(line.split(": ") for line in trailers.decode().strip().split("\r\n"))
    assert trailers["x-count"] == "1000"
    answer = export(collector)
    assert numbers(lines_of(answer)) == list(range(1, 1001))
    assert set(lines_of(answer)[0]) == {"key", "document"}
    assert lines_of(export(collector, f"?cursor={trailers['x-next-cursor']}")) == []


def test_limit_cursor_and_times_work_as_for_a_page(server, collector):
    fill(server, 3000, 10)
    before, cursor = [], ""
    for limit in (1, 63, 64, 65, 1500):
        answer = export(collector, f"?limit={limit}&end=true&cursor={cursor}")
        *lines, end = lines_of(answer)
        assert end["end"]["count"] == len(lines) == limit
        before += numbers(lines)
        cursor = end["end"]["cursor"]
    rest = lines_of(export(collector, f"?cursor={cursor}"))
    assert before + numbers(rest) == list(range(1, 3001))
    with collector.client() as client:
        page = client.get("/v1/documents?limit=1000").json()
    assert numbers(page["documents"]) == list(range(1, 1001))
    assert numbers(lines_of(export(collector, f"?limit=5&cursor={page['next']}"))) == list(range(1001, 1006))
    assert lines_of(export(collector, f"?since={int(time.time() * 1000) + 60000}")) == []
    assert lines_of(export(collector, f"?until={int(time.time() * 1000) - 3600000}")) == []
    assert len(lines_of(export(collector, f"?since={int(time.time() * 1000) - 3600000}"))) == 3000


def test_each_line_may_have_its_cursor(server, collector):
    fill(server, 200, 10)
    lines = lines_of(export(collector, "?cursors=true"))
    assert len(lines) == 200
    for index in (0, 62, 63, 64, 127, 198, 199):
        rest = numbers(lines_of(export(collector, f"?cursor={lines[index]['cursor']}")))
        assert rest == list(range(index + 2, 201))


def test_a_document_of_several_lines_is_one_line_of_an_export(start_redis, start_collector):
    program = start_collector(start_redis())
    with program.client() as client:
        for body in (b'{\n  "a": 1,\r\n  "b": "x"}', b'{"a":\r2}'):
            key = client.post("/v1/documents", body).json()["key"]
            stored = client.get(f"/v1/documents/{key}").body
            assert b"\n" in stored or b"\r" in stored
            exported = export(program).content.split(b"\n")[-2]
            assert exported == b'{"key":"%s","document":%s}' % (
                key.encode(), stored.replace(b"\r", b" ").replace(b"\n", b" "))


@pytest.mark.parametrize("query, word", [("?limit=0", "limit"), ("?limit=x", "limit"), ("?end=1", "end"), ("?cursors=yes", "cursors"),
                                         ("?cursor=x", "cursor"), ("?since=x", "since"), ("?order=down", "order"),
                                         ("?end=true&end=true", "end")])
def test_a_wrong_parameter_is_named(collector, query, word):
    with collector.client() as client:
        detail = assert_problem(client.get("/v1/documents" + query, headers=NDJSON), 400)["detail"]
    assert detail.startswith(word + ": ")


def test_only_clients_that_ask_for_lines_get_them(server, collector):
    fill(server, 1, 10)
    for accept, wanted in (("application/x-ndjson", True), ("application/x-ndjson, */*;q=0.1", True), ("*/*", False),
                           ("application/json, application/x-ndjson", False), ("application/x-ndjson;q=0", False)):
        answer = requests.get(url(collector), headers={"Accept": accept}, timeout=TIMEOUT)
        assert (answer.headers["Content-Type"] == "application/x-ndjson") == wanted, accept
        assert answer.headers["Vary"] == "Accept"


def test_head_and_http_1_0_get_no_body(server, collector):
    fill(server, 10)
    head = requests.head(url(collector), headers=NDJSON, timeout=TIMEOUT)
    assert head.status_code == 200 and head.headers["Content-Type"] == "application/x-ndjson"
    with slow_client(collector, version="1.0") as client:
        answer = read_rest(client).decode()
    assert answer.startswith("HTTP/1.1 505 ") and "proxy_http_version 1.1" in answer


def test_a_token_is_required_if_tokens_are_bound(server, start_collector, bindings):
    bindings.redis("db", server)
    bindings.write("clients", type="collector-tokens", one="s3cret-one")
    program = start_collector(env=bindings.environment(), binding="db").wait_connected()
    fill(server, 10)
    assert export(program).status_code == 401
    answer = requests.get(url(program), headers={**NDJSON, "Authorization": "Bearer s3cret-one"}, timeout=TIMEOUT)
    assert len(answer.content.splitlines()) == 10


def test_an_export_is_counted_in_the_log_and_in_the_metrics(server, start_collector):
    collector = start_collector(server, access_log="on")
    fill(server, 100)
    assert len(lines_of(export(collector))) == 100
    line = collector.wait_log("request.answered", route="listing")
    assert line["count"] == 100 and line["status"] == 200
    assert collector.metrics()["collector_exported_documents_total"] == 100


def test_a_slow_reader_uses_no_extra_memory(server, start_collector):
    collector = start_collector(server, workers=1)
    fill(server, 100000)
    export(collector, "?limit=2000")
    before = resident_bytes(collector.pid)
    with slow_client(collector, "?end=true") as client:
        wait_until(lambda: collector.metrics()["collector_exported_documents_total"] > 2000, "the export to begin")
        first = collector.metrics()["collector_exported_documents_total"]
        assert first < 20000, "Redis was read on although the client did not read"
        most, size, end = before, 0, time.monotonic() + 15
        data = b""
        while part := client.recv(64 << 10):
            size += len(part)
            data = data[-1000:] + part
            most = max(most, resident_bytes(collector.pid))
            if time.monotonic() < end:
                time.sleep(0.01)
            if data.endswith(b"\r\n\r\n") and b"x-count" in data:
                break
    assert b'{"end":{"count":100000,' in data and b"x-count: 100000\r\n" in data
    assert size > 20000000
    assert SANITIZED or most - before < 4 << 20, f"{(most - before) >> 10} KiB more"


def test_concurrent_changes_do_no_harm(server, collector):
    """Documents that are added or deleted while an export runs."""
    fill(server, 20000)
    with slow_client(collector, "?end=true") as client, collector.client() as poster, server.client() as store:
        key = poster.post("/v1/documents", {"n": 0}).json()["key"]
        for number in range(15000, 15500):
            store.delete(f"{number:08x}-0000-7000-8000-000000000000")
        data = b""
        while not (data.endswith(b"\r\n\r\n") and b"x-count" in data[-400:]):
            data += client.recv(1 << 20)
    assert b'{"end":{"count":19501,' in data
    assert key.encode() in data


@pytest.mark.parametrize("victim", ["redis", "collector"])
def test_curl_notices_an_export_cut_by_a_kill(server, start_collector, victim):
    collector = start_collector(server, hold_time="1s")
    fill(server, 50000)
    with curl(collector, "", "--limit-rate", "500K") as client:
        assert client.stdout.readline().startswith('{"key":')
        if victim == "redis":
            server.kill()
        else:
            collector.kill()
        assert client.stdout.read().count("\n") < 49999
        status = client.wait(TIMEOUT)
        assert status in (18, 56), client.stderr.read()
    if victim == "redis":
        assert collector.wait_log("export.broken_off")["count"] > 0
        wait_until(lambda: collector.metrics()["http_answers_broken_total"] == 1, "the broken answer counted")


def test_python_notices_a_truncated_export(server, start_collector):
    collector = start_collector(server, hold_time="1s")
    fill(server, 50000)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        with export(collector, stream=True) as answer:
            for index, _ in enumerate(answer.iter_lines(chunk_size=4096)):
                if index == 10:
                    server.kill()


def test_an_outage_within_the_hold_time_only_delays_an_export(server, start_collector):
    collector = start_collector(server, hold_time="30s")
    fill(server, 20000)
    with slow_client(collector, "?end=true") as client:
        wait_until(lambda: collector.metrics()["collector_exported_documents_total"] > 100, "the export to begin")
        server.pause()
        time.sleep(0.5)
        server.resume()
        data = b""
        while not (data.endswith(b"\r\n\r\n") and b"x-count" in data[-400:]):
            data += client.recv(1 << 20)
    assert b'{"end":{"count":20000,' in data


def test_a_swap_of_the_binding_aborts_an_export(server, start_redis, start_collector, bindings):
    other = start_redis()
    bindings.redis("db", server)
    collector = start_collector(env=bindings.environment(), binding="db").wait_connected()
    fill(server, 20000)
    fill(other, 20000, 10)
    with slow_client(collector) as client:
        wait_until(lambda: collector.metrics()["collector_exported_documents_total"] > 100, "the export to begin")
        bindings.redis("db", other)
        collector.wait_log("redis.switched")
        data = read_rest(client)
    assert b"\r\n0\r\n" not in data
    assert b'"text":"xxxxxxxxxx"}' not in data, "documents of two servers in one export"
    assert len(lines_of(export(collector))) == 20000


def test_a_stop_ends_an_export_at_once(server, start_collector):
    collector = start_collector(server)
    fill(server, 20000)
    with slow_client(collector) as client:
        wait_until(lambda: collector.metrics()["collector_exported_documents_total"] > 100, "the export to begin")
        begun = time.monotonic()
        collector.terminate()
        assert collector.wait(10) == 0
        assert time.monotonic() - begun < 5
        assert b"\r\n0\r\n" not in read_rest(client)


def test_an_export_without_redis_gets_an_error_status(server, start_collector):
    collector = start_collector(server, hold_time="200ms")
    server.kill()
    answer = export(collector)
    assert answer.status_code == 503 and answer.headers["Content-Type"] == "application/problem+json"


def test_clients_that_disconnect_leak_nothing(server, start_collector):
    collector = start_collector(server, workers=1)
    fill(server, 20000)
    for _ in range(30):
        with slow_client(collector) as client:
            client.recv(1000)
    wait_until(lambda: collector.metrics()["http_answers_broken_total"] == 30, "all noticed", 20)
    assert len(lines_of(export(collector))) == 20000
