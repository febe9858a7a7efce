"""The rights that a Redis user needs, as the manual lists them. With only these everything works, and the server's ACL
LOG shows no refusal. The trial of a binding and `--check` find each missing right."""

import re
import time

import pytest

from support.cluster import RedisCluster, slot_of
from support.collector import check
from support.deadline import ROOT, wait_until
from support.event_stream import EventStream
from support.feed import DAY_MS, stream_of
from support.matching import assert_problem
from support.site import listed_keys

KEY = "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"


MANUAL = (ROOT / "docs/bindings.md").read_text().split("## What the user of Redis needs")[1].split("\n## ")[0]


# Commands for connecting and inspecting; while serving, Collector sends all others that the manual lists.
CONNECTING = {"ping", "select", "info", "role", "config|get", "client|setname", "client|setinfo", "cluster|slots", "asking"}


def table():
    """The commands in the trial's table, in lower case."""
    text = (ROOT / "cmd/collector/commands.c").read_text()
    return {name.lower() for name in re.findall(r'\.argv = \{ "([A-Z]+)"', text)}


def rights():
    """The rights that the manual's ACL SETUSER line grants."""
    return re.search(r"^ACL SETUSER collector on >\.\.\. (.+)$", MANUAL, re.M).group(1).split()


def refused(server):
    with server.client(username="default", password="admin") as admin:
        return [entry["object"] for entry in admin.acl_log()]


@pytest.fixture
def server(start_redis):
    server = start_redis(requirepass="admin")
    with server.client(username="default", password="admin") as admin:
        is_newer = [int(part) for part in admin.info("server")["redis_version"].split(".")[:2]] >= [7, 2]
        more = ["+client|setinfo"] if is_newer else []
        admin.execute_command("ACL", "SETUSER", "collector", "on", ">pw", *rights(), *more)
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


def test_the_rights_in_the_manual_are_sufficient(server, start_collector):
    url = f"redis://collector:pw@{server.host}:{server.port}/3"
    program = start_collector(url, key_prefix="orders:", retention="1h").wait_connected()
    use(program)
    with server.client(username="default", password="admin", db=3) as admin:
        wait_until(lambda: all(admin.ttl(key) > 0 for key in admin.scan_iter()), "an expiry for each key", 90, 0.2)
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


