"""The pages under adverse conditions: a failover, proxies in between, wrong clocks, odd tokens, bursts of documents."""

import json
import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from support.deadline import wait_until
from support.prefix_proxy import PrefixProxy
from test_collector_page import ROWS_MAX, rows, send, store_many

LONG_MS = 30000  # for steps that are slow on a busy machine


@pytest.fixture
def start_prefix_proxy():
    started = []

    def start(program, prefix="/tools/log"):
        started.append(PrefixProxy(program, prefix))
        return started[-1]
    yield start
    for proxy in started:
        proxy.close()


def test_a_failover_is_shown_as_it_happens(start_group, start_collector, bindings, open_page):
    group = start_group()
    bindings.write("db", **group.binding())
    collector = start_collector(env=bindings.environment()).wait_connected()
    page = open_page(collector)
    before = group.primary()
    expect(page.locator("#redis")).to_contain_text(before.address)
    expect(page.locator("#redis")).to_contain_text("master")
    before.child.kill()
    expect(page.locator("#state")).to_contain_text("Redis is unreachable", timeout=LONG_MS)
    expect(page.locator("#state")).to_have_text("Redis in use", timeout=LONG_MS)
    wait_until(lambda: group.primary() not in (None, before), "another primary", 30)
    expect(page.locator("#redis")).to_contain_text(group.primary().address, timeout=LONG_MS)
    expect(page.locator("#redis")).not_to_contain_text(before.address)
    events = page.locator("#events")
    expect(events.locator('[data-event="redis.disconnected"]', has_text=before.address).first).to_be_visible()
    expect(events.locator('[data-event="redis.connected"]', has_text=group.primary().address).first).to_be_visible()
    send(collector, {"after": "the failover"})
    expect(rows(page).first).to_contain_text("the failover")


def test_both_pages_work_below_the_path_of_a_proxy(start_redis, start_collector, start_pinger, start_prefix_proxy,
                                                   open_page):
    collector = start_collector(start_redis()).wait_connected()
    pinger = start_pinger(f"http://{collector.host}:{collector.port}", batch_time="100ms")
    page = open_page(start_prefix_proxy(collector), path="/tools/log/ui")
    expect(page.locator("#state")).to_have_text("Redis in use")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#post-said")).to_contain_text("Stored as")
    rows(page).first.locator("button").click()
    expect(page.locator("#one-text")).to_contain_text("hello")
    page = open_page(start_prefix_proxy(pinger), path="/tools/log/ui/")
    expect(page.locator("#state")).to_have_text("Log is delivered to Collector")
    expect(page.locator("#report")).to_contain_text("appName")
    page.get_by_role("button", name="GET /status/503").click()
    expect(page.locator("#asked")).to_contain_text("503, correlation id")


def test_a_proxys_answers_are_distinguished_from_the_programs(start_pinger, start_prefix_proxy, open_page):
    proxy = start_prefix_proxy(start_pinger(), "")
    page = open_page(proxy)
    expect(page.locator("#state")).to_have_text("Not bound to a Collector")
    for answer, text in (((401, [], b"log in"), "401"), ((302, [("Location", "/login")], b""), "reload the page"),
                         ((502, [], b"<html>"), "502"), ((429, [], b""), "429")):
        proxy.answer = answer
        expect(page.locator("#stale")).to_contain_text(text)
        expect(page.locator("#stale")).to_contain_text("What you see is from")
        expect(page.locator("#state")).to_have_text("not known")
    proxy.answer = None
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.locator("#state")).to_have_text("Not bound to a Collector")


def test_a_page_older_than_its_program_asks_for_a_reload(start_redis, start_collector, open_page):
    page = open_page_without_stream(open_page, start_collector(start_redis()).wait_connected())
    expect(page.locator("#state")).to_have_text("Redis in use")
    page.route("**/v1/status", lambda route: changed(route, version="99.0.0"))
    expect(page.locator("#who")).to_contain_text("reload the page to get its new version")


def open_page_without_stream(open_page, program):
    """A page that requests the status every second."""
    page = open_page(program, path="/healthz")
    page.route("**/v1/documents/stream*", lambda route: route.fulfill(status=404))
    page.goto(f"http://{program.host}:{program.port}/ui/")
    return page


def changed(route, **members):
    """Returns the program's status with these members replaced."""
    status = route.fetch().json()
    route.fulfill(json=status | {name: value(status) if callable(value) else value for name, value in members.items()})


def later(status):
    return (datetime.fromisoformat(status["now"].replace("Z", "+00:00")) + timedelta(minutes=6)).isoformat()


