"""POST /v1/documents with a JSON array: its elements are documents, like the lines of NDJSON (test_bulk.py)."""

import json
import subprocess

import pytest

from support import feed
from support.bulk import PATH, Upload
from support.http_client import request_bytes
from support.matching import assert_problem, is_uuid

JSON = {"Content-Type": "application/json"}


def post(client, body, query="", **headers):
    return client.post(PATH + query, body, {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}})


def test_each_element_is_stored_as_a_document(client, store):
    answer = post(client, b' [ {"a":1.50},\r\n{"b":"],[{"} ,{"c":[]}\n]\n', "?keys=true")
    assert answer.status == 200
    result = answer.json()
    keys = result.pop("keys")
    assert result == {"stored": 3, "failed": 0, "replayed": 0, "errors": []}
    assert all(is_uuid(key, 7) for key in keys) and set(keys) <= set(feed.keys(store))
    assert store.get(keys[0]).startswith(b'{"a":1.50,"created":')
    assert store.get(keys[1]).startswith(b'{"b":"],[{","created":')


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/geo+json", None])
def test_the_first_byte_distinguishes_an_array_from_a_document(client, kind):
    assert client.post(PATH, b"[{},{}]", {"Content-Type": kind}).json()["stored"] == 2
    assert client.post(PATH, b"\n \t {}", {"Content-Type": kind}).status == 201


def test_other_routes_reject_an_array(client):
    assert_problem(client.post("/", b"[{}]", JSON), 400, "expected an object")
    assert_problem(client.put(f"{PATH}/0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10", b"[{}]", JSON), 400, "expected an object")
    assert_problem(client.post(PATH, b"[{}]", {"Content-Type": "text/plain"}), 415)
    assert_problem(post(client, b"[{}]", Content_Encoding="br"), 415)
    assert_problem(client.post(PATH, b"[{}]", {"Content-Type": "application/json; charset=latin1"}), 415)


def test_an_empty_array_is_accepted(client):
    assert post(client, b"[ ]").json() == {"stored": 0, "failed": 0, "replayed": 0, "errors": []}


def test_an_element_that_is_not_a_document_fails_alone(client):
    deep = b'{"a":' + b"[" * 128 + b"]" * 128 + b"}"
    result = post(client, b'[{"n":1}, 17,\n "x", ' + deep + b', [], null, {"n":7}]').json()
    assert result["stored"] == 2 and result["failed"] == 5
    assert [(error["line"], error["status"]) for error in result["errors"]] == [(number, 400) for number in range(2, 7)]
    assert [error["detail"] for error in result["errors"]][:3] == [
        "line 1, column 11: expected an object, found '1'", "line 2, column 2: expected an object, found '\"'",
        "line 2, column 139: nested too deep"]
    problem = assert_problem(post(client, b"[1,2]"), 400, "every line")
    assert problem["failed"] == 2 and "storedThrough" not in problem
    assert_problem(post(client, b"[{},2]", "?strict=true"), 422, "1 of 2")


@pytest.mark.parametrize("body, stored, through, line, column, words", [
    (b'[{"n":1},\n{"n":2} {"n":3}]', 2, 2, 2, 9, "expected ',' or ']' after an element, found '{'"),
    (b'[{"n":1},\n{"n":2}', 2, 2, 2, 8, "found the end"),
    (b'[{"n":1},\n{"n":', 1, 1, 2, 6, "found the end"),
    (b'[{"n":1},\n{"n" 2},{"n":3}]', 1, 2, 2, 6, "expected ':' after a member's name"),
    (b'[{"n":1}]\n{"n":2}', 1, 1, 2, 1, "expected nothing more after the array"),
    (b'[{"n":1},]', 1, 1, 1, 10, "expected a value, found ']'"),
    (b"[", 0, 0, 1, 2, "expected a value or ']'"),
])
def test_a_syntax_error_ends_the_array_there(client, body, stored, through, line, column, words):
    problem = assert_problem(post(client, body), 400, words)
    assert (problem["stored"], problem["storedThrough"]) == (stored, through)
    assert (problem["line"], problem["column"]) == (line, column)


def test_a_body_may_be_split_anywhere(collector):
    body = '\n [{"n":1,"text":"Grüße"}, 7,{"n":2}]\n'.encode()
    for cut in range(1, len(body)):
        with Upload(collector, headers=JSON) as upload:
            result = upload.send(body[:cut]).send(body[cut:]).finish().json()
            assert (result["stored"], result["failed"]) == (2, 1), cut


def test_an_array_may_be_larger_than_a_document(start_redis, start_collector):
    collector = start_collector(start_redis(), body_max="2048")
    body = json.dumps([{"n": n} for n in range(5000)]).encode()
    big = b'{"a":"' + b"x" * 2041 + b'"}'
    with collector.client() as client:
        assert post(client, body).json()["stored"] == 5000
        result = post(client, b"[{}," + big + b",{}]").json()
        assert (result["stored"], [(error["line"], error["status"]) for error in result["errors"]]) == (2, [(2, 413)])
        assert_problem(post(client, big), 413)
    answer = subprocess.run(["curl", "-sS", "-H", "Expect: 100-continue", "--json", "@-",
                             f"http://127.0.0.1:{collector.port}{PATH}"], input=body, stdout=subprocess.PIPE, check=True)
    assert json.loads(answer.stdout)["stored"] == 5000


def test_a_client_that_expects_100_gets_413_if_its_large_body_is_not_an_array(collector):
    with collector.connect() as raw:
        raw.send(request_bytes("POST", PATH, headers={**JSON, "Content-Length": 2 << 20, "Expect": "100-continue"}))
        raw.send(b"{")
        answer = raw.read_answer()
    assert_problem(answer, 413)
    assert answer.interim == [100]


def test_sending_the_same_array_again_stores_nothing_twice(client):
    body = json.dumps([{"n": n} for n in range(500)]).encode()
    first = post(client, body, "?keys=true", Idempotency_Key="array-1")
    again = post(client, body, "?keys=true", Idempotency_Key="array-1")
    assert again.header("Idempotency-Replayed") == "true"
    assert again.json() == {**first.json(), "replayed": 500}


def test_the_limit_for_the_body_applies_to_arrays(start_redis, start_collector):
    collector = start_collector(start_redis(), bulk_max="4KiB")
    with collector.client() as client:
        assert_problem(post(client, b"[" + b"{}," * 2000 + b"{}]"), 413, "--bulk-max")
        assert post(client, b"[" + b"{}," * 1000 + b"{}]").json()["stored"] == 1001
