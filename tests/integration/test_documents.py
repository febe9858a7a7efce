"""One document at a time under /v1/documents."""

import concurrent.futures
import json
import time
import uuid

import pytest

from support import feed
from support.deadline import wait_until
from support.matching import ABSENT_KEY, assert_problem, is_uuid


def post(client, body, **headers):
    return client.post("/v1/documents", body, {name.replace("_", "-"): value for name, value in headers.items()})


def new_key():
    return str(uuid.uuid4())


# --- POST ------------------------------------------------------------------------------------

def test_a_posted_document_is_created_with_its_location(client, store):
    before = int(time.time() * 1000)
    answer = post(client, {"a": 1})
    assert answer.status == 201
    assert answer.media_type == "application/json"
    body = answer.json()
    assert set(body) == {"key", "created", "correlationId"}
    assert is_uuid(body["key"], version=7)
    assert before <= body["created"] <= time.time() * 1000
    assert answer.header("location").endswith(f"/v1/documents/{body['key']}")
    document = json.loads(store.get(body["key"]))
    assert document == {"a": 1, "created": body["created"], "correlationId": body["correlationId"]}


def test_the_answer_has_the_created_time_of_the_body(client):
    assert post(client, '{"created":"then"}').json()["created"] == "then"


def test_the_correlation_id_of_the_request_is_returned(client):
    answer = post(client, {"a": 1}, x_correlation_id="c-9")
    assert answer.header("x-correlation-id") == answer.json()["correlationId"] == "c-9"


def test_each_document_is_in_the_feed_of_the_day(client, store):
    key = post(client, {"a": 1}).json()["key"]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    assert key in [key for entry in feed.entries(store, f"collector:feed:{day}") for key in entry.keys]


# --- Idempotency-Key ---------------------------------------------------------------------------

def test_the_same_request_sent_again_stores_nothing_twice(client, store):
    name = new_key()
    first = post(client, {"a": 1}, Idempotency_Key=name)
    size = store.dbsize()
    second = post(client, {"a": 1}, Idempotency_Key=name)
    assert (first.status, second.status) == (201, 201)
    assert first.header("idempotency-replayed") is None
    assert second.header("idempotency-replayed") == "true"
    assert second.json() == first.json()
    assert second.header("location") == first.header("location")
    assert store.dbsize() == size


def test_the_document_of_an_idempotency_key_has_a_key_of_version_8(client):
    assert is_uuid(post(client, {"a": 1}, Idempotency_Key=new_key()).json()["key"], version=8)


def test_a_replay_answers_with_the_first_correlation_id_in_its_body(client):
    name = new_key()
    first = post(client, {"a": 1}, Idempotency_Key=name, x_correlation_id="one")
    second = post(client, {"a": 1}, Idempotency_Key=name, x_correlation_id="two")
    assert second.json() == first.json() and second.json()["correlationId"] == "one"


def test_other_content_under_the_same_idempotency_key_gets_422(client, store):
    name = new_key()
    first = post(client, {"a": 1}, Idempotency_Key=name).json()
    assert_problem(post(client, {"a": 2}, Idempotency_Key=name), 422)
    assert json.loads(store.get(first["key"]))["a"] == 1


def test_the_classic_path_supports_idempotency_keys_too(client, store):
    name = new_key()
    first = client.post("/", {"a": 1}, {"Idempotency-Key": name})
    size = store.dbsize()
    second = client.post("/", {"a": 1}, {"Idempotency-Key": name})
    assert second.json() == first.json() and second.header("idempotency-replayed") == "true"
    assert store.dbsize() == size
    assert_problem(client.post("/", {"a": 2}, {"Idempotency-Key": name}), 422)


def test_one_idempotency_key_on_two_paths_is_two_requests(client):
    name = new_key()
    one = client.post("/", {"a": 1}, {"Idempotency-Key": name}).json()["key"]
    two = post(client, {"a": 1}, Idempotency_Key=name).json()["key"]
    assert one != two


def test_concurrent_requests_under_one_idempotency_key_store_one_document(collector, store):
    name, size = new_key(), store.dbsize()

    def send(_):
        with collector.client() as client:
            return post(client, {"a": 1}, Idempotency_Key=name)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert sum(answer.header("idempotency-replayed") is None for answer in answers) == 1
    assert store.dbsize() <= size + 2  # the document, and possibly the day's feed


