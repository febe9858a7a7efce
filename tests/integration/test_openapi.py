"""GET /openapi.json: how it is served. cmd/collector/routes_test.c compares it with the routes; support/described.py
compares the responses in all tests with it."""

import gzip
import json

import pytest

from support import described
from support.described import SOURCE
from support.http_client import Answer


def test_the_file_is_served_with_the_version_of_the_program(client):
    answer = client.get("/openapi.json")
    assert answer.status == 200 and answer.media_type == "application/json"
    version = client.get("/version").json()["version"]
    assert answer.json()["info"]["version"] == version
    assert answer.text == SOURCE.read_text().replace("@VERSION@", version)


def test_the_file_is_compressed_and_revalidated_like_the_page(client):
    plain = client.get("/openapi.json")
    small = client.get("/openapi.json", {"Accept-Encoding": "gzip"})
    assert small.header("content-encoding") == "gzip" and gzip.decompress(small.body) == plain.body
    assert plain.header("content-encoding") is None
    assert plain.header("vary") == small.header("vary") == "Accept-Encoding"
    assert plain.header("cache-control") == small.header("cache-control") == "no-cache"
    for answer, headers in ((plain, {}), (small, {"Accept-Encoding": "gzip"})):
        tag = answer.header("etag")
        assert tag.startswith('"')
        again = client.get("/openapi.json", {"If-None-Match": f'"x", W/{tag}', **headers})
        assert again.status == 304 and again.body == b"" and again.header("etag") == tag
        assert client.get("/openapi.json", {"If-None-Match": '"x"', **headers}).status == 200
        assert client.get("/openapi.json", {"If-Match": '"x"', **headers}).status == 412
    assert plain.header("etag") != small.header("etag")


def test_the_file_supports_the_methods_of_a_file(client):
    head = client.head("/openapi.json")
    assert head.status == 200 and head.body == b""
    assert int(head.header("content-length")) == len(client.get("/openapi.json").body)
    answer = client.post("/openapi.json", {})
    assert answer.status == 405 and answer.header("allow") == "GET, HEAD, OPTIONS"


def test_the_file_needs_no_token(start_redis, start_collector, bindings):
    bindings.redis("cache", start_redis())
    bindings.write("clients", type="collector-tokens", till="a-token-of-the-till")
    collector = start_collector(env=bindings.environment()).wait_connected()
    with collector.client() as client:
        assert client.get("/v1/documents").status == 401
        assert client.get("/openapi.json").status == 200


def test_the_index_lists_the_described_paths(client):
    named = {line.split("?")[0] for line in client.get("/").json()["endpoints"]}
    described = {f"{method.upper()} {path}" for path, item in json.loads(SOURCE.read_text())["paths"].items()
                 for method in item if method not in ("parameters", "head")}
    # /ui redirects to /ui/, and the page links to its files.
    assert named == described - {"GET /ui", "GET /ui/{file}"}


READY = {"content-type": "application/json", "x-correlation-id": "a", "cache-control": "no-store"}
PROBLEM = {**READY, "content-type": "application/problem+json"}
WRONG = b'{"type":"about:blank","title":"Not Found","status":404,"detail":"none","correlationId":"a"}'


def answer_of(status, headers, body):
    return Answer(status, list(headers.items()), body, [])


@pytest.mark.parametrize("method, target, answer", [
    ("GET", "/readyz", answer_of(200, READY, b'{"status":"ready"}')),
    ("HEAD", "/readyz?x=1", answer_of(200, READY, b"")),
    ("GET", "/nowhere", answer_of(404, PROBLEM, WRONG)),
    ("OPTIONS", "/readyz", answer_of(204, {**READY, "allow": "GET"}, b"")),
    ("PATCH", "/readyz", answer_of(405, {**PROBLEM, "allow": "GET"}, WRONG)),
])
def test_what_is_described_passes(method, target, answer):
    described.check(method, target, answer)


@pytest.mark.parametrize("method, target, answer, wrong", [
    ("GET", "/readyz", answer_of(202, READY, b'{"status":"ready"}'), "status"),
    ("GET", "/readyz", answer_of(200, READY, b'{"status":"steady"}'), r"\$.status"),
    ("GET", "/readyz", answer_of(200, READY, b'{"status":"ready","more":1}'), "more"),
    ("GET", "/readyz", answer_of(200, READY, b"{}"), "'status' is a required"),
    ("GET", "/readyz", answer_of(200, READY, b""), "Expecting value"),
    ("GET", "/readyz", answer_of(200, {**READY, "content-type": "text/html"}, b"x"), "text/html"),
    ("GET", "/readyz", answer_of(200, {**READY, "x-more": "1"}, b'{"status":"ready"}'), "x-more"),
    ("GET", "/readyz", answer_of(200, {**READY, "cache-control": "public"}, b'{"status":"ready"}'), "cache-control"),
    ("GET", "/readyz", answer_of(200, {"content-type": "application/json"}, b'{"status":"ready"}'), "no x-corr"),
    ("GET", "/ui", answer_of(308, {**READY, "location": "ui/", "vary": "Accept"}, b"x"), "no body"),
    ("GET", "/nowhere", answer_of(200, READY, b"{}"), "status"),
    ("PATCH", "/readyz", answer_of(405, PROBLEM, WRONG), "no Allow"),
    ("PATCH", "/readyz", answer_of(200, READY, b'{"status":"ready"}'), "status"),
])
def test_what_is_not_described_fails(method, target, answer, wrong):
    with pytest.raises((AssertionError, ValueError), match=wrong):
        described.check(method, target, answer)
