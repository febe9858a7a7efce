"""JSON with `Content-Encoding: gzip`: one document, or an array of them (lines: test_bulk_gzip.py)."""

import gzip
import json
import threading
import urllib.parse
import zlib

import pytest

from support import feed
from support.deadline import SANITIZED, wait_until
from support.http_client import request_bytes
from support.matching import assert_problem, is_uuid
from support.memory import resident_bytes

PATH = "/v1/documents"
KEY = "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a"
GZIP = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
MIB = 1 << 20
RANDOM = bytes((n * n * 2654435761 >> 13) % 95 + 32 for n in range(3000)).replace(b'"', b"x").replace(b"\\", b"y")


def post(client, body, query="", **headers):
    return client.post(PATH + query, body, {**GZIP, **{name.replace("_", "-"): value for name, value in headers.items()}})


def in_pieces(collector, body, size, headers=None):
    """The response to a body sent in these chunks."""
    with collector.connect() as raw:
        raw.send(request_bytes("POST", PATH, None, {**GZIP, "Transfer-Encoding": "chunked", **(headers or {})}))
        for at in range(0, len(body), size):
            raw.send(b"%x\r\n%b\r\n" % (len(body[at:at + size]), body[at:at + size]))
        return raw.send(b"0\r\n\r\n").read_answer("POST")


def array(count, width=0):
    return json.dumps([{"n": n, "t": "x" * width} for n in range(count)]).encode()


