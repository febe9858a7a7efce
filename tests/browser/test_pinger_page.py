"""Pinger's page in a browser."""

from playwright.sync_api import expect


def test_requests_from_the_page_become_records_that_are_delivered(start_redis, start_collector, start_pinger,
                                                                  open_page):
    collector = start_collector(start_redis()).wait_connected()
    pinger = start_pinger(f"http://{collector.host}:{collector.port}", batch_time="100ms")
    page, beside = open_page(pinger), open_page(collector)
    expect(page.locator("#state")).to_have_text("Log is delivered to Collector")
    expect(page.locator("#collector")).to_contain_text(f"http://{collector.host}:{collector.port}")
    delivered = page.locator("#totals dd").first
    # The page itself has read the report, which adds a request and its response.
    expect(delivered).to_have_text("2")
    for number, (path, status) in enumerate((("/", 200), ("/status/503", 503), ("/delay/1s", 200))):
        page.get_by_role("button", name=f"GET {path}", exact=True).click()
        expect(page.locator("#asked")).to_contain_text(f"GET {path}: {status}")
        # Each request starts a batch, since earlier records have been delivered; a row shows the first record.
        expect(delivered).to_have_text(str(4 + 2 * number))
    expect(beside.locator("#documents")).to_contain_text("/status/503")


def test_the_report_is_shown_by_section(start_pinger, open_page):
    pinger = start_pinger(env={"PINGER_ADMIN": "true"})
    page = open_page(pinger)
    expect(page.locator("#report")).to_contain_text("appName")
    expect(page.get_by_text("Network interfaces")).to_be_visible()
    expect(page.locator("#report")).to_contain_text("127.0.0.1")
    expect(page.locator("#state")).to_have_text("Not bound to a Collector")
    before = page.locator("#report dd").nth(4).inner_text()
    page.get_by_role("button", name="Reload").click()
    expect(page.locator("#report dd").nth(4)).not_to_have_text(before)


def test_an_unreachable_collector_and_a_new_binding_are_shown(start_redis, start_collector, start_pinger, open_page,
                                                               bindings):
    redis = start_redis()
    first, second = start_collector(redis).wait_connected(), start_collector(redis).wait_connected()
    bindings.write("c", type="collector", host=first.host, port=first.port, token="t0ken-never-shown")
    pinger = start_pinger(env=bindings.environment(), batch_time="100ms")
    page = open_page(pinger)
    expect(page.locator("#state")).to_have_text("Log is delivered to Collector")
    first.terminate()
    page.get_by_role("button", name="GET /", exact=True).click()
    expect(page.locator("#state")).to_have_text("Collector does not accept the log")
    expect(page.locator("#change")).to_contain_text("Records wait")
    bindings.write("c", type="collector", host=second.host, port=second.port, token="t0ken-never-shown")
    expect(page.locator("#collector")).to_contain_text(str(second.port))
    expect(page.locator("#state")).to_have_text("Log is delivered to Collector")
    assert "t0ken-never-shown" not in page.content()