def test_different_clocks_are_reported_and_hide_no_document(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    send(collector, {"order": 1})
    page = open_page(collector, path="/healthz")
    page.route("**/v1/status", lambda route: changed(route, now=later))
    page.goto(f"http://{collector.host}:{collector.port}/ui/")
    expect(page.locator("#who")).to_contain_text("its clock is 6 min ahead of this browser's")
    expect(rows(page)).to_have_count(1)
    store_many(collector, 3200)
    send(collector, {"order": "the last one"})
    expect(rows(page).first).to_contain_text("the last one", timeout=LONG_MS)


def test_after_a_burst_the_list_shows_the_newest_documents_without_a_gap(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    page = open_page(collector)
    expect(page.locator("#empty")).to_be_visible()
    store_many(collector, 16000)
    send(collector, *({"number": number} for number in range(20)))
    expect(rows(page).first).to_contain_text('"number": 19', timeout=LONG_MS)
    for number in range(20):
        expect(rows(page).nth(number)).to_contain_text(f'"number": {19 - number}')
    assert rows(page).count() <= ROWS_MAX


def test_a_request_that_redis_delays_does_not_delay_the_status(start_redis, start_collector, open_page):
    redis = start_redis()
    collector = start_collector(redis, hold_time="60s").wait_connected()
    page = open_page(collector)
    expect(page.locator("#state")).to_have_text("Redis in use")
    redis.kill()
    expect(page.locator("#state")).to_contain_text("Redis is unreachable", timeout=LONG_MS)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#waiting")).to_contain_text(re.compile("Commands held[1-9]"), timeout=LONG_MS)
    expect(page.locator("#stale")).to_be_hidden()
    redis.start()
    expect(page.locator("#post-said")).to_contain_text("Stored as", timeout=LONG_MS)
    expect(rows(page).first).to_contain_text("hello")


def test_a_token_that_is_invalid_in_a_header_is_rejected_and_the_page_asks_again(start_redis, start_collector, bindings,
                                                                               open_page):
    bindings.redis("cache", start_redis())
    bindings.write("tokens", type="collector-tokens", page="t0ken")
    page = open_page(start_collector(env=bindings.environment()).wait_connected())
    dialog, token = page.get_by_role("dialog"), page.get_by_role("textbox", name="Token")
    expect(dialog).to_be_visible()
    token.fill("tökén – «x»")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The token was not accepted")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#stale")).to_contain_text("A token is required.")
    page.get_by_role("button", name="Enter a token").press("Enter")
    token.fill("t0ken")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("Redis in use")
    expect(page.locator("#stale")).to_be_hidden()


