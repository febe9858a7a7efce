"""All functions of Collector's page in a browser."""

import json
import time

from playwright.sync_api import expect

from support.deadline import wait_until

JSON = {"Content-Type": "application/json"}
ROWS_MAX = 200
SWAP_SECONDS = 3  # time limit for the page to show that the binding was swapped


def send(program, *documents, headers=None):
    """Stores the documents and returns their keys."""
    with program.client() as client:
        answers = [client.post("/v1/documents", json.dumps(one).encode(), {**JSON, **(headers or {})})
                   for one in documents]
    assert all(answer.status == 201 for answer in answers)
    return [answer.json()["key"] for answer in answers]


def rows(page):
    return page.locator("#documents li")


def test_documents_are_shown_as_they_arrive(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    page = open_page(collector)
    expect(page.locator("#empty")).to_be_visible()
    send(collector, {"order": 1}, {"order": 2})
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text('"order": 2')
    expect(page.locator("#empty")).to_be_hidden()


def test_pause_stops_the_list_and_resuming_shows_what_arrived_meanwhile(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    page = open_page(collector)
    send(collector, {"order": 1})
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#way")).to_have_text("paused")
    send(collector, {"order": 2})
    expect(page.locator("#totals dd").first).to_have_text("2")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Resume").click()
    expect(rows(page)).to_have_count(2)


def test_the_keyboard_opens_a_document_digit_for_digit_and_closes_it(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    with collector.client() as client:
        assert client.post("/v1/documents", b'{"price":12.50,"big":18446744073709551617}', JSON).status == 201
    page = open_page(collector)
    button = rows(page).first.locator("button")
    button.focus()
    page.keyboard.press("Enter")
    text = page.locator("#one-text")
    expect(text).to_contain_text("12.50")
    expect(text).to_contain_text("18446744073709551617")
    assert text.inner_text().splitlines()[1].startswith('  "price": ')
    expect(page.locator("#one")).to_be_focused()
    assert text.locator(".n").first.evaluate("e => getComputedStyle(e).color") != \
        text.evaluate("e => getComputedStyle(e).color")
    page.keyboard.press("Escape")
    expect(page.locator("#one")).to_be_hidden()
    expect(button).to_be_focused()


def test_copy_copies_the_document_unchanged(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    [key] = send(collector, {"order": 7})
    page = open_page(collector, permissions=["clipboard-read", "clipboard-write"])
    rows(page).first.locator("button").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copy")).to_have_text("Copied")
    with collector.client() as client:
        assert page.evaluate("navigator.clipboard.readText()") == client.get(f"/v1/documents/{key}").text


def test_find_by_key_shows_the_document_or_says_that_there_is_none(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    [key] = send(collector, {"order": 8})
    page = open_page(collector)
    page.get_by_label("Find by key").fill(key)
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#one-text")).to_contain_text('"order"')
    for wrong in ("00000000-0000-4000-8000-000000000000", "../status", "<b>x</b>"):
        page.get_by_label("Find by key").fill(wrong)
        page.get_by_role("button", name="Find").click()
        expect(page.locator("#find-said")).to_contain_text("Not found")


def test_a_document_is_sent_and_an_invalid_one_is_explained(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    page = open_page(collector)
    page.get_by_label("A JSON object").fill('{"from":"the page"}')
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#post-said")).to_contain_text("Stored as")
    expect(rows(page).first).to_contain_text("the page")
    page.get_by_label("A JSON object").fill('{"a":1,}')
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#post-said")).to_contain_text("line 1, column 8")


def test_a_swap_is_shown_within_three_seconds(start_redis, start_collector, open_page, bindings):
    first, second = start_redis(), start_redis()
    bindings.redis("cache", first)
    collector = start_collector(env=bindings.environment()).wait_connected()
    send(collector, {"order": 1})
    page = open_page(collector)
    expect(page.locator("#redis")).to_contain_text(f"{first.host}:{first.port}")
    expect(rows(page)).to_have_count(1)
    # On a busy machine, the fastest of several swaps back and forth shows how long one takes.
    took = []
    while not took or (min(took) > SWAP_SECONDS and len(took) < 9):
        place, provider = (second, "managed") if len(took) % 2 == 0 else (first, "first")
        begin = time.monotonic()
        bindings.redis("cache", place, provider=provider)
        expect(page.locator("#redis")).to_contain_text(f"{place.host}:{place.port}")
        took.append(time.monotonic() - begin)
    assert min(took) <= SWAP_SECONDS, took
    if place is first:
        bindings.redis("cache", second, provider="managed")
    expect(page.locator("#redis")).to_contain_text("managed")
    expect(page.locator('#events [data-event="binding.switched"]')).to_be_visible()
    expect(rows(page)).to_have_count(0)
    send(collector, {"order": 2})
    expect(rows(page)).to_have_count(1)


def test_the_reason_for_refusing_a_binding_is_shown(start_redis, start_collector, open_page, bindings):
    first, second = start_redis(), start_redis(requirepass="right")
    bindings.redis("cache", first)
    collector = start_collector(env=bindings.environment()).wait_connected()
    page = open_page(collector)
    expect(page.locator("#state")).to_have_text("Redis in use")
    bindings.redis("cache", second, password="wr0ng-one")
    expect(page.locator("#change")).to_contain_text("WRONGPASS")
    expect(page.locator("#redis")).to_contain_text(f"{first.host}:{first.port}")
    assert "wr0ng-one" not in page.content()


def test_an_outage_of_redis_and_its_end_are_shown(start_redis, start_collector, open_page):
    redis = start_redis()
    collector = start_collector(redis).wait_connected()
    page = open_page(collector)
    expect(page.locator("#state")).to_have_text("Redis in use")
    redis.stop()
    expect(page.locator("#state")).to_contain_text("Redis is unreachable")
    expect(page.locator('#events [data-event="redis.disconnected"]').first).to_be_visible()


def test_when_collector_stops_the_page_says_that_it_is_stale(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    page = open_page(collector)
    expect(page.locator("#state")).to_have_text("Redis in use")
    collector.terminate()
    expect(page.locator("#stale")).to_contain_text("What you see is from")


def test_the_page_asks_for_a_token_keeps_it_for_the_tab_and_never_puts_it_in_a_url(start_redis, start_collector, open_page,
                                                                        bindings):
    bindings.redis("cache", start_redis())
    bindings.write("tokens", type="collector-tokens", page="t0ken-of-the-page")
    collector = start_collector(env=bindings.environment()).wait_connected()
    page = open_page(collector)
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.get_by_role("textbox", name="Token").fill("wrong")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_text("The token was not accepted")).to_be_visible()
    page.get_by_role("textbox", name="Token").fill("t0ken-of-the-page")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#state")).to_have_text("Redis in use")
    expect(dialog).to_be_hidden()
    page.reload()
    expect(page.locator("#state")).to_have_text("Redis in use")
    assert addresses and not any("t0ken" in address for address in addresses)
    assert page.evaluate("localStorage.length") == 0
    expect(page.locator("#stale")).to_be_hidden()


def test_markup_in_documents_stays_text(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    send(collector, {evil: evil, "__proto__": {"a": evil}})
    page = open_page(collector)
    expect(rows(page).first).to_contain_text("<img")
    rows(page).first.locator("button").click()
    expect(page.locator("#one-text")).to_contain_text("<script>")
    assert page.evaluate("window.hacked === undefined")
    assert page.locator("#documents img, #one img, #one script").count() == 0


def test_large_and_deep_documents_are_shown_up_to_a_limit(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    deep = json.loads('{"a":' * 120 + "1" + "}" * 120)
    send(collector, {"text": "x" * (1000 * 1024)}, {"many": list(range(100000))}, deep)
    page = open_page(collector)
    expect(rows(page)).to_have_count(3)
    for index in range(3):
        rows(page).nth(index).locator("button").click()
        expect(rows(page).nth(index).locator("button")).to_have_attribute("aria-current", "true")
    assert len(page.locator("#documents").inner_text()) < 2000
    assert page.locator("#one-text *").count() < 60000


def test_a_hundred_thousand_documents_do_not_increase_the_tabs_memory(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    page = open_page(collector)
    expect(page.locator("#state")).to_have_text("Redis in use")

    def heap():
        page.evaluate("gc()")
        return page.evaluate("performance.memory.usedJSHeapSize")

    def stored():
        return int(page.locator("#totals dd").first.inner_text().replace(",", ""))
    store_many(collector, 20000)
    wait_until(lambda: stored() >= 20000, stored, 30)
    before, elements = heap(), page.evaluate("document.querySelectorAll('*').length")
    store_many(collector, 80000)
    wait_until(lambda: stored() >= 100000, stored, 60)
    assert page.locator("#documents li").count() <= ROWS_MAX
    assert page.evaluate("document.querySelectorAll('*').length") <= elements + 200
    assert heap() < before * 1.5 + (4 << 20)


def store_many(collector, count):
    """Stores many documents with pipelined requests on one connection."""
    body = json.dumps({"order": 17, "price": 12.5, "text": "x" * 120}).encode()
    one = (b"POST /v1/documents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
           b"Content-Length: %d\r\n\r\n" % len(body)) + body
    connections = [collector.connect() for _ in range(32)]
    try:
        for _ in range(count // len(connections)):
            for connection in connections:
                connection.send(one)
            for connection in connections:
                assert connection.read_answer("POST").status == 201
        assert count % len(connections) == 0
    finally:
        for connection in connections:
            connection.close()


def test_the_first_view_of_a_thousand_documents_takes_less_than_a_second(start_redis, start_collector, open_page):
    collector = start_collector(start_redis()).wait_connected()
    store_many(collector, 1024)
    page = open_page(collector, path="/healthz")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})  # its CPU time, which does not depend on other load
    page.goto(f"http://{collector.host}:{collector.port}/ui/")
    expect(rows(page)).to_have_count(ROWS_MAX)
    metrics = {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}
    print(f"main thread: {metrics['TaskDuration']:.3f} s")
    assert metrics["TaskDuration"] < 1.0