def bomb(byte, size):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(byte * MIB) for _ in range(size // MIB)) + packer.flush()


# --- An array --------------------------------------------------------------------------------------------------------

def test_the_first_decoded_byte_distinguishes_an_array_from_a_document(client, collector, store):
    for kind in ("application/json", "application/json; charset=utf-8", "application/geo+json", None):
        result = client.post(PATH, gzip.compress(b'\n [{"n":1},\n{"n":2}]'), {**GZIP, "Content-Type": kind})
        assert result.status == 200 and result.json() == {"stored": 2, "failed": 0, "replayed": 0, "errors": []}
        answer = client.post(PATH, gzip.compress(b'\t{"n":1.50}'), {**GZIP, "Content-Type": kind})
        assert answer.status == 201 and is_uuid(answer.json()["key"], 7)
        assert store.get(answer.json()["key"]).startswith(b'{"n":1.50,"created":')
    body = gzip.compress(b"  \r\n") + gzip.compress(b'[{"n":1}') + gzip.compress(b",7,{}]\n")
    for size in (1, 7, len(body)):
        result = in_pieces(collector, body, size).json()
        assert (result["stored"], result["failed"]) == (2, 1)
        assert result["errors"][0]["detail"] == "line 2, column 10: expected an object, found '7'"


def test_an_array_may_be_larger_than_a_document(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server, body_max="2048", bulk_max="256KiB")
    with collector.client() as client, server.client() as store:
        assert post(client, gzip.compress(array(5000))).json()["stored"] == 5000
        numbers = [json.loads(store.get(key))["n"] for key in set(feed.keys(store))]
        assert sorted(numbers) == list(range(5000))
        assert_problem(post(client, gzip.compress(b"[" + b"{}," * 100_000 + b"{}]")), 413, "--bulk-max")
        big = b'{"a":"' + b"x" * 2048 + b'"}'
        result = post(client, gzip.compress(b"[{}," + big + b"]")).json()
        assert (result["stored"], result["errors"][0]["status"]) == (1, 413)
    assert collector.metrics()["collector_bulk_bodies_total"] == 3
    assert collector.metrics()["collector_bulk_received_bytes_total"] >= len(gzip.compress(array(5000)))


def test_the_error_for_an_incomplete_or_damaged_array_says_how_much_is_stored(fresh):
    client, store = fresh
    text = array(300)
    border = text.index(b'{"n": 200')
    body = gzip.compress(text[:border]) + gzip.compress(text[border:])
    first = len(gzip.compress(text[:border]))
    for cut, stored in ((first, 200), (first + 15, 200), (len(body) - 1, 300)):
        problem = assert_problem(post(client, body[:cut], Idempotency_Key="cut"), 400)
        assert problem["stored"] == stored and problem["storedThrough"] >= stored
    assert_problem(post(client, body + b"\0\0", Idempotency_Key="cut"), 400, "the data after the previous member")
    damaged = body[:-8] + bytes([body[-8] ^ 1]) + body[-7:]
    assert_problem(post(client, damaged, Idempotency_Key="cut"), 400, "member 2, near byte")
    result = post(client, body, Idempotency_Key="cut").json()
    assert result["stored"] == result["replayed"] == 300 == len(set(feed.keys(store)))
    assert post(client, body, "?strict=true&keys=true", Idempotency_Key="cut").header("Idempotency-Replayed") == "true"
    # The array without a coding counts as the same body.
    assert client.post(PATH, text, {"Content-Type": "application/json", "Idempotency-Key": "cut"}).json() == result


def test_an_array_waits_while_redis_is_unreachable(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server, workers=1).wait_connected()
    server.kill()
    answers = []
    with collector.client(timeout=60) as client:
        upload = threading.Thread(target=lambda: answers.append(post(client, gzip.compress(array(50000, 50)))))
        upload.start()
        wait_until(lambda: collector.held() > 0, "documents that wait")
        server.start()
        upload.join()
    assert answers[0].json()["stored"] == 50000


# --- One document ----------------------------------------------------------------------------------------------------

def test_a_document_gets_the_same_responses_as_without_a_coding(client, store):
    body = gzip.compress(b'{"n":1}')
    plain = {"Content-Type": "application/json", "Idempotency-Key": "one"}
    first = post(client, body, Idempotency_Key="one")
    again = client.post(PATH, b'{"n":1}', plain)
    assert first.status == again.status == 201 and first.json() == again.json()
    assert first.header("Location") == f"{PATH}/{first.json()['key']}"
    assert first.header("Idempotency-Replayed") is None and again.header("Idempotency-Replayed") == "true"
    assert_problem(post(client, gzip.compress(b'{"n":2}'), Idempotency_Key="one"), 422)
    assert_problem(post(client, gzip.compress(b"[{}]"), Idempotency_Key="x" * 256), 400, "1 to 255")
    assert_problem(post(client, body, "?strict=1"), 400, "expected true or false")
    problem = assert_problem(post(client, gzip.compress(b'{"a":1,\n 01}')), 400)
    assert (problem["line"], problem["column"]) == (2, 2)
    assert post(client, gzip.compress(RANDOM.join([b'{"t":"', b'"}']))).status == 201
    for nothing in (b"", b" \n"):
        assert_problem(post(client, gzip.compress(nothing)), 400, "found the end")
    assert_problem(post(client, gzip.compress('{"a":"ü"}'.encode()), Content_Type="application/json; charset=latin1"), 415)
    assert store.exists(first.json()["key"])


def test_put_and_the_classic_path_decode_gzip_too(client, store):
    key = KEY + "10"
    body = gzip.compress(b'{"a":[1]}')
    assert [client.put(f"{PATH}/{key}", body, GZIP).status for _ in range(2)] == [201, 200]
    assert client.put(f"{PATH}/{key}", gzip.compress(b'{"a":2}'), GZIP).status == 409
    assert_problem(client.put(f"{PATH}/{key}", gzip.compress(b"[{}]"), GZIP), 400, "expected an object")
    assert client.put(f"{PATH}/nonsense", body, GZIP).status == 404
    classic = client.post("/", body, GZIP)
    assert classic.status == 200 and classic.json()["result"] == "OK"
    form = urllib.parse.urlencode({"a[b]": "ü"}).encode()
    answer = client.post("/", gzip.compress(form), {**GZIP, "Content-Type": "application/x-www-form-urlencoded"})
    assert json.loads(store.get(answer.json()["key"]))["a"] == {"b": "ü"}
    assert_problem(client.post("/", gzip.compress(b"[{}]"), GZIP), 400, "expected an object")
    assert_problem(client.post("/", body, {**GZIP, "Content-Type": "text/plain"}), 415)


def test_a_document_may_arrive_byte_by_byte(collector):
    body = gzip.compress(b'{"n":') + gzip.compress(b"1}")
    for size in (1, 2, 20):
        assert in_pieces(collector, body, size).status == 201


@pytest.mark.parametrize("damage, reason", [
    (lambda body: body[:-1], "the input ends in the middle"),
    (lambda body: body[:-8] + bytes([body[-8] ^ 1]) + body[-7:], "near byte"),
    (lambda body: body + b"{}", "the data after the previous member is not gzip"),
    (lambda body: b'{"n":1}', "gzip member 1, near byte"),
    (lambda body: b"", "the input is empty"),
])
def test_the_error_for_a_damaged_gzip_document_names_the_position(fresh, damage, reason):
    client, store = fresh
    for method, path in (("POST", PATH), ("POST", "/"), ("PUT", f"{PATH}/{KEY}11")):
        assert_problem(client.request(method, path, damage(gzip.compress(b'{"n":1}')), GZIP), 400, reason)
    assert store.dbsize() == 0


def test_the_limit_of_a_document_counts_decoded_bytes(start_redis, start_collector):
    collector = start_collector(start_redis(), body_max="2048")
    fits = b'{"a":"' + b"x" * 2040 + b'"}'
    with collector.client() as client:
        assert post(client, gzip.compress(fits)).status == 201
        for path in (PATH, "/"):
            assert_problem(client.post(path, gzip.compress(fits + b" "), GZIP), 413, "2048 bytes")
        assert_problem(post(client, gzip.compress(b" " * 40000 + b"[]")), 413, "2048 bytes")
        assert post(client, gzip.compress(b" " * 2000 + b"[{}]")).json()["stored"] == 1


@pytest.mark.parametrize("byte", [b"\0", b" ", b"["])
def test_a_gzip_bomb_costs_no_memory(start_redis, start_collector, byte):
    collector = start_collector(start_redis(), workers=1)
    body = bomb(byte, (16 if SANITIZED else 96) * MIB)
    with collector.client(timeout=60) as client:
        assert post(client, gzip.compress(array(2000))).status == 200
        before = resident_bytes(collector.pid)
        assert post(client, body).status in (400, 413)
        assert SANITIZED or resident_bytes(collector.pid) - before < 8 * MIB
    with collector.client() as client:
        assert post(client, gzip.compress(b"{}")).status == 201


def test_a_client_that_waits_for_100_gets_the_error_before_the_body(collector):
    waits = {**GZIP, "Content-Length": 50, "Expect": "100-continue"}
    with collector.connect() as raw:
        raw.send(request_bytes("POST", PATH, headers={**waits, "Content-Encoding": "br"}))
        answer = raw.read_answer()
        assert_problem(answer, 415, "gzip")
        assert answer.interim == []
    body = gzip.compress(b'{"n":1}')
    with collector.connect() as raw:
        raw.send(request_bytes("POST", PATH, headers={**waits, "Content-Length": len(body)}))
        raw.send(body)
        assert raw.read_answer().status == 201


def test_disconnected_clients_leave_nothing_behind(start_redis, start_collector):
    collector = start_collector(start_redis())
    for text in (b'{"n":1}', b"[" + b"{}," * 50 + b"{}]"):
        body = gzip.compress(text)
        for cut in range(0, len(body), 3):
            with collector.connect() as raw:
                raw.send(request_bytes("POST", PATH, None, {**GZIP, "Content-Length": str(len(body))}))
                raw.send(body[:cut])
    wait_until(lambda: collector.metrics()["http_connections"] <= 2, "the connections of the clients that disconnected are closed")
    with collector.client() as client:
        assert post(client, gzip.compress(b"{}")).status == 201
