"""The JavaScript of docs/clients.md, in a page of Collector's own origin and under its Content-Security-Policy."""

import re

import pytest
from playwright.sync_api import Error

from support.deadline import ROOT, wait_until
from support.feed import fill

PROGRAMS = re.findall(r"^```js\n(.*?)^```$", (ROOT / "docs/clients.md").read_text(), re.M | re.S)
FILE = "/ui/page.css"  # has the page's policy, but sends no requests of its own

# Reads the beginning of an export, and the rest when the test says so.
EXPORT = """async () => {
    const answer = await fetch("/v1/documents", { headers: { Accept: "application/x-ndjson" } });
    const reader = answer.body.getReader();
    await reader.read();
    window.go = async () => {
        try {
            while (!(await reader.read()).done);
            return "whole";
        } catch (error) {
            return error.name;
        }
    };
}"""


def program_with(text):
    [program] = [each for each in PROGRAMS if text in each]
    return program


def store(page, document, key):
    program = program_with("function store(")
    return page.evaluate(f"([document, key]) => {{ {program}; return store(document, key); }}", [document, key])


def post(program, *numbers, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with program.client() as client:
        for number in numbers:
            assert client.post("/v1/documents", {"n": number}, headers).status == 201


def wait_seen(page, count):
    wait_until(lambda: page.wait_for_timeout(50) or page.evaluate("seen.length") >= count,
               lambda: page.evaluate("[seen, again]"), 30)
    return page.evaluate("seen")


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


def follow_by_event_source(page):
    page.evaluate("""() => {
        window.seen = [];
        window.again = [];
        const show = (document) => seen.push(document.n);
        const startAgain = (reason) => again.push(reason);
        %s
        window.stream = stream;
    }""" % program_with("new EventSource"))
    wait_until(lambda: page.wait_for_timeout(50) or page.evaluate("stream.readyState") == 1, "an open stream", 30)


def test_an_event_source_goes_on_behind_the_last_event(start_redis, start_collector, start_stream_proxy, open_page):
    collector = start_collector(start_redis()).wait_connected()
    proxy = start_stream_proxy(collector)
    page = open_page(proxy, path=FILE)
    follow_by_event_source(page)
    post(collector, 0, 1)
    assert wait_seen(page, 2) == [0, 1]
    for number in (2, 5):
        proxy.cut()
        post(collector, number, number + 1)
        wait_seen(page, number + 2)
        post(collector, number + 2)
        assert wait_seen(page, number + 3) == list(range(number + 3))
    assert "Last-Event-ID" not in proxy.requests[0][1]
    assert all(headers["Last-Event-ID"] for _, headers in proxy.requests[1:])
    assert page.evaluate("again") == []


def test_an_event_source_survives_a_restart_of_collector(start_redis, start_collector, open_page):
    redis = start_redis()
    collector = start_collector(redis).wait_connected()
    page = open_page(collector, path=FILE)
    follow_by_event_source(page)
    post(collector, 0)
    wait_seen(page, 1)
    collector.terminate()
    assert collector.wait(10) == 0
    collector = start_collector(redis, port=collector.port).wait_connected()
    post(collector, 1)
    assert wait_seen(page, 2) == [0, 1]


def test_an_event_source_is_told_of_a_swap(start_redis, start_collector, bindings, open_page):
    first, second = start_redis(), start_redis()
    bindings.redis("cache", first)
    collector = start_collector(env=bindings.environment()).wait_connected()
    page = open_page(collector, path=FILE)
    follow_by_event_source(page)
    bindings.redis("cache", second)
    wait_until(lambda: page.wait_for_timeout(50) or page.evaluate("again.length"), "rebound", 30)
    assert page.evaluate("again") == [f"Collector moved to {second.address}"]
    post(collector, 1)
    assert wait_seen(page, 1) == [1]


def test_fetch_follows_with_a_token(start_redis, start_collector, bindings, open_page):
    bindings.redis("cache", start_redis())
    bindings.write("tokens", type="collector-tokens", page="t0ken")
    collector = start_collector(env=bindings.environment()).wait_connected()
    page = open_page(collector, path=FILE)
    read = """async ([token, lastId, count]) => {
        %s
        const found = [];
        for await (const event of follow(token, lastId)) {
            if (event.event) found.push([JSON.parse(event.data).document.n, event.id]);
            else window.began = true;
            if (found.length === count) return found;
        }
    }""" % program_with("function* follow")
    page.evaluate("([token]) => { window.first = (%s)([token, '', 3]); }" % read, ["t0ken"])
    wait_until(lambda: page.wait_for_timeout(50) or page.evaluate("window.began"), "the stream", 30)
    post(collector, 1, 2, 3, token="t0ken")
    found = page.evaluate("window.first")
    assert [number for number, _ in found] == [1, 2, 3]
    assert [number for number, _ in page.evaluate(read, ["t0ken", found[0][1], 2])] == [2, 3]
    with pytest.raises(Error, match="401: The token is unknown"):
        page.evaluate(read, ["wrong", "", 1])


@pytest.mark.parametrize("victim", ["redis", "collector"])
def test_fetch_sees_an_export_that_is_cut(start_redis, start_collector, open_page, victim):
    redis = start_redis()
    collector = start_collector(redis, hold_time="1s").wait_connected()
    page = open_page(collector, path=FILE)
    fill(redis, 50000, 1000)
    page.evaluate(EXPORT)
    if victim == "redis":
        redis.kill()
        assert collector.wait_log("export.broken_off", seconds=30)["count"] < 50000
    else:
        collector.kill()
    assert page.evaluate("go()") == "TypeError"


def test_fetch_reads_a_whole_export(start_redis, start_collector, open_page):
    redis = start_redis()
    collector = start_collector(redis).wait_connected()
    page = open_page(collector, path=FILE)
    fill(redis, 20000, 100)
    page.evaluate(EXPORT)
    assert page.evaluate("go()") == "whole"
