"""POST /v1/documents with `Content-Encoding: gzip`: decoded as it arrives, in constant memory, to its proper end."""

import gzip
import json
import struct
import threading
import time
import zlib

import pytest
import requests

from support import described, feed
from support.deadline import SANITIZED, wait_until
from support.http_client import RawConnection, request_bytes
from support.matching import assert_problem
from support.memory import resident_bytes

PATH = "/v1/documents"
GZIP = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
MIB = 1 << 20


def lines(first, last, width=0):
    return b"".join(b'{"n":%d,"t":"%s"}\n' % (n, b"x" * width) for n in range(first, last + 1))


def post(client, body, query="", **headers):
    return client.post(PATH + query, body, {**GZIP, **{name.replace("_", "-"): value for name, value in headers.items()}})


def numbers(store):
    return sorted(json.loads(store.get(key))["n"] for key in set(feed.keys(store)))


@pytest.fixture
def fresh(start_redis, start_collector):
    """Yields (collector, client, store) of a separate Collector."""
    server = start_redis()
    collector = start_collector(server)
    with collector.client() as client, server.client() as store:
        yield collector, client, store


def bomb(byte, size):
    """One member of equal bytes. Compressing a gigabyte takes seconds, so one compressed mebibyte is repeated: a full
    flush makes it independent of what comes before."""
    packer, block, check = zlib.compressobj(9, zlib.DEFLATED, -15), byte * MIB, 0
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(size // MIB):
        check = zlib.crc32(block, check)
    return (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packed * (size // MIB) + packer.flush() +
            struct.pack("<II", check, size % (1 << 32)))


# --- Stored documents
# --------------------------------------------------------------------------------------------------

def test_lines_in_gzip_are_stored_like_others(fresh):
    _, client, store = fresh
    for name in ("gzip", "GZIP", "x-gzip"):
        answer = post(client, gzip.compress(lines(1, 1)), Content_Encoding=name)
        assert answer.status == 200 and answer.json()["stored"] == 1
    assert post(client, gzip.compress(lines(2, 3000))).json()["stored"] == 2999
    assert numbers(store) == [1, 1, *range(1, 3001)]


def test_several_members_are_accepted_wherever_the_body_is_split(fresh):
    _, client, store = fresh
    text = lines(1, 400)
    for size in (7, 100, len(text)):
        body = b"".join(gzip.compress(text[at:at + size]) for at in range(0, len(text), size))
        result = post(client, body, Idempotency_Key="members").json()
        assert result["stored"] == 400 and result["failed"] == 0
    assert result["replayed"] == 400
    assert numbers(store) == list(range(1, 401))


def test_a_chunked_body_may_arrive_byte_by_byte(fresh):
    collector, _, store = fresh
    body = gzip.compress(lines(1, 50)) + gzip.compress(lines(51, 60))
    with RawConnection("127.0.0.1", collector.port, 60) as connection:
        connection.send(request_bytes("POST", PATH, None, {**GZIP, "Transfer-Encoding": "chunked"}))
        for at in range(0, len(body)):
            connection.send(b"1\r\n%b\r\n" % body[at:at + 1])
        connection.send(b"0\r\n\r\n")
        answer = connection.read_answer("POST")
    assert answer.json()["stored"] == 60
    assert numbers(store) == list(range(1, 61))


def test_identity_means_no_coding(fresh):
    _, client, _ = fresh
    assert post(client, lines(1, 3), Content_Encoding="identity").json()["stored"] == 3


# --- Invalid bodies ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "compress"])
def test_an_unknown_coding_is_rejected_and_the_error_names_the_known_ones(fresh, coding):
    _, client, _ = fresh
    answer = post(client, gzip.compress(lines(1, 3)), Content_Encoding=coding)
    assert_problem(answer, 415, "gzip")
    assert answer.header("accept-encoding") == "gzip"


def test_two_fields_with_codings_are_rejected(fresh):
    collector, _, _ = fresh
    body = gzip.compress(lines(1, 3))
    head = (f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Encoding: gzip\r\n"
            f"Content-Encoding: br\r\nContent-Length: {len(body)}\r\n\r\n")
    with RawConnection("127.0.0.1", collector.port, 60) as connection:
        answer = connection.send(head.encode() + body).read_answer("POST")
    described.check("POST", PATH, answer)
    assert answer.status == 415 and answer.header("accept-encoding") == "gzip"


def test_the_error_for_a_truncated_body_says_how_much_is_stored(fresh):
    _, client, store = fresh
    text = lines(1, 200, 20)
    body = gzip.compress(text[:4000]) + gzip.compress(text[4000:])
    border = len(gzip.compress(text[:4000]))
    for length in (0, 1, 5, 17, 200, border - 3, border + 2, len(body) - 8, len(body) - 1):
        problem = assert_problem(post(client, body[:length], Idempotency_Key="cut"), 400, "gzip")
        assert "ends in the middle" in problem["detail"] or length == 0
        assert problem["stored"] == problem["storedThrough"] == len(feed.keys(store)), length
        assert problem["failed"] == 0
    assert problem["stored"] == 200
    result = post(client, body, Idempotency_Key="cut").json()
    assert result["stored"] == result["replayed"] == 200
    assert numbers(store) == list(range(1, 201))


@pytest.mark.parametrize("damage, reason", [
    (lambda body: body[:-8] + bytes([body[-8] ^ 1]) + body[-7:], "the CRC of the content is wrong"),
    (lambda body: body[:-1] + b"\1", "the length of the content is wrong"),
    (lambda body: body + b"\0\0", "the data after the previous member is not gzip"),
    (lambda body: body + b"{}\n", "the data after the previous member is not gzip"),
    (lambda body: lines(1, 3), "this is not gzip"),
    (lambda body: zlib.compress(lines(1, 3)), "this is not gzip"),
])
def test_a_damaged_body_is_rejected_with_the_reason(fresh, damage, reason):
    _, client, store = fresh
    problem = assert_problem(post(client, damage(gzip.compress(lines(1, 3)))), 400, reason)
    assert problem["stored"] == problem["storedThrough"] == len(feed.keys(store))
    assert problem["stored"] == (0 if "this is not" in reason else 3)


def test_invalid_lines_count_as_in_a_plain_body(fresh):
    _, client, _ = fresh
    result = post(client, gzip.compress(lines(1, 2) + b"x\n" + lines(3, 4))).json()
    assert result["stored"] == 4 and result["failed"] == 1 and result["errors"][0]["line"] == 3


def test_a_token_is_checked_before_a_byte_is_decoded(start_redis, start_collector, bindings):
    bindings.redis("db", start_redis())
    bindings.write("clients", type="collector-tokens", one="s3cret-one")
    collector = start_collector(env=bindings.environment(), binding="db").wait_connected()
    with RawConnection("127.0.0.1", collector.port, 60) as connection:
        connection.send(request_bytes("POST", PATH, None, {**GZIP, "Transfer-Encoding": "chunked"}))
        answer = connection.send(b"5\r\nnogz!\r\n").read_answer("POST")
    assert answer.status == 401 and answer.header("www-authenticate")
    authorized = {**GZIP, "Authorization": "Bearer s3cret-one"}
    with collector.client() as client:
        assert client.post(PATH, gzip.compress(lines(1, 2)), authorized).json()["stored"] == 2
        assert_problem(client.post(PATH, b"nogz!", authorized), 400, "this is not gzip")


# --- Limits ----------------------------------------------------------------------------------------------------------

def test_the_limit_of_a_body_counts_decoded_bytes(start_redis, start_collector):
    collector = start_collector(start_redis(), bulk_max=str(MIB))
    with collector.client() as client:
        assert post(client, gzip.compress(lines(1, 1000))).json()["stored"] == 1000
        problem = assert_problem(post(client, gzip.compress(lines(1, 10), 9) + bomb(b"\n", 2 * MIB)), 413, "bulk-max")
        assert problem["storedThrough"] >= 10


@pytest.mark.parametrize("byte, mebibytes", [(b"\0", 1024), (b"\n", 64)])
def test_a_decompression_bomb_costs_no_memory_and_delays_no_others(start_redis, start_collector, byte, mebibytes):
    """A megabyte that decodes to a gigabyte: one line, or as many lines as bytes."""
    size = (32 if SANITIZED else mebibytes) * MIB
    collector = start_collector(start_redis(), workers=1)
    body = bomb(byte, size)
    url = f"http://127.0.0.1:{collector.port}"
    with collector.client() as client:
        assert post(client, gzip.compress(lines(1, 2000))).status == 200
    before, peak, answers = resident_bytes(collector.pid), 0, []
    upload = threading.Thread(target=lambda: answers.append(requests.post(url + PATH, body, headers=GZIP, timeout=120)))
    upload.start()
    served = 0
    while upload.is_alive():
        assert requests.post(url + PATH, json={"served": 1}, timeout=60).status_code == 201
        served += 1
        peak = max(peak, resident_bytes(collector.pid))
        time.sleep(0.01)
    upload.join()
    assert served > 0
    result = answers[0].json()
    if byte == b"\n":
        assert answers[0].status_code == 200 and result["stored"] == result["failed"] == 0
    else:
        assert answers[0].status_code == 400 and result["failed"] == 1 and result["errors"][0]["status"] == 413
    if not SANITIZED:
        assert peak - before < 8 * MIB, (before, peak)


def test_while_redis_is_unreachable_the_client_waits_and_memory_stays_constant(start_redis, start_collector):
    server = start_redis()
    collector = start_collector(server, workers=1)
    text = lines(1, 100000, 100)
    body = gzip.compress(text)
    answers = []
    with collector.client() as client:
        assert post(client, gzip.compress(lines(1, 2000))).status == 200
    before = resident_bytes(collector.pid)
    server.kill()
    upload = threading.Thread(target=lambda: answers.append(
        requests.post(f"http://127.0.0.1:{collector.port}{PATH}", body, headers=GZIP, timeout=120)))
    upload.start()
    upload.join(timeout=1)  # it must not end
    assert upload.is_alive()
    if not SANITIZED:
        assert resident_bytes(collector.pid) - before < 8 * MIB
    server.start()
    upload.join()
    assert answers[0].status_code == 200 and answers[0].json()["stored"] == 100000


def test_a_client_that_disconnects_within_a_member_leaks_nothing(fresh):
    collector, client, store = fresh
    body = gzip.compress(lines(1, 100))
    for _ in range(20):
        with RawConnection("127.0.0.1", collector.port, 60) as connection:
            connection.send(request_bytes("POST", PATH, None, {**GZIP, "Content-Length": str(len(body))}))
            connection.send(body[:-20])
    wait_until(lambda: collector.metrics()["http_connections"] <= 2, "the connections of the clients that left are closed")
    assert post(client, body).json()["stored"] == 100
    assert set(numbers(store)) == set(range(1, 101))