def test_concurrent_requests_with_other_content_under_one_idempotency_key_store_one_document(collector, store):
    name = new_key()

    def send(number):
        with collector.client() as client:
            return number, post(client, {"a": number}, Idempotency_Key=name)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    winners = [(number, answer) for number, answer in answers if answer.status == 201]
    assert len(winners) == 1, answers
    assert {answer.status for _, answer in answers} == {201, 422}
    number, winner = winners[0]
    assert json.loads(store.get(winner.json()["key"]))["a"] == number


def test_an_idempotency_key_outlives_a_restart(start_redis, start_collector):
    server, name = start_redis(), new_key()
    first_program = start_collector(server)
    with first_program.client() as client:
        first = post(client, {"a": 1}, Idempotency_Key=name)
    first_program.stop()
    with start_collector(server).client() as client:
        again = post(client, {"a": 1}, Idempotency_Key=name)
        assert again.json() == first.json() and again.header("idempotency-replayed") == "true"
        assert_problem(post(client, {"a": 2}, Idempotency_Key=name), 422)


def test_an_idempotency_key_works_at_another_replica(start_redis, start_collector):
    server, name = start_redis(), new_key()
    with start_collector(server).client() as one, start_collector(server).client() as two:
        first = post(one, {"a": 1}, Idempotency_Key=name)
        second = post(two, {"a": 1}, Idempotency_Key=name)
    assert second.json() == first.json() and second.header("idempotency-replayed") == "true"


def test_an_idempotency_key_is_used_as_sent_with_or_without_quotes(client):
    # The draft uses a quoted structured string, most clients send a bare word; both work.
    name = new_key()
    quoted = post(client, {"a": 1}, Idempotency_Key=f'"{name}"')
    assert quoted.status == 201
    assert post(client, {"a": 1}, Idempotency_Key=f'"{name}"').json() == quoted.json()


def test_an_empty_or_endless_idempotency_key_is_rejected(client):
    for name in ("", "x" * 2000):
        answer = post(client, {"a": 1}, Idempotency_Key=name)
        assert_problem(answer, 400)


def test_two_idempotency_keys_are_rejected_and_store_nothing(collector, client, store):
    before = store.dbsize()
    for path in ("/", "/v1/documents"):
        with collector.connect() as connection:
            head = "".join(f"{name}: {value}\r\n" for name, value in (
                ("Host", "x"), ("Content-Type", "application/json"), ("Content-Length", "7"),
                ("Idempotency-Key", new_key()), ("idempotency-key", new_key())))
            connection.send(f'POST {path} HTTP/1.1\r\n{head}\r\n{{"a":1}}')
            answer = connection.read_answer("POST")
        assert "one Idempotency-Key" in assert_problem(answer, 400)["detail"]
    assert store.dbsize() == before


# --- PUT -------------------------------------------------------------------------------------

def test_put_stores_a_document_under_the_senders_key(client, store):
    key = new_key()
    answer = client.put(f"/v1/documents/{key}", {"a": 1})
    assert answer.status == 201
    assert answer.json()["key"] == key
    assert json.loads(store.get(key))["a"] == 1


def test_put_of_the_same_content_again_gets_200(client, store):
    key = new_key()
    assert client.put(f"/v1/documents/{key}", '{"a": 1}', {"x-correlation-id": "one"}).status == 201
    value = store.get(key)
    again = client.put(f"/v1/documents/{key}", '{"a": 1}', {"x-correlation-id": "two"})
    assert again.status == 200, again
    assert again.json()["key"] == key
    assert store.get(key) == value


def test_put_of_other_content_is_a_conflict_and_changes_nothing(client, store):
    key = new_key()
    client.put(f"/v1/documents/{key}", {"a": 1})
    value = store.get(key)
    assert_problem(client.put(f"/v1/documents/{key}", {"a": 2}), 409)
    assert store.get(key) == value


def test_put_of_a_posted_documents_key_with_other_content_is_a_conflict(client):
    key = post(client, {"a": 1}).json()["key"]
    assert_problem(client.put(f"/v1/documents/{key}", {"b": 1}), 409)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("key", [
    "nothing", "collector:feed:2026-01-01", "a" * 36, ABSENT_KEY + "0", ABSENT_KEY[:-1], "%2e%2e",
    ABSENT_KEY.replace("-", "_"), "{" + ABSENT_KEY[1:], "%00" + ABSENT_KEY, ABSENT_KEY + "%0d%0aDEL%20x"])
