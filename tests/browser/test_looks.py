"""Appearance and accessibility of the pages: axe-core finds nothing, and nothing is wider than the window."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

# 640: a window of 1280 at 200%; 320: the same at 400%.
FORMS = [("light", 1280, 900), ("dark", 1280, 900), ("light", 390, 844), ("dark", 390, 844), ("light", 640, 450),
         ("light", 320, 225)]


def assert_usable(page, name):
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the window"


@pytest.fixture
def filled(start_redis, start_collector, start_pinger, bindings):
    bindings.redis("cache", start_redis(), provider="make-run")
    collector = start_collector(env=bindings.environment()).wait_connected()
    pinger = start_pinger(f"http://{collector.host}:{collector.port}", batch_time="100ms",
                          env={"PINGER_ADMIN": "true"})
    with collector.client() as client:
        for order in range(20):
            client.post("/v1/documents", json.dumps({"order": order, "price": 12.5, "who": "Ada"}).encode(),
                        {"Content-Type": "application/json"})
    for path in ("/", "/status/503"):
        pinger.get(path)
    return collector, pinger, bindings


@pytest.mark.parametrize(("scheme", "width", "height"), FORMS)
def test_the_pages_pass_axe_and_fit(filled, open_page, tmp_path, scheme, width, height):
    collector, pinger, _ = filled
    for program in (collector, pinger):
        page = open_page(program, color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        expect(page.locator("#state")).to_have_class("badge good")
        if program is collector:
            page.locator("#documents button").first.click()
            expect(page.locator("#one")).to_be_visible()
        else:
            expect(page.locator("#report")).to_contain_text("appName")
        assert_usable(page, f"{program.name} {scheme} {width}")
        picture = tmp_path / f"{program.name}.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 10000


def test_error_messages_pass_axe_too(filled, open_page, start_redis):
    collector, _, bindings = filled
    page = open_page(collector)
    bindings.redis("cache", start_redis(requirepass="right"), password="wrong")
    expect(page.locator("#change")).to_contain_text("WRONGPASS")
    assert_usable(page, "a refused binding")
    bindings.write("tokens", type="collector-tokens", page="t0ken")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_usable(page, "the question for a token")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Enter a token")).to_be_visible()
    assert_usable(page, "a page that waits for a token")
