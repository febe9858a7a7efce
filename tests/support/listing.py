"""The list of GET /v1/documents, page by page."""

import urllib.parse


def page(client, **query):
    """Returns (entries, cursor of the next page, whether there are more now) of one page."""
    query = {name: value for name, value in query.items() if value is not None}
    answer = client.get("/v1/documents?" + urllib.parse.urlencode(query))
    assert answer.status == 200, answer
    assert answer.media_type == "application/json"
    body = answer.json()
    return body["documents"], body["next"], body["more"]


def all_keys(client, limit=7, cursor=None, **query):
    """The keys of all pages, from the cursor on."""
    keys, more = [], True
    while more:
        entries, following, more = page(client, limit=limit, cursor=cursor, **query)
        assert len(entries) <= limit
        assert following != cursor or not more, "the listing does not advance"
        keys += keys_of(entries)
        cursor = following
    return keys


def keys_of(entries):
    return [entry["key"] for entry in entries]


def fill(client, count, start=0):
    return [client.post("/v1/documents", {"n": n}).json()["key"] for n in range(start, start + count)]