def test_a_key_that_is_not_a_uuid_gets_404_and_never_reaches_redis(client, redis_server, store, method, key):
    store.set("nothing", "of another program")
    store.config_resetstat()
    answer = client.request(method, f"/v1/documents/{key}", {"a": 1} if method == "PUT" else None)
    assert answer.status == 404 or ("%00" in key and answer.status == 400), answer
    if method != "HEAD":
        assert answer.media_type == "application/problem+json"
    assert redis_server.calls("get", "set", "del", "unlink", "getdel", "xadd", "strlen", "exists") == 0
    assert store.get("nothing") == b"of another program"


def test_an_upper_case_key_means_the_same_document_or_none(client):
    key = "ABCDEF00-0000-4000-8000-" + uuid.uuid4().hex[:12].upper()
    answer = client.put(f"/v1/documents/{key}", {"a": 1})
    assert answer.status in (201, 404)
    if answer.status == 201:
        assert client.get(f"/v1/documents/{key.lower()}").status == 200


# --- GET, HEAD, DELETE ------------------------------------------------------------------------

def test_a_document_is_read_back_with_the_added_members(client):
    made = post(client, {"a": [1, {"b": None}]}).json()
    answer = client.get(f"/v1/documents/{made['key']}")
    assert answer.status == 200 and answer.media_type == "application/json"
    assert answer.json() == {"a": [1, {"b": None}], "created": made["created"],
                             "correlationId": made["correlationId"]}


def test_head_has_the_length_and_no_body(client):
    key = post(client, {"a": 1}).json()["key"]
    full = client.get(f"/v1/documents/{key}")
    head = client.head(f"/v1/documents/{key}")
    assert head.status == 200 and head.body == b""
    assert head.header("content-length") == str(len(full.body))
    assert client.head(f"/v1/documents/{ABSENT_KEY}").status == 404
    assert client.get("/healthz").status == 200  # the connection is still usable


def test_a_deleted_document_no_longer_exists(client, store):
    key = post(client, {"a": 1}).json()["key"]
    answer = client.delete(f"/v1/documents/{key}")
    assert answer.status == 204 and answer.body == b""
    assert not store.exists(key)
    assert_problem(client.get(f"/v1/documents/{key}"), 404)
    assert_problem(client.delete(f"/v1/documents/{key}"), 404)


@pytest.mark.parametrize("number", [
    "1e400", "-1e-400", "18446744073709551616", "-0.0", "-0", "1.10", "1E5", "1e+05", "0.1000000000000000055511151231257827",
    "123456789012345678901234567890", "9007199254740993"])
def test_numbers_keep_their_digits(client, store, number):
    key = post(client, '{"n":%s}' % number).json()["key"]
    assert ('"n":%s,' % number).encode() in client.get(f"/v1/documents/{key}").body
    assert ('"n":%s,' % number).encode() in store.get(key)


@pytest.mark.parametrize("text", [
    r'"\u0000"', r'"\ud800"', r'"\ud83d\ude00"', r'"\/\b\f\n\r\t\"\\"', '"\u00fc\u4e2d\U0001f600"', r'"\u00FC"'])
def test_strings_keep_their_bytes(client, text):
    key = post(client, '{"s":%s}' % text).json()["key"]
    assert b'"s":' + text.encode() in client.get(f"/v1/documents/{key}").body


def test_white_space_and_duplicate_names_are_kept(client):
    body = '{ "a" : [ 1 ,\n\t2 ] ,\r\n "a" : { } , "b":{"x" : 1,"x" : 2} }'
    key = post(client, body).json()["key"]
    answer = client.get(f"/v1/documents/{key}").body
    assert body.rstrip(" }").encode() in answer
    assert answer.startswith(b'{ "a" : [ 1 ,\n\t2 ] ,\r\n "a" : { } ,')


def test_a_document_of_the_largest_size_is_kept(client, store):
    body = '{"a":"%s"}' % ("x" * (1024 * 1024 - 8))
    assert len(body) == 1024 * 1024
    answer = post(client, body)
    assert answer.status == 201, answer
    assert store.strlen(answer.json()["key"]) > len(body)
    assert client.get(f"/v1/documents/{answer.json()['key']}").body.startswith(body[:-1].encode())


