"""PUT /v1/documents: an export is restored, each document byte for byte under its key."""

import gzip
import json
import time
import uuid

import pytest

from support import described, feed
from support.deadline import wait_until
from support.http_client import RawConnection, request_bytes
from support.matching import assert_problem

PATH = "/v1/documents"
NDJSON = {"Content-Type": "application/x-ndjson"}
GZIP = {**NDJSON, "Content-Encoding": "gzip"}
NOTHING = {"failed": 0, "errors": []}
# Numbers, white space, escapes and repeated names that a parser would not give back.
AWKWARD = [b'{}', b'{"a":1.50,"a":1e400,"b":-0.0}', b'{ "a" : [ 1 , 2 ] ,\t"b":"\\u00e9\\/\\ud800" }', b'{"end":1,"key":"x"}',
           b'{"created":1,"correlationId":"mine","a":18446744073709551616}', b'{\n  "a": 1,\r\n  "b": 2\n}',
           '{"é":"ü€"}'.encode()]


def export(client, query=""):
    answer = client.get(PATH + query, {"Accept": "application/x-ndjson"})
    assert answer.status == 200, answer
    return answer.body


def restore(client, body, query="", **headers):
    return client.put(PATH + query, body, {**NDJSON, **{name.replace("_", "-"): value for name, value in headers.items()}})


def line(key, document, more=b""):
    return b'{"key":"%s","document":%s%s}\n' % (str(key).encode(), document, more)


@pytest.fixture
def other(start_redis, start_collector):
    """Yields (client, store) of a second Collector, with an empty Redis."""
    server = start_redis()
    program = start_collector(server)
    with program.client() as client, server.client() as store:
        client.program, client.server = program, server
        yield client, store


def fill(client, count=500):
    for document in AWKWARD:
        assert client.post(PATH, document, {"Content-Type": "application/json"}).status == 201
    body = b"".join(b'{"n":%d,"text":"%s"}\n' % (n, b"x" * (n % 300)) for n in range(count))
    assert client.post(PATH, body, NDJSON).json()["stored"] == count
    return len(AWKWARD) + count


# --- Restored documents
# ------------------------------------------------------------------------------------------------

def test_an_export_restored_elsewhere_gives_the_same_export(fresh, other):
    client, _ = fresh
    count = fill(client)
    exported = export(client)
    assert exported.count(b"\n") == count
    assert restore(other[0], exported).json() == {"stored": count, "replayed": 0, **NOTHING}
    assert export(other[0]) == exported
    assert restore(other[0], exported).json() == {"stored": count, "replayed": count, **NOTHING}
    assert export(other[0]) == exported
    assert other[1].dbsize() == count + len(other[1].keys("collector:*"))


def test_gzip_cursors_and_the_last_line_of_an_export_are_accepted(fresh, other):
    client, _ = fresh
    count = fill(client, 100)
    exported = export(client, "?cursors=true&end=true")
    assert b'"cursor":"' in exported and b'{"end":{' in exported
    result = restore(other[0], gzip.compress(exported), Content_Encoding="gzip").json()
    assert result == {"stored": count, "replayed": 0, **NOTHING}
    assert export(other[0]) == export(client)


def test_restoring_into_the_original_redis_changes_nothing(fresh):
    client, store = fresh
    count = fill(client)
    exported = export(client)
    gone = json.loads(exported.splitlines()[0])["key"]
    entries = len(feed.keys(store))
    assert restore(client, exported).json() == {"stored": count, "replayed": count, **NOTHING}
    assert export(client) == exported and len(feed.keys(store)) == entries
    assert client.delete(f"{PATH}/{gone}").status == 204
    assert restore(client, exported).json() == {"stored": count, "replayed": count - 1, **NOTHING}
    assert set(export(client).splitlines()) == set(exported.splitlines())