def add_dead_entries(admin):
    """Adds 300 entries of ten minutes ago without documents; returns their stream."""
    begin = int(time.time() * 1000) - 600_000
    stream = "orders:collector:feed:" + time.strftime("%Y-%m-%d", time.gmtime(begin // 1000))
    for n in range(300):
        admin.xadd(stream, {"k": f"dead0000-0000-4000-8000-{n:012x}"}, id=f"{begin + n}-0")
    return stream


def test_without_xdel_lists_work_and_the_log_reports_the_remaining_entries_once(server, start_collector):
    with server.client(username="default", password="admin") as admin:
        admin.execute_command("ACL", "SETUSER", "collector", "-xdel")
        stream = add_dead_entries(admin)
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


def sent_to(server):
    """The commands that the server received since its statistics were reset, except the commands of the tests and of
    connecting."""
    with server.client(username="default", password="admin") as admin:
        names = {name.split("_", 1)[1] for name in admin.info("commandstats")}
    ours = {"acl|setuser", "acl|log", "auth", "hello", "config|resetstat", "scan", "ttl"}
    return names - CONNECTING - ours


def test_the_trial_the_manual_and_the_sent_commands_agree(start_redis, start_collector, valkey_server):
    told = {right[1:] for right in rights() if right[0] == "+"} | {"waitaof"}
    assert table() == told - CONNECTING
    sent = set()
    for ack in ("replica", "fsync"):
        server = start_redis(program=valkey_server, requirepass="admin", appendonly="yes")
        with server.client(username="default", password="admin") as admin:
            add_dead_entries(admin)
            admin.config_resetstat()
        url = f"redis://default:admin@{server.host}:{server.port}"
        program = start_collector(url, key_prefix="orders:", retention="1h", ack=ack, hold_time="1s").wait_connected()
        with program.client() as client:
            client.post("/v1/documents", {"a": 1})
            key = "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"
            client.request("PUT", f"/v1/documents/{key}", '{"b":2}', {"Content-Type": "application/json"})
            client.get(f"/v1/documents/{key}")
            client.get("/v1/documents")
            EventStream(program).close()
            client.request("DELETE", f"/v1/documents/{key}")
        sent |= wait_until(lambda: {"expireat", "xdel"} <= sent_to(server) and sent_to(server),
                           "an EXPIREAT and an XDEL", 90, 0.2)
    assert sent == table()


NEEDED = {  # right: the options that need it, and the step that fails without it
    "set": ({}, "write"), "get": ({}, "read"), "getdel": ({}, "write"), "getrange": ({}, "read"), "xadd": ({}, "write"),
    "xrange": ({}, "read"), "exists": ({}, "read"), "expireat": ({"retention": "1h"}, "write"),
    "wait": ({"ack": "replica"}, "acknowledgement"),
}


@pytest.fixture
def lacking(server):
    """lacking("xadd", ...): a URL whose user has all rights in the manual except these."""
    def take(*missing):
        with server.client(username="default", password="admin") as admin:
            admin.execute_command("ACL", "SETUSER", "collector", *[f"-{right}" for right in missing])
        return f"redis://collector:pw@{server.host}:{server.port}"
    return take


def keys_of(server):
    with server.client(username="default", password="admin") as admin:
        return {key: admin.ttl(key) for key in admin.scan_iter()}


@pytest.mark.parametrize("right", NEEDED)
def test_check_finds_each_missing_right(server, lacking, right):
    options, step = NEEDED[right]
    status, out, error = check(redis_url=lacking(right), key_prefix="orders:", **options)
    assert status == 1, out + error
    assert f"{step}: NOPERM" in error and f"(refused: {right.upper()})" in error, error
    assert refused(server) and all(right == one for one in refused(server))
    assert all(0 <= ttl <= 10 for ttl in keys_of(server).values()), "a key that never ends"


def test_every_right_in_the_table_is_tested(server):
    assert set(NEEDED) | {"waitaof", "xdel", "xrevrange"} == table()
    assert refused(server) == []


def test_all_missing_rights_are_named_at_once(lacking):
    status, _, error = check(redis_url=lacking("xadd", "getdel", "exists"), key_prefix="orders:")
    assert status == 1 and "(refused: XADD, EXISTS, GETDEL)" in error, error


@pytest.mark.parametrize("right", ["xdel", "xrevrange"])
def test_a_missing_optional_right_is_a_warning_of_check(lacking, right):
    status, out, error = check(redis_url=lacking(right), key_prefix="orders:")
    assert status == 0 and f"warning: the user may not send {right.upper()}" in out, out + error


@pytest.mark.parametrize("right, options", [("expireat", {}), ("wait", {}), ("xadd", {"feed": "false"}),
                                            ("xrange", {"feed": "false"}), ("xdel", {"feed": "false"}), ("xrevrange", {"feed": "false"}),
                                            ("exists", {"feed": "false"})])
def test_rights_that_the_settings_do_not_need_are_not_required(server, lacking, right, options):
    status, out, error = check(redis_url=lacking(right), key_prefix="orders:", **options)
    assert status == 0 and right.upper() not in out.split("serving sends")[1].splitlines()[0].replace(",", "").split(), out + error
    assert refused(server) == []


def test_check_needs_waitaof_for_fsync(start_redis, valkey_server):
    server = start_redis(program=valkey_server, requirepass="admin", appendonly="yes")
    with server.client(username="default", password="admin") as admin:
        admin.execute_command("ACL", "SETUSER", "collector", "on", ">pw", *rights())
    url = f"redis://collector:pw@{server.host}:{server.port}"
    status, _, error = check(redis_url=url, key_prefix="orders:", ack="fsync")
    assert status == 1 and "acknowledgement: NOPERM" in error and "(refused: WAITAOF)" in error, error


def test_collector_does_not_move_to_a_redis_whose_user_lacks_a_right(start_redis, start_collector, bindings, server, lacking):
    lacking("xadd")
    first = start_redis()
    bindings.redis("db", first)
    program = start_collector(env=bindings.environment()).wait_connected()
    bindings.redis("db", server, username="collector", password="pw", **{"key-prefix": "orders:"})
    line = program.wait_log("binding.reload_failed")
    assert "write: NOPERM" in line["error"] and "(refused: XADD)" in line["error"], line
    with program.client() as client:
        assert client.post("/v1/documents", {"a": 1}).status == 201
    with server.client(username="default", password="admin") as admin:
        admin.execute_command("ACL", "SETUSER", "collector", "+xadd")
    program.wait_log("binding.switched", seconds=15)
    with program.client() as client:
        assert client.post("/v1/documents", {"a": 1}).status == 201


def test_a_feed_key_of_another_type_is_detected(start_redis, start_collector, bindings):
    first, server = start_redis(), start_redis()
    today = "orders:collector:feed:" + time.strftime("%Y-%m-%d", time.gmtime())
    server.client().set(today, "not a stream")
    status, _, error = check(redis_url=server.url(), key_prefix="orders:")
    assert status == 1 and f"read (XRANGE {today}): WRONGTYPE" in error, error
    assert check(redis_url=server.url(), key_prefix="orders:", feed="false")[0] == 0
    bindings.redis("db", first)
    program = start_collector(env=bindings.environment()).wait_connected()
    bindings.redis("db", server, **{"key-prefix": "orders:"})
    assert "WRONGTYPE" in program.wait_log("binding.reload_failed")["error"]


def test_in_a_cluster_a_key_of_another_type_is_detected_in_each_partition():
    with RedisCluster(masters=3) as cluster:
        for tag, days in (("", 0), ("0ax", 0), ("fad", 1)):
            prefix = f"of{tag}:"
            stream = stream_of(int(time.time() * 1000) + days * DAY_MS, prefix, tag)
            owner = cluster.master_of(slot_of(stream)).client()
            owner.set(stream, "not a stream")
            status, _, error = check(redis_url=cluster.url(), key_prefix=prefix)
            assert status == 1 and f"read (XRANGE {stream}): WRONGTYPE" in error, error
            assert check(redis_url=cluster.url(), key_prefix=prefix, feed="false")[0] == 0
            owner.delete(stream)
            owner.xadd(stream, {"k": "x"})
            assert check(redis_url=cluster.url(), key_prefix=prefix)[0] == 0


@pytest.mark.parametrize("config, reason", [({"min-replicas-to-write": 1}, "NOREPLICAS"), ({"maxmemory": 1}, "OOM")])
def test_the_reason_is_reported_if_redis_accepts_no_writes(start_redis, start_collector, bindings, config, reason):
    first, server = start_redis(), start_redis()
    for name, value in config.items():
        server.client().config_set(name, value)
    status, out, error = check(redis_url=server.url())
    assert status == 1 and reason in error and f"failed: {error.split('Redis: ')[1].strip()}" in out, out + error
    bindings.redis("db", first)
    program = start_collector(env=bindings.environment()).wait_connected()
    bindings.redis("db", server)
    assert reason in program.wait_log("binding.reload_failed")["error"]
    for name in config:
        server.client().config_set(name, 0)
    program.wait_log("binding.switched", seconds=15)


def test_each_master_of_a_cluster_gets_the_whole_trial():
    with RedisCluster(masters=3) as cluster:
        for node in cluster.masters():
            node.client().config_resetstat()
        status, out, error = check(redis_url=cluster.url(), retention="1h")
        assert status == 0 and "tried the commands that serving sends on each master: SET, GET, GETRANGE, XADD" in out, out + error
        wanted = table() - {"wait", "waitaof"}
        for node in cluster.masters():
            names = {name.split("_", 1)[1] for name in node.client().info("commandstats")}
            assert wanted <= names, wanted - names
            assert all(0 <= node.client().ttl(key) <= 10 for key in node.client().scan_iter())
        cluster.masters()[2].client().execute_command("ACL", "SETUSER", "default", "-xadd")
        status, out, error = check(redis_url=cluster.url())
        assert status == 1 and "(refused: XADD)" in error, out + error
        # All keys with such a prefix belong to one master.
        assert check(redis_url=cluster.url(), key_prefix="{one}:", feed="false")[0] == 0


def test_an_interrupted_trial_leaves_only_keys_that_expire(start_redis, start_proxy):
    server = start_redis()
    for count in range(1, 1200, 97):
        proxy = start_proxy(server)
        proxy.cut_after(count, direction="to_server")
        check(redis_url=f"redis://{proxy.host}:{proxy.port}", retention="1h")
        assert all(0 <= server.client().ttl(key) <= 10 for key in server.client().scan_iter()), count


def test_the_user_of_a_previous_redis_needs_only_to_read(start_redis, bindings, server):
    with server.client(username="default", password="admin") as admin:
        admin.execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+get", "+info", "+config|get", "+role", "+ping")
    bindings.redis("old", server, username="reader", password="pw")
    bindings.redis("new", start_redis())
    status, out, error = check(env=bindings.environment(), binding="new", previous_binding="old")
    assert status == 0 and "a read has worked" in out and "tried the commands that serving sends: GET\n" in out, out + error
    assert "set" not in refused(server)


@pytest.mark.parametrize("right", ["+set", "+get", "+xadd"])
def test_a_response_names_the_missing_right(server, start_collector, right):
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


# --- A right that is revoked at run time -------------------------------------------------------------

UNLISTED = "stored, but may be missing from the list"


def assert_unlisted_then_listed(program, refuse, allow, reason):
    """If Redis accepts the SET but refuses the XADD, the response has the key; a later repeat adds the document to the
    list once."""
    key_of = {"Idempotency-Key": "k"}
    with program.client() as client:
        assert client.post("/v1/documents", {"n": 0}).status == 201
        refuse()
        plain = assert_problem(client.post("/v1/documents", {"n": 1}), 503, UNLISTED, reason)["key"]
        classic = assert_problem(client.post("/", {"n": 2}), 503, UNLISTED, reason)["key"]
        marked = {assert_problem(client.post("/v1/documents", {"n": 3}, key_of), 503, UNLISTED, reason)["key"]
                  for _ in range(3)}
        put = {assert_problem(client.put(f"/v1/documents/{KEY}", {"n": 4}), 503, UNLISTED, reason)["key"]
               for _ in range(2)}
        assert len(marked) == 1 and put == {KEY}
        assert [client.get(f"/v1/documents/{key}").json()["n"] for key in (plain, classic, *marked, KEY)] == [1, 2, 3, 4]
        allow()
        for _ in range(2):
            assert client.put(f"/v1/documents/{plain}", {"n": 1}).status == 200
            assert client.put(f"/v1/documents/{classic}", {"n": 2}).status == 200
            assert client.post("/v1/documents", {"n": 3}, key_of).json()["key"] in marked
            assert client.put(f"/v1/documents/{KEY}", {"n": 4}).status == 200
    keys = listed_keys(program)
    assert {plain, classic, *marked, KEY} <= set(keys) and len(keys) == len(set(keys)), keys


def test_the_error_for_a_refused_xadd_has_the_documents_key(server, start_collector):
    url = f"redis://collector:pw@{server.host}:{server.port}"
    program = start_collector(url, key_prefix="orders:").wait_connected()
    with server.client(username="default", password="admin") as admin:
        assert_unlisted_then_listed(program, lambda: admin.execute_command("ACL", "SETUSER", "collector", "-xadd"),
                                    lambda: admin.execute_command("ACL", "SETUSER", "collector", "+xadd"), "NOPERM")


def test_the_error_for_a_feed_of_another_type_has_the_documents_key(start_redis, start_collector):
    server = start_redis()
    today = "collector:feed:" + time.strftime("%Y-%m-%d", time.gmtime())
    program = start_collector(server).wait_connected()
    with server.client() as admin:
        def refuse():
            admin.delete(today)
            admin.set(today, "not a stream")
        assert_unlisted_then_listed(program, refuse, lambda: admin.delete(today), "WRONGTYPE")


def test_in_a_cluster_the_error_for_a_refused_xadd_has_the_documents_key(start_collector):
    with RedisCluster(masters=3) as cluster:
        program = start_collector(cluster.url()).wait_connected()

        def everywhere(rule):
            for node in cluster.masters():
                node.client().execute_command("ACL", "SETUSER", "default", rule)
        assert_unlisted_then_listed(program, lambda: everywhere("-xadd"), lambda: everywhere("+xadd"), "NOPERM")


def test_without_the_right_to_read_the_feed_nothing_is_stored_again(server, start_collector):
    url = f"redis://collector:pw@{server.host}:{server.port}"
    program = start_collector(url, key_prefix="orders:").wait_connected()
    with program.client() as client:
        key = client.post("/v1/documents", {"a": 1}, {"Idempotency-Key": "k"}).json()["key"]
        with server.client(username="default", password="admin") as admin:
            admin.execute_command("ACL", "SETUSER", "collector", "-xrange")
        again = client.post("/v1/documents", {"a": 1}, {"Idempotency-Key": "k"})
        assert assert_problem(again, 503, UNLISTED, "NOPERM")["key"] == key