def test_a_chunked_body_is_accepted(collector, store):
    with collector.connect() as raw:
        raw.send("POST /v1/documents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n")
        answer = raw.read_answer()
    assert answer.status == 201, answer
    assert json.loads(store.get(answer.json()["key"]))["a"] == 1


def test_chunk_extensions_are_ignored_or_refused(collector, store):
    """libmicrohttpd 1.0.1 takes the line's end for the chunk's first byte. It must reject the request,
    never store wrong data."""
    before = store.dbsize()
    with collector.connect() as raw:
        raw.send("POST /v1/documents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3;x=y\r\n:1}\r\n0\r\n\r\n")
        answer = raw.read_answer()
    if answer.status == 400:
        assert store.dbsize() == before
    else:
        assert answer.status == 201, answer
        assert json.loads(store.get(answer.json()["key"]))["a"] == 1


def test_a_client_that_expects_100_continue_gets_it(collector):
    with collector.connect() as raw:
        raw.send("POST /v1/documents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 "Content-Length: 7\r\nExpect: 100-continue\r\n\r\n")
        assert raw.readable(5), "no 100 Continue"
        raw.send('{"a":1}')
        answer = raw.read_answer()
    assert answer.interim == [100] and answer.status == 201


# --- Settings --------------------------------------------------------------------------------

def test_retention_gives_each_document_a_time_to_live(start_redis, start_collector):
    server = start_redis()
    with start_collector(server, retention="1h").client() as client:
        posted = post(client, {"a": 1}).json()["key"]
        named = post(client, {"a": 1}, Idempotency_Key="x").json()["key"]
        put = new_key()
        client.put(f"/v1/documents/{put}", {"a": 1})
        classic = client.post("/", {"a": 1}).json()["key"]
    store = server.client()
    for key in (posted, named, put, classic):
        assert 3500 < store.ttl(key) <= 3600, key


def test_a_document_expires_after_its_retention(start_redis, start_collector):
    with start_collector(start_redis(), retention="300ms").client() as client:
        key = post(client, {"a": 1}).json()["key"]
        wait_until(lambda: client.get(f"/v1/documents/{key}").status == 404, "the document's end", 5)
        listing = client.get("/v1/documents").json()
        assert key not in json.dumps(listing)


def test_with_a_retention_the_feed_expires_after_its_last_document(start_redis, start_collector):
    server = start_redis()
    with start_collector(server, retention="1h").client() as client:
        post(client, {"a": 1})
    store = server.client()
    stream, = feed.streams(store)
    ttl = wait_until(lambda: max(0, store.ttl(stream)), "an expiry of the feed", 5)
    assert ttl > 3600


def test_a_key_prefix_is_added_to_each_key(start_redis, start_collector):
    server = start_redis()
    with start_collector(server, key_prefix="shop:").client() as client:
        key = post(client, {"a": 1}).json()["key"]
        assert is_uuid(key)
        assert client.get(f"/v1/documents/{key}").status == 200
        assert client.get(f"/?key={key}").json()["key"] == key
        assert [item["key"] for item in items(client.get("/v1/documents"))] == [key]
    store = server.client()
    assert store.exists(f"shop:{key}")
    assert all(name.startswith(b"shop:") for name in store.scan_iter())


def items(answer):
    """The documents in the response to a list request."""
    assert answer.status == 200, answer
    return answer.json()["documents"]


def test_without_the_feed_nothing_is_added_to_it(start_redis, start_collector):
    server = start_redis()
    with start_collector(server, feed="off").client() as client:
        key = post(client, {"a": 1}).json()["key"]
        assert client.get(f"/v1/documents/{key}").status == 200
    assert server.calls("xadd") == 0
    assert list(server.client().scan_iter()) == [key.encode()]


def test_a_configured_database_is_used(start_redis, start_collector):
    server = start_redis()
    with start_collector(server.url(database=3)).client() as client:
        key = post(client, {"a": 1}).json()["key"]
    assert server.client(db=3).exists(key)
    assert not server.client().exists(key)


def test_redis_on_a_unix_socket_is_used(start_redis, start_collector):
    server = start_redis(unix=True)
    with start_collector(server).client() as client:
        key = post(client, {"a": 1}).json()["key"]
    assert server.client().exists(key)
