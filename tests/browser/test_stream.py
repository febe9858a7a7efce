"""Collector's page reads documents and status from the stream, or the list while there is no stream."""

import json
import re

import pytest
from playwright.sync_api import expect

from support.deadline import wait_until
from test_collector_page import rows, send

LONG_MS = 30000


@pytest.fixture
def collector(start_redis, start_collector):
    return start_collector(start_redis()).wait_connected()


@pytest.fixture
def proxy(collector, start_stream_proxy):
    return start_stream_proxy(collector)


def hide(page):
    page.evaluate("""() => {
        Object.defineProperty(document, "hidden", { value: true, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }""")


def show(page):
    page.evaluate("""() => {
        delete document.hidden;
        document.dispatchEvent(new Event("visibilitychange"));
    }""")


def expect_way(page, word, why=None):
    expect(page.locator("#way")).to_have_text(word, timeout=LONG_MS)
    if why:
        expect(page.locator("#why")).to_contain_text(why)


def wait_in(page, condition, what, seconds=30.0):
    """Like wait_until, but lets Playwright handle the page's events meanwhile."""
    wait_until(lambda: page.wait_for_timeout(50) or condition(), what, seconds)


def numbers(page):
    """The documents' numbers, from the oldest row to the newest."""
    texts = page.locator("#documents .text").all_inner_texts()
    return [json.loads(re.sub(r',"created".*', "}", text))["n"] for text in reversed(texts)]


def send_range(program, begin, end):
    """Stores documents with these numbers in one request."""
    body = b"".join(b'{"n":%d}\n' % number for number in range(begin, end))
    with program.client() as client:
        answer = client.post("/v1/documents", body, {"Content-Type": "application/x-ndjson"})
    assert answer.json()["stored"] == end - begin


def watch_requests(page):
    paths = []
    page.on("request", lambda request: paths.append(request.url.split("/", 3)[3].split("?")[0]))
    return paths


def test_one_request_returns_documents_and_status(collector, open_page):
    page = open_page(collector)
    expect_way(page, "live")
    expect(page.locator("#why")).to_be_hidden()
    asked = watch_requests(page)
    for number in range(5):
        send(collector, {"n": number})
        expect(rows(page)).to_have_count(number + 1)
    expect(page.locator("#totals dd").first).to_have_text("5")
    page.wait_for_timeout(2500)
    assert asked == []
    assert numbers(page) == list(range(5))


def test_a_tab_has_one_connection_and_a_hidden_one_none(collector, proxy, open_page):
    page = open_page(proxy)
    expect_way(page, "live")
    # The browser loads the page's files over several connections, and closes the idle ones when it wants to.
    wait_in(page, lambda: proxy.streams() == 1, "the stream")
    assert len(proxy.requests) == 1
    for _ in range(3):
        rows_before = rows(page).count()
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#post-said")).to_contain_text("Stored as")
        expect(rows(page)).to_have_count(rows_before + 1)
        wait_in(page, lambda: proxy.streams() == 1, "the stream again")
        wait_in(page, lambda: collector.metrics()["collector_followers"] == 1, "one follower")
    hide(page)
    wait_in(page, lambda: proxy.streams() == 0, "no stream")
    wait_in(page, lambda: collector.metrics()["collector_followers"] == 0, "no follower")
    asked = watch_requests(page)
    send(collector, {"n": 1}, {"n": 2})
    page.wait_for_timeout(2500)
    assert asked == [] and proxy.streams() == 0
    show(page)
    expect(rows(page)).to_have_count(5)
    expect_way(page, "live")
    wait_in(page, lambda: proxy.streams() == 1, "the stream")


def test_the_server_counts_one_connection(start_redis, start_collector, open_page):
    collector = start_collector(start_redis(), idle_timeout="1s").wait_connected()
    page = open_page(collector)
    expect_way(page, "live")

    def connections():
        with collector.client() as client:
            return client.get("/v1/status").json()["waiting"]["connections"] - 1
    wait_in(page, lambda: connections() == 1, connections)
    for _ in range(8):
        page.wait_for_timeout(200)
        assert connections() == 1
    hide(page)
    wait_in(page, lambda: connections() == 0, connections)


def test_after_an_interruption_nothing_is_missing_or_repeated(collector, proxy, open_page):
    page = open_page(proxy)
    expect_way(page, "live")
    for number in range(60):
        send(collector, {"n": number})
        if number in (10, 40):
            wait_in(page, lambda: proxy.streams() == 1, "a stream")
            proxy.cut()
        page.wait_for_timeout(20)
    expect(rows(page)).to_have_count(60, timeout=LONG_MS)
    wait_in(page, lambda: proxy.streams() == 1, "a stream")
    expect_way(page, "live")
    send(collector, {"n": 60})
    expect(rows(page)).to_have_count(61)
    assert numbers(page) == list(range(61))
    assert len(proxy.requests) >= 3
    assert all(headers.get("Last-Event-ID") for _, headers in proxy.requests)


