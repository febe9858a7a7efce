"""GET /openapi.json: what is served, and how. cmd/collector/routes_test.c compares it with the routes; support/described.py
compares the answers of all tests with it."""

import gzip
import json

from support.deadline import ROOT

SOURCE = ROOT / "cmd/collector/openapi.json"


def test_the_file_is_served_with_the_version_of_the_program(client):
    answer = client.get("/openapi.json")
    assert answer.status == 200 and answer.media_type == "application/json"
    version = client.get("/version").json()["version"]
    assert answer.json()["info"]["version"] == version
    assert answer.text == SOURCE.read_text().replace("@VERSION@", version)


def test_it_is_compressed_and_revalidated_like_the_page(client):
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


def test_it_has_the_methods_of_a_file(client):
    head = client.head("/openapi.json")
    assert head.status == 200 and head.body == b""
    assert int(head.header("content-length")) == len(client.get("/openapi.json").body)
    answer = client.post("/openapi.json", {})
    assert answer.status == 405 and answer.header("allow") == "GET, HEAD, OPTIONS"


def test_it_needs_no_token(start_redis, start_collector, bindings):
    bindings.redis("cache", start_redis())
    bindings.write("clients", type="collector-tokens", till="a-token-of-the-till")
    collector = start_collector(env=bindings.environment()).wait_connected()
    with collector.client() as client:
        assert client.get("/v1/documents").status == 401
        assert client.get("/openapi.json").status == 200


def test_the_index_names_what_is_described(client):
    named = {line.split("?")[0] for line in client.get("/").json()["endpoints"]}
    described = {f"{method.upper()} {path}" for path, item in json.loads(SOURCE.read_text())["paths"].items()
                 for method in item if method not in ("parameters", "head")}
    # /ui leads to /ui/, and the page knows its files.
    assert named == described - {"GET /ui", "GET /ui/{file}"}