def test_a_document_is_stored_byte_for_byte(other):
    client, store = other
    for document in AWKWARD:
        if b"\n" in document:
            continue
        key = str(uuid.uuid4())
        assert restore(client, line(key, document)).json()["stored"] == 1
        assert store.get(key) == document
        assert client.get(f"{PATH}/{key}").body == document


def test_members_may_be_in_any_order_and_names_may_have_escapes(other):
    client, store = other
    key = str(uuid.uuid4())
    body = b' {"document" : {"a":1} , "cursor":7, "k\\u0065y":"%s", "other":[] } \r\n' % key.upper().encode()
    assert restore(client, body, "?keys=true").json() == {"stored": 1, "replayed": 0, **NOTHING, "keys": [key]}
    assert store.get(key) == b'{"a":1}'


def test_a_document_of_the_maximum_stored_size_is_restored(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, body_max="4096")
    with program.client() as client, server.client() as store:
        key = client.post(PATH, b'{"a":"' + b"x" * 4088 + b'"}', {"x-correlation-id": '"' * 128}).json()["key"]
        exported = export(client, "?cursors=true")
        store.delete(key)
        assert restore(client, exported).json()["stored"] == 1
        assert export(client, "?cursors=true").split(b',"cursor"')[0] == exported.split(b',"cursor"')[0]


# --- Rejected lines
# -----------------------------------------------------------------------------------------------------

def test_other_content_under_a_key_fails_only_its_line(other):
    client, store = other
    keys = [str(uuid.uuid4()) for _ in range(3)]
    body = b"".join(line(key, b'{"a":1}') for key in keys)
    store.set(keys[1], b'{"a":2}')
    result = restore(client, body).json()
    assert result["stored"] == 2 and result["failed"] == 1
    assert result["errors"][0]["line"] == 2 and result["errors"][0]["status"] == 422
    assert store.get(keys[1]) == b'{"a":2}'
    problem = assert_problem(restore(client, body, "?strict=true"), 422)
    assert problem["stored"] == problem["replayed"] == 2


@pytest.mark.parametrize("bad, detail", [
    (b'{"document":{}}', "the line has no member `key`"),
    (b'{"key":"0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"}', "the line has no member `document`"),
    (b'{"key":"k","document":{}}', "key: expected a UUID of 36 characters"),
    (b'{"key":7,"document":{}}', "key: expected a UUID of 36 characters"),
    (b'{"key":"0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10","document":[1]}', "column 58: expected an object, found '['"),
    (b'{"key":"0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10","document":{"a":}}', "column 63: "),
    (b'{"a":1', "column 7: "),
    (b'[]', "column 1: "),
])
def test_an_invalid_restore_line_fails_alone(other, bad, detail):
    client, store = other
    good = [str(uuid.uuid4()) for _ in range(2)]
    result = restore(client, line(good[0], b"{}") + bad + b"\n" + line(good[1], b"{}")).json()
    assert result["stored"] == 2 and result["failed"] == 1
    assert result["errors"] == [{"line": 2, "status": 400, "detail": result["errors"][0]["detail"]}]
    assert result["errors"][0]["detail"].startswith(detail)
    assert store.exists(*good) == 2


def test_only_ndjson_is_accepted(other):
    client, _ = other
    body = line(uuid.uuid4(), b"{}")
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        assert_problem(client.put(PATH, body, {"Content-Type": kind}), 415, "application/x-ndjson")
    assert_problem(restore(client, body, Content_Encoding="br"), 415, "gzip")
    assert "PUT" in client.request("PATCH", PATH).header("allow")


def test_the_answer_to_a_truncated_body_says_how_far_it_got(fresh, other):
    client, _ = fresh
    count = fill(client, 100)
    body = gzip.compress(export(client))
    problem = assert_problem(restore(other[0], body[:-100], Content_Encoding="gzip"), 400, "ends in the middle")
    assert 0 < problem["storedThrough"] == problem["stored"] < count
    assert restore(other[0], body, Content_Encoding="gzip").json()["stored"] == count
    assert export(other[0]) == export(client)


# --- The list --------------------------------------------------------------------------------------------------------