def test_a_stream_in_single_bytes_is_read_correctly(collector, proxy, open_page):
    proxy.stream = "trickle"
    page = open_page(proxy)
    expect_way(page, "live")
    for text in ("äöü€", "😀 שלום", "\u2028 end", "\\\"]}"):
        send(collector, {"text": text})
        expect(rows(page).first).to_contain_text(json.dumps(text)[1:-1] if "\\" in json.dumps(text) else text)
    expect_way(page, "live")


def test_a_silent_stream_is_replaced_by_the_list_and_retried(collector, proxy, open_page):
    proxy.stream = "mute"
    page = open_page(proxy)
    expect_way(page, "polling", "a proxy may be buffering it")
    send(collector, {"n": 1})
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#stale")).to_be_hidden()
    tries = len(proxy.requests)
    wait_in(page, lambda: len(proxy.requests) > tries, "another try")
    proxy.stream = "pass"
    expect_way(page, "live")
    send(collector, {"n": 2})
    expect(rows(page)).to_have_count(2)
    assert numbers(page) == [1, 2]


def test_a_stream_that_becomes_silent_is_noticed(collector, proxy, open_page):
    page = open_page(proxy)
    expect_way(page, "live")
    proxy.stream = "mute"  # also the stream that is open
    expect(page.locator("#stale")).to_contain_text("slow to respond")
    expect_way(page, "polling", "silent")
    send(collector, {"n": 1})
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#stale")).to_be_hidden()


@pytest.mark.parametrize("status", [404, 503])
def test_without_a_stream_the_list_is_requested(collector, proxy, open_page, status):
    proxy.stream = b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % status
    page = open_page(proxy)
    expect_way(page, "polling", f"there is no stream (status {status})")
    send(collector, {"n": 1})
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#totals dd").first).to_have_text("1")


@pytest.mark.parametrize(("kind", "why"), [(b"text/html", "there is no stream (status 200)"),
                                           (b"text/event-stream", "the stream is not valid")])
def test_a_response_that_is_not_a_stream_is_not_read_as_one(collector, proxy, open_page, kind, why):
    body = b"event: status\ndata: <img src=x onerror=alert(1)>\n\n"
    proxy.stream = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)
    page = open_page(proxy)
    expect_way(page, "polling", why)
    send(collector, {"n": 1})
    expect(rows(page)).to_have_count(1)


def test_beyond_the_limit_of_followers_the_reason_is_shown(start_redis, start_collector, open_page):
    collector = start_collector(start_redis(), followers_max=1).wait_connected()
    first, second = open_page(collector), None
    expect_way(first, "live")
    second = open_page(collector)
    expect_way(second, "polling", "too many clients are following (--followers-max)")
    send(collector, {"n": 1})
    expect(rows(first)).to_have_count(1)
    expect(rows(second)).to_have_count(1)


def test_the_list_follows_a_burst_and_the_stream_returns(collector, open_page):
    page = open_page(collector)
    expect_way(page, "live")
    send_range(collector, 0, 20000)
    page.wait_for_timeout(1000)
    send_range(collector, 20000, 20500)
    expect_way(page, "polling", "faster than a page can show")
    expect(rows(page).first).to_contain_text('"n":20499', timeout=LONG_MS)
    expect_way(page, "live")
    send(collector, {"n": 20500})
    expect(rows(page).first).to_contain_text("20500")
    assert numbers(page) == list(range(20301, 20501))


def test_pausing_ends_the_stream_and_the_status_continues(collector, proxy, open_page):
    page = open_page(proxy)
    expect_way(page, "live")
    page.get_by_role("button", name="Pause").click()
    expect_way(page, "paused")
    wait_in(page, lambda: proxy.streams() == 0, "no stream")
    send_range(collector, 0, 4500)
    page.wait_for_timeout(1000)
    send_range(collector, 4500, 5000)
    expect(page.locator("#totals dd").first).to_have_text("5,000")
    assert rows(page).count() == 0 and proxy.streams() == 0
    page.get_by_role("button", name="Resume").click()
    expect(rows(page).first).to_contain_text('"n":4999', timeout=LONG_MS)
    expect(page.locator("#told")).to_contain_text("Documents in between were skipped")
    expect_way(page, "live")


