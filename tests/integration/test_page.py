"""The page at /ui/ of both programs: its files and their headers. tests/browser tests it in a browser."""

import gzip
import re

import pytest

from support.collector import Collector
from support.deadline import ROOT
from support.pinger import Pinger

FILES = {"collector": ROOT / "cmd/collector/ui", "pinger": ROOT / "cmd/pinger/ui"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
MAX_BYTES = 150 * 1024


@pytest.fixture(scope="module")
def pinger():
    program = Pinger()
    yield program
    program.close()


@pytest.fixture(params=["collector", "pinger"])
def program(request):
    return request.getfixturevalue(request.param)


def files_of(name):
    return sorted(FILES[name].iterdir()) + sorted((ROOT / "pkg/page/files").iterdir())


def get(program, path, headers=None):
    with program.client() as client:
        return client.get(path, headers)


def test_every_file_is_served_plain_and_compressed(program):
    for file in files_of(program.name):
        content = file.read_bytes()
        plain = get(program, f"/ui/{file.name}")
        small = get(program, f"/ui/{file.name}", {"Accept-Encoding": "gzip, br"})
        assert plain.status == small.status == 200
        assert plain.body == content and plain.header("content-encoding") is None
        assert small.header("content-encoding") == "gzip" and gzip.decompress(small.body) == content
        assert plain.header("vary") == small.header("vary") == "Accept-Encoding"
        assert plain.header("etag") != small.header("etag")
        no = get(program, f"/ui/{file.name}", {"Accept-Encoding": "gzip;q=0"})
        assert no.header("content-encoding") is None
    assert get(program, "/ui/").body == (FILES[program.name] / "index.html").read_bytes()


def test_a_known_tag_gets_304_and_another_does_not(program):
    first = get(program, "/ui/page.css")
    tag = first.header("etag")
    again = get(program, "/ui/page.css", {"If-None-Match": f'"other", W/{tag}'})
    assert again.status == 304 and again.body == b"" and again.header("etag") == tag
    assert get(program, "/ui/page.css", {"If-None-Match": '"other"'}).status == 200
    with program.client() as client:
        head = client.head("/ui/page.css")
        assert head.status == 200 and head.body == b""


def test_the_policy_allows_no_foreign_content(program):
    answer = get(program, "/ui/")
    policy = answer.header("content-security-policy")
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert {"script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= set(policy.split("; "))
    assert "frame-ancestors 'none'" in policy
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "no-referrer"
    assert answer.header("cache-control") == "no-cache"


def test_the_files_refer_to_no_other_host_and_are_small(program):
    total = 0
    for file in files_of(program.name):
        text = file.read_text()
        total += len(text.encode()) + len(gzip.compress(text.encode()))
        hosts = set(re.findall(r"(?:https?:)?//([\w.-]+\.\w+)", text))
        assert hosts <= {"www.w3.org"}, file  # the XML namespace of SVG
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|style=|onclick=", text), file
    assert total <= MAX_BYTES


def test_other_names_get_404_and_the_path_without_its_slash_redirects(program):
    for path in ("/ui/none", "/ui/../main.c", "/ui/x/page.css", "/ui/%2e%2e/page.css", "/ui/page.css/"):
        assert get(program, path).status in (400, 404), path
    answer = get(program, "/ui")
    assert answer.status == 308 and answer.header("location") == "ui/"


def test_the_root_of_collector_redirects_only_browsers_to_the_page(collector):
    answer = get(collector, "/", BROWSER)
    assert answer.status == 303 and answer.header("location") == "ui/" and answer.header("vary") == "Accept"
    for accept in ("*/*", "application/json", "text/html;q=0.1, */*", None):
        index = get(collector, "/", {"Accept": accept} if accept else None)
        assert index.status == 200 and index.header("vary") == "Accept", accept
    with collector.client() as client:
        key = client.post("/", b'{"a":1}', {"Content-Type": "application/json"}).json()["key"]
        assert client.get(f"/?key={key}", BROWSER).status == 200


def test_the_root_of_pinger_is_still_the_report(pinger):
    assert get(pinger, "/", BROWSER).json()["appName"] == "Pinger"


def test_with_bound_tokens_only_the_files_are_public(start_redis, start_collector, bindings):
    bindings.redis("cache", start_redis())
    bindings.write("tokens", type="collector-tokens", page="t0ken")
    collector = start_collector(env=bindings.environment())
    assert get(collector, "/ui/").status == 200 and get(collector, "/ui/page.css").status == 200
    assert get(collector, "/ui").status == 308
    for path in ("/v1/status", "/v1/documents", "/"):
        assert get(collector, path, BROWSER).status == 401


def test_pingers_status_shows_collector_and_delivery_and_creates_no_record(pinger):
    for path in ("/ui/", "/v1/status"):
        get(pinger, path)
    status = get(pinger, "/v1/status").json()
    assert status["program"] == "pinger" and status["delivery"]["state"] == "nowhere"
    assert status["delivery"]["waiting"] == pinger.delivery()["waiting"]
    assert set(status["delivery"]["deliveredPerSecond"] + status["delivery"]["droppedPerSecond"]) <= {0}
    before = status["delivery"]["waiting"]
    get(pinger, "/ui/page.css")
    assert get(pinger, "/v1/status").json()["delivery"]["waiting"] == before
    assert status["collector"]["address"] is None and status["collector"]["generation"] == 1


def test_pingers_status_follows_its_binding_and_never_shows_the_token(start_redis, bindings):
    with_redis = start_redis()
    first, second = Collector(with_redis), Collector(with_redis)
    try:
        bindings.write("c", type="collector", host="127.0.0.1", port=first.port, token="t0ken-never-shown")
        program = Pinger(env=bindings.environment())
        try:
            assert get(program, "/v1/status").json()["collector"]["address"] == f"http://127.0.0.1:{first.port}"
            bindings.write("c", type="collector", host="127.0.0.1", port=second.port, token="t0ken-never-shown")
            program.wait_log("binding.switched")
            text = get(program, "/v1/status").text
            assert f"http://127.0.0.1:{second.port}" in text and "t0ken-never-shown" not in text
        finally:
            program.close()
    finally:
        first.close()
        second.close()