def test_restoring_a_document_without_a_feed_entry_lists_it(other):
    client, store = other
    keys = [str(uuid.uuid4()) for _ in range(300)]
    body = b"".join(line(key, b'{"created":%d}' % n) for n, key in enumerate(keys))
    for n, key in enumerate(keys[:200]):
        store.set(key, b'{"created":%d}' % n)
    assert restore(client, body).json() == {"stored": 300, "replayed": 200, **NOTHING}
    assert sorted(feed.keys(store)) == sorted(keys)


def test_a_document_restored_long_ago_is_not_listed_twice(other):
    """The documents do not say when they were restored, and the feed has more entries than a search around one time
    reads."""
    client, store = other
    now = int(time.time() * 1000)
    restored = now - 3 * 3600 * 1000
    keys = [str(uuid.uuid4()) for _ in range(3000)]
    documents = [b'{"n":%d,"created":%d,"correlationId":"x"}' % (n, now - 40 * 24 * 3600 * 1000) for n in range(3000)]
    stream = time.strftime("collector:feed:%Y-%m-%d", time.gmtime(restored // 1000))
    with store.pipeline(transaction=False) as pipe:
        for number in range(20000):
            pipe.xadd(stream, {"k": str(uuid.uuid4())}, id=f"{restored - 60000 + number}-0")
        for at in range(0, 3000, 60):
            fields = [word for key in keys[at:at + 60] for word in ("k", key)]
            pipe.execute_command("XADD", stream, f"{restored + at}-0", *fields)
        for key, document in zip(keys, documents):
            pipe.set(key, document)
        pipe.execute()
    before = len(feed.keys(store))
    reads = store.info("commandstats").get("cmdstat_xrange", {}).get("calls", 0)
    result = restore(client, b"".join(map(line, keys, documents))).json()
    assert result == {"stored": 3000, "replayed": 3000, **NOTHING}
    assert len(feed.keys(store)) == before
    assert store.info("commandstats")["cmdstat_xrange"]["calls"] - reads < 1500


def test_a_repeated_body_is_looked_up_a_window_at_a_time(other):
    client, store = other
    body = b"".join(b'{"n":%d}\n' % n for n in range(5000))
    headers = {**NDJSON, "Idempotency-Key": "again"}
    assert client.post(PATH, body, headers).json()["stored"] == 5000
    reads = store.info("commandstats").get("cmdstat_xrange", {}).get("calls", 0)
    assert client.post(PATH, body, headers).json()["replayed"] == 5000
    assert store.info("commandstats")["cmdstat_xrange"]["calls"] - reads < 500
    assert len(feed.keys(store)) == 5000


# --- Redis stops and returns
# --------------------------------------------------------------------------------------------

def test_a_restore_interrupted_by_a_kill_of_redis_is_repeated_without_duplicates(fresh, start_redis, start_collector):
    client, _ = fresh
    body = b"".join(b'{"n":%d,"text":"%s"}\n' % (n, b"x" * 100) for n in range(6000))
    assert client.post(PATH, body, NDJSON).json()["stored"] == 6000
    exported = export(client)
    server = start_redis(appendonly="yes")
    program = start_collector(server)
    with program.client() as target, server.client() as store:
        half = len(exported) // 2
        with RawConnection("127.0.0.1", program.port, 60) as connection:
            connection.send(request_bytes("PUT", PATH, None, {**NDJSON, "Content-Length": str(len(exported))}))
            connection.send(exported[:half])
            wait_until(lambda: store.dbsize() > 1000, "a part is stored")
            server.restart()
            connection.send(exported[half:])
            answer = connection.read_answer("PUT")
        described.check("PUT", PATH, answer)
        assert answer.status in (200, 503)

        def repeated():
            return restore(target, exported).json().get("stored") == 6000
        wait_until(repeated, "all of it is restored", 60)
        assert len(set(feed.keys(store))) == 6000
        assert sorted(export(target).splitlines()) == sorted(exported.splitlines())