def test_a_hidden_tab_resumes_and_says_that_documents_were_skipped(collector, open_page):
    page = open_page(collector)
    send(collector, {"n": 0})
    expect(rows(page)).to_have_count(1)
    hide(page)
    send(collector, *({"n": number} for number in range(1, 31)))
    show(page)
    expect(rows(page)).to_have_count(31)
    assert numbers(page) == list(range(31))
    expect(page.locator("#told")).to_be_hidden()
    hide(page)
    send_range(collector, 31, 4531)
    page.wait_for_timeout(1000)
    send_range(collector, 4531, 5031)
    show(page)
    expect(rows(page).first).to_contain_text('"n":5030', timeout=LONG_MS)
    expect(page.locator("#told")).to_contain_text("Documents in between were skipped")


def test_a_swap_during_a_stream_is_shown(start_redis, start_collector, bindings, open_page):
    first, second = start_redis(), start_redis()
    bindings.redis("cache", first)
    collector = start_collector(env=bindings.environment()).wait_connected()
    send(collector, {"n": 1})
    page = open_page(collector)
    expect_way(page, "live")
    expect(rows(page)).to_have_count(1)
    bindings.redis("cache", second)
    expect(page.locator("#told")).to_contain_text(f"Collector has moved to {second.address}")
    expect(page.locator("#redis")).to_contain_text(second.address)
    expect(rows(page)).to_have_count(0)
    send(collector, {"n": 2})
    expect(rows(page)).to_have_count(1)
    expect_way(page, "live")


def test_after_a_swap_a_hidden_tab_starts_at_the_new_redis(start_redis, start_collector, bindings, open_page):
    first, second = start_redis(), start_redis()
    bindings.redis("cache", first)
    collector = start_collector(env=bindings.environment()).wait_connected()
    send(collector, {"n": 1})
    page = open_page(collector)
    expect(rows(page)).to_have_count(1)
    expect_way(page, "live")
    hide(page)
    bindings.redis("cache", second)
    wait_until(lambda: collector.stores_in(second), "a document in the new Redis")
    send(collector, {"n": 2}, {"n": 3})
    show(page)
    expect(page.locator("#told")).to_contain_text("The list starts again")
    expect(rows(page).nth(1)).to_contain_text('"n": 2')
    expect(rows(page).filter(has_text='"n": 1')).to_have_count(0)
    expect_way(page, "live")


def test_the_stream_sends_the_token_in_a_header_and_the_page_asks_for_it_again(start_redis, start_collector, start_stream_proxy,
                                                                      bindings, open_page):
    bindings.redis("cache", start_redis())
    bindings.write("tokens", type="collector-tokens", page="t0ken-one")
    collector = start_collector(env=bindings.environment()).wait_connected()
    proxy = start_stream_proxy(collector)
    page = open_page(proxy)
    page.get_by_role("textbox", name="Token").fill("t0ken-one")
    page.keyboard.press("Enter")
    expect_way(page, "live")
    assert all("t0ken" not in target and headers["Authorization"] == "Bearer t0ken-one"
               for target, headers in proxy.requests)
    bindings.write("tokens", type="collector-tokens", page="t0ken-two")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("textbox", name="Token").fill("t0ken-two")
    page.keyboard.press("Enter")
    expect_way(page, "live")
    assert proxy.requests[-1][1]["Authorization"] == "Bearer t0ken-two"


def test_the_stream_resumes_after_a_restart_of_collector(start_redis, start_collector, open_page):
    redis = start_redis()
    collector = start_collector(redis).wait_connected()
    page = open_page(collector)
    expect_way(page, "live")
    collector.terminate()
    expect(page.locator("#stale")).to_contain_text("does not respond", timeout=LONG_MS)
    expect_way(page, "polling")
    collector = start_collector(redis, port=collector.port).wait_connected()
    send(collector, {"n": 1})
    expect(rows(page)).to_have_count(1, timeout=LONG_MS)
    expect_way(page, "live")
    expect(page.locator("#stale")).to_be_hidden()


def test_the_scroll_position_is_kept(collector, open_page):
    send(collector, *({"n": number} for number in range(100)))
    page = open_page(collector)
    expect(rows(page)).to_have_count(100)
    expect_way(page, "live")
    page.locator("#documents").evaluate("e => { e.scrollTop = 1000; }")
    row = page.locator("#documents li", has_text='"n": 50,')
    before = row.bounding_box()["y"]
    send(collector, *({"n": number} for number in range(100, 110)))
    expect(rows(page)).to_have_count(110)
    assert abs(row.bounding_box()["y"] - before) < 2
