"""The JavaScript of docs/clients.md, in a page of Collector's own origin."""

import re

import pytest
from playwright.sync_api import Error

from support.deadline import ROOT

PROGRAM = re.search(r"^```js\n(.*?)^```$", (ROOT / "docs/clients.md").read_text(), re.M | re.S)[1]


def store(page, document, key):
    return page.evaluate(f"([document, key]) => {{ {PROGRAM}; return store(document, key); }}", [document, key])


def test_a_page_stores_a_document_once_even_if_it_sends_it_often(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    page = open_page(collector)
    address = store(page, {"order": 19}, "order-19")
    assert address == store(page, {"order": 19}, "order-19")
    with collector.client() as client:
        assert client.get(address).json()["order"] == 19
        orders = [each["document"]["order"] for each in client.get("/v1/documents").json()["documents"]]
    assert orders == [19]


def test_a_page_learns_what_is_wrong(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    page = open_page(collector)
    store(page, {"order": 20}, "order-20")
    with pytest.raises(Error, match="422: this Idempotency-Key was used before"):
        store(page, {"order": 21}, "order-20")
