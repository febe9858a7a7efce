"""ETag, If-None-Match and If-Match of documents."""

import uuid

import pytest

DOCUMENT = {"order": 17, "price": 12.5}


@pytest.fixture
def path(client):
    answer = client.post("/v1/documents", DOCUMENT)
    assert answer.status == 201
    return answer.header("location")


def tag_of(client, path):
    return client.get(path).header("etag")


def test_get_and_head_return_the_same_strong_tag_each_time(client, path):
    get, head = client.get(path), client.head(path)
    assert get.status == head.status == 200
    assert get.header("etag") == head.header("etag") == tag_of(client, path)
    assert get.header("etag").startswith('"') and len(get.header("etag")) == 34
    assert get.header("cache-control") == head.header("cache-control") == "no-store"
    assert head.body == b"" and int(head.header("content-length")) == len(get.body)


def test_the_tag_depends_on_the_content_not_the_key(client):
    path = f"/v1/documents/{uuid.uuid4()}"
    tags = []
    for order in (1, 2, 1):
        assert client.put(path, {"order": order, "created": 5}, {"x-correlation-id": "same"}).status == 201
        tags.append(tag_of(client, path))
        assert client.delete(path).status == 204
    assert tags[0] == tags[2] != tags[1]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_known_tag_gets_304_without_a_body(client, path, method):
    whole = client.get(path)
    tag = whole.header("etag")
    for value in (tag, f"W/{tag}", f'"x", {tag}', f'"x",W/{tag}', "*"):
        answer = client.request(method, path, None, {"If-None-Match": value})
        assert answer.status == 304 and answer.body == b"", value
        assert answer.header("etag") == tag and answer.header("cache-control") == "no-store"
        # A 304 has the Content-Length of the 200 (RFC 9110, section 8.6).
        assert int(answer.header("content-length")) == len(whole.body)
    assert client.get(path).body == whole.body, "the connection goes on"


def test_an_unknown_tag_gets_the_document(client, path):
    tag = tag_of(client, path)
    for value in ('"x"', tag[:-2] + '"', tag.strip('"'), f'"{tag.strip(chr(34))}x"', "", "W/"):
        answer = client.get(path, {"If-None-Match": value})
        assert answer.status == 200 and answer.json()["order"] == 17, value


def test_a_list_may_be_spread_over_several_fields(collector, client, path):
    tag = tag_of(client, path)
    with collector.connect() as connection:
        connection.send(f'GET {path} HTTP/1.1\r\nHost: x\r\nIf-None-Match: "x"\r\nAccept: */*\r\n'
                        f'if-none-match: {tag}\r\n\r\n')
        answer = connection.read_answer("GET")
        assert answer.status == 304, answer


def test_if_match_compares_strongly_and_takes_precedence(client, path):
    tag = tag_of(client, path)
    for value in (tag, f'"x", {tag}', "*"):
        assert client.get(path, {"If-Match": value}).status == 200, value
    for value in (f"W/{tag}", '"x"'):
        answer = client.get(path, {"If-Match": value})
        assert answer.status == 412 and answer.media_type == "application/problem+json", value
        assert answer.header("etag") == tag
    assert client.get(path, {"If-Match": '"x"', "If-None-Match": tag}).status == 412
    assert client.get(path, {"If-Match": tag, "If-None-Match": tag}).status == 304
    assert client.delete(path, {"If-Match": tag}).status == 412, "what writes compares no tags"
    assert client.get(path).status == 200


def test_a_missing_document_has_no_tag(client, path):
    tag = tag_of(client, path)
    assert client.delete(path).status == 204
    for value in (tag, "*"):
        answer = client.get(path, {"If-None-Match": value})
        assert answer.status == 404 and answer.header("etag") is None


def test_the_classic_interface_has_no_tags(client):
    key = client.post("/", DOCUMENT).json()["key"]
    answer = client.get(f"/?key={key}", {"If-None-Match": "*"})
    assert answer.status == 200 and answer.json()["key"] == key and answer.header("etag") is None


def test_every_replica_returns_the_same_tag(redis_server, client, path, start_collector):
    with start_collector(redis_server).client() as other:
        assert tag_of(other, path) == tag_of(client, path)


def test_a_small_part_of_a_large_document_changes_its_tag(client):
    tags = set()
    for place in (0, 30000, 65535):
        text = ["a"] * 65536
        text[place] = "b"
        path = f"/v1/documents/{uuid.uuid4()}"
        assert client.put(path, {"text": "".join(text), "created": 5}, {"x-correlation-id": "same"}).status == 201
        tags.add(tag_of(client, path))
    assert len(tags) == 3
