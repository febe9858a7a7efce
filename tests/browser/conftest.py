"""Fixtures of the browser tests: Debian's Chromium, driven by Playwright, and the fixtures of the integration tests.

A page that logs an error, violates its Content-Security-Policy or contacts another host fails its test."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
# pylint: disable=wrong-import-position
from integration import conftest as shared  # noqa: E402
from support.pinger import Pinger  # noqa: E402
from support.stream_proxy import StreamProxy  # noqa: E402

CHROMIUM = "/usr/bin/chromium"

expect.set_options(timeout=20000)  # how long an assertion waits, for the sake of busy machines

bindings, time_limit, start_group = shared.bindings, shared.time_limit, shared.start_group
start_redis, start_proxy, start_collector = shared.start_redis, shared.start_proxy, shared.start_collector


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--js-flags=--expose-gc"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """open_page(program, color_scheme="dark", ...) opens the program's page in a separate context."""
    contexts, complaints = [], []

    def complain(text):
        # The browser logs every error response on its own, and tests cause such responses.
        if "Failed to load resource" not in text:
            complaints.append(text)

    def opened(program, path="/ui/", **options):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type in ("error", "warning") and complain(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: urlsplit(request.url).port == program.port or complaints.append(request.url))
        page.goto(f"http://{program.host}:{program.port}{path}")
        return page
    yield opened
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def start_stream_proxy():
    started = []

    def start(program):
        started.append(StreamProxy(program))
        return started[-1]
    yield start
    for proxy in started:
        proxy.close()


@pytest.fixture
def start_pinger():
    started = []

    def start(*arguments, **options):
        started.append(Pinger(*arguments, **options))
        return started[-1]
    yield start
    for program in started:
        program.close()
