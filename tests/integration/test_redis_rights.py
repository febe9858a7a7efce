"""The rights that a user of Redis needs, as the manual lists them: with these alone everything works and nothing is
refused, which the server's ACL LOG would tell."""

import re
import time

import pytest

from support.collector import check
from support.deadline import ROOT, wait_until

KEY = "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"


MANUAL = (ROOT / "docs/bindings.md").read_text().split("## What the user of Redis needs")[1].split("\n## ")[0]


def rights():
    """What the manual's ACL SETUSER line grants."""
    return re.search(r"^ACL SETUSER collector on >\.\.\. (.+)$", MANUAL, re.M).group(1).split()


def refused(server):
    with server.client(username="default", password="admin") as admin:
        return [entry["object"] for entry in admin.acl_log()]


@pytest.fixture
def server(start_redis):
    server = start_redis(requirepass="admin")
    with server.client(username="default", password="admin") as admin:
        admin.execute_command("ACL", "SETUSER", "collector", "on", ">pw", *rights())
    return server


def use(program):
    with program.client() as client:
        key = client.post("/v1/documents", {"a": 1}, {"Idempotency-Key": "k"}).json()["key"]
        assert client.post("/v1/documents", {"a": 1}, {"Idempotency-Key": "k"}).json()["key"] == key
        assert client.request("PUT", f"/v1/documents/{KEY}", '{"b":2}', {"Content-Type": "application/json"}).status == 201
        assert client.get(f"/v1/documents/{key}").status == 200
        page = client.get("/v1/documents?limit=1").json()
        assert page.get("more") and len(page["documents"]) == 1
        assert len(client.get(f"/v1/documents?cursor={page['next']}").json()["documents"]) == 1
        assert client.request("DELETE", f"/v1/documents/{KEY}").status == 204
        assert client.get(f"/v1/documents/{KEY}").status == 404


def test_the_rights_of_the_manual_are_enough(server, start_collector):
    url = f"redis://collector:pw@{server.host}:{server.port}/3"
    program = start_collector(url, key_prefix="orders:", retention="1h").wait_connected()
    use(program)
    with server.client(username="default", password="admin", db=3) as admin:
        wait_until(lambda: all(admin.ttl(key) > 0 for key in admin.scan_iter()), "an end for each key", 90, 0.2)
        assert {key.split(b":")[0] for key in admin.scan_iter()} == {b"orders"}
    status, out, error = check(redis_url=url, key_prefix="orders:")
    assert status == 0 and "a write and a read have worked" in out and "maxmemory-policy" in out, out + error
    assert refused(server) == []


def test_a_newer_server_and_fsync_need_two_more(start_redis, start_collector, valkey_server):
    more = ["+waitaof", "+client|setinfo"]
    assert all(f"`{right}`" in MANUAL for right in more)
    server = start_redis(program=valkey_server, requirepass="admin", appendonly="yes", appendfsync="always")
    with server.client(username="default", password="admin") as admin:
        admin.execute_command("ACL", "SETUSER", "collector", "on", ">pw", *rights(), *more)
    url = f"redis://collector:pw@{server.host}:{server.port}"
    use(start_collector(url, key_prefix="orders:", ack="fsync").wait_connected())
    assert refused(server) == []


def test_without_xdel_lists_work_and_the_log_says_once_what_stays(server, start_collector):
    with server.client(username="default", password="admin") as admin:
        admin.execute_command("ACL", "SETUSER", "collector", "-xdel")
        begin = int(time.time() * 1000) - 600_000
        stream = "orders:collector:feed:" + time.strftime("%Y-%m-%d", time.gmtime(begin // 1000))
        for n in range(300):
            admin.xadd(stream, {"k": f"dead0000-0000-4000-8000-{n:012x}"}, id=f"{begin + n}-0")
    url = f"redis://collector:pw@{server.host}:{server.port}"
    program = start_collector(url, key_prefix="orders:", hold_time="1s", workers=1).wait_connected()
    with program.client() as client:
        key = client.post("/v1/documents", {"a": 1}).json()["key"]
        for _ in range(3):
            page = client.get("/v1/documents").json()
            assert [entry["key"] for entry in page["documents"]] == [key]
        wait_until(lambda: "xdel" in refused(server), "an attempt to trim the feed")
        program.wait_log("feed.trim_refused")
        client.get("/v1/documents")
        assert len([line for line in program.log() if line["event"] == "feed.trim_refused"]) == 1
    with server.client(username="default", password="admin") as admin:
        assert admin.xlen(stream) >= 300


@pytest.mark.parametrize("right", ["+set", "+get", "+xadd"])
def test_without_one_of_them_the_answer_names_it(server, start_collector, right):
    with server.client(username="default", password="admin") as admin:
        admin.execute_command("ACL", "SETUSER", "collector", right.replace("+", "-"))
    url = f"redis://collector:pw@{server.host}:{server.port}"
    program = start_collector(url, key_prefix="orders:", hold_time="300ms")
    with program.client() as client:
        if right == "+get":
            answer = client.get(f"/v1/documents/{KEY}")
        else:
            answer = client.post("/v1/documents", {"a": 1})
    assert answer.status == 503 and "NOPERM" in answer.text, answer
    assert right[1:] in refused(server)