def test_the_list_is_one_tab_stop_and_arrow_keys_move_in_it(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    send(collector, *({"number": number} for number in range(30)))
    page = open_page(collector)
    expect(rows(page)).to_have_count(30)
    page.locator("#find button").focus()
    page.keyboard.press("Tab")
    expect(rows(page).first.locator("button")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(2).locator("button")).to_be_focused()
    send(collector, {"number": 30})
    expect(rows(page).first).to_contain_text('"number": 30')
    expect(rows(page).nth(3).locator("button")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("A JSON object")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator("#one-text")).to_contain_text('"number": 0')


def test_replicas_that_answer_alternately_do_not_empty_the_list(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    send(collector, {"order": 1})
    page = open_page_without_stream(open_page, collector)
    expect(rows(page)).to_have_count(1)
    looks = [0]

    def other(route):
        looks[0] += 1
        changed(route, hostname=f"pod-{looks[0] % 2}", redis=lambda status: status["redis"] | {"generation": 1 + looks[0] % 2})
    page.route("**/v1/status", other)
    page.evaluate("""() => {
        window.emptied = 0;
        new MutationObserver((all) => { window.emptied += all.filter((one) => one.removedNodes.length).length; })
            .observe(document.getElementById("documents"), { childList: true });
    }""")
    wait_until(lambda: page.wait_for_timeout(50) or looks[0] >= 5, "five looks", 30)
    send(collector, {"order": 2})
    expect(rows(page)).to_have_count(2)
    assert page.evaluate("window.emptied") == 0


def test_right_to_left_text_emoji_and_long_words_do_not_break_the_layout(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    documents = [{"name": "שלום עולם مرحبا", "to": "‮gnp.exe"}, {"k" * 3000: "v" * 3000},
                 {"a": "x" * 154 + "😀" * 20}, {"flag": "🏳️‍🌈", "combining": "e" + "́" * 500}]
    keys = send(collector, *documents)
    page = open_page(collector)
    expect(rows(page)).to_have_count(len(documents))
    assert "�" not in page.locator("#documents").inner_text()
    for index, (key, document) in enumerate(zip(reversed(keys), reversed(documents))):
        row = rows(page).nth(index).locator("button")
        expect(row).to_have_attribute("data-key", key)
        left = row.locator(".when").bounding_box()["x"]
        assert left < row.locator(".text").bounding_box()["x"]
        row.click()
        expect(row).to_have_attribute("aria-current", "true")
        assert json.loads(page.locator("#one-text").text_content()).items() >= document.items()
        for width in (320, 640, 1280):
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (index, width)


def test_documents_of_many_megabytes_and_later_ones_are_listed(start_redis, start_collector, open_page):
    collector = start_collector(start_redis(), body_max="16MiB", hold_time="60s").wait_connected()
    page = open_page(collector)
    expect(page.locator("#empty")).to_be_visible()
    for text in ("x" * (12 << 20), '\\"' * (2 << 20)):
        [key] = send(collector, {"text": text})
        expect(rows(page).first.locator("button")).to_have_attribute("data-key", key, timeout=LONG_MS)
    send(collector, {"after": "them"})
    expect(rows(page).first).to_contain_text("them", timeout=LONG_MS)
    rows(page).nth(1).locator("button").click()
    expect(page.locator("#one-text")).to_contain_text("cut here", timeout=LONG_MS)


def test_copy_selects_the_text_if_the_clipboard_is_not_writable(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    send(collector, {"order": 7})
    page = open_page(collector)
    page.evaluate("delete Navigator.prototype.clipboard")
    rows(page).first.locator("button").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copy")).to_have_text("Selected: press Ctrl+C")
    assert '"order": 7' in page.evaluate("getSelection().toString()")


def test_the_page_follows_a_restarted_collector(start_redis, start_collector, open_page):
    redis = start_redis()
    collector = start_collector(redis).wait_connected()
    send(collector, {"order": 1})
    page = open_page(collector)
    expect(rows(page)).to_have_count(1)
    collector.terminate()
    expect(page.locator("#stale")).to_contain_text("does not respond", timeout=LONG_MS)
    collector = start_collector(redis, port=collector.port).wait_connected()
    expect(page.locator("#state")).to_have_text("Redis in use", timeout=LONG_MS)
    expect(page.locator("#stale")).to_be_hidden()
    send(collector, {"order": 2})
    expect(rows(page)).to_have_count(2)


def test_a_token_works_in_a_browser_without_session_storage(start_redis, start_collector, bindings,
                                                                          open_page):
    bindings.redis("cache", start_redis())
    bindings.write("tokens", type="collector-tokens", page="t0ken")
    collector = start_collector(env=bindings.environment()).wait_connected()
    page = open_page(collector, path="/healthz")
    page.add_init_script("""Object.defineProperty(window, "sessionStorage", { get() { throw new DOMException("no"); } })""")
    page.goto(f"http://{collector.host}:{collector.port}/ui/")
    page.get_by_role("textbox", name="Token").fill("t0ken")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("Redis in use")


def test_the_page_says_that_the_list_is_turned_off(start_redis, start_collector, open_page):
    page = open_page(start_collector(start_redis(), feed="false").wait_connected())
    expect(page.locator("#arrived")).to_have_text("not listed, because of --feed=false")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#post-said")).to_contain_text("Stored as")


def test_pingers_page_shows_dropped_records(start_pinger, open_page):
    pinger = start_pinger("http://127.0.0.1:1", queue_records=2, batch_time="100ms")
    page = open_page(pinger)
    for _ in range(5):
        page.get_by_role("button", name="GET /", exact=True).click()
        expect(page.locator("#asked")).to_contain_text("GET /: 200")
    expect(page.locator("#totals")).to_contain_text(re.compile("Dropped[1-9]"))
    expect(page.locator("#rate")).to_have_attribute("aria-label", re.compile(r"at most [\d.]+ dropped"))


def test_a_secret_in_the_list_of_documents_needs_the_token(start_redis, start_collector, bindings, open_page):
    bindings.redis("cache", start_redis())
    bindings.write("tokens", type="collector-tokens", page="t0ken")
    collector = start_collector(env=bindings.environment()).wait_connected()
    send(collector, {"order": "for those with a token"}, headers={"Authorization": "Bearer t0ken"})
    page = open_page(collector)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert "for those with a token" not in page.content()
