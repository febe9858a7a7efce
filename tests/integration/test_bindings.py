"""Tests how Collector finds Redis, and how it moves to another Redis while it serves requests."""

import os
import re
import signal
import socket
import time

import pytest

from support.background import post_later
from support.collector import check, metric_sum
from support.deadline import PATIENCE, ROOT, stays, wait_until
from support.load import Load
from support.ports import reserve_port


@pytest.mark.parametrize("kind", ["redis", "valkey", "Redis", "REDIS", "redis\n"])
def test_a_binding_of_type_redis_or_valkey_is_used(start_redis, start_bound, bindings, kind):
    server = start_redis()
    bindings.write("db", type=kind, host=server.host, port=server.port)
    assert start_bound().stores_in(server)


def test_a_binding_with_a_uri_is_used(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.write("db", type="redis", uri=server.url(database=4) + "\n")
    assert start_bound().stores_in(server, db=4)


def test_a_separate_entry_takes_precedence_over_the_uri(start_redis, start_bound, bindings):
    server = start_redis(requirepass="right")
    bindings.write("db", type="redis", uri=f"redis://:wrong@nowhere.invalid:{server.port}", host=server.host,
                   password="right")
    assert start_bound().stores_in(server)


def test_the_entry_names_of_other_products_are_understood(start_redis, start_bound, bindings):
    server = start_redis(requirepass="pw")
    bindings.write("db", type="redis", REDIS_HOST=server.host, REDIS_PORT=server.port, **{"redis-password": "pw"})
    assert start_bound().stores_in(server)


def test_the_manual_lists_every_name_of_an_entry():
    names = set(re.findall(r'^ *\{ "([a-z0-9-]+)", FIELD_', (ROOT / "pkg/backing/redis_names.c").read_text(), re.M))
    told = {word.replace(".", "-") for word in re.findall("`([^`]+)`", (ROOT / "docs/bindings.md").read_text())}
    assert len(names) > 50 and names <= told, names - told


def test_a_folder_of_plain_files_works_as_a_binding(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.write_plain("db", type="redis", host=server.host, port=server.port)
    assert start_bound().stores_in(server)


def test_only_one_trailing_newline_is_removed_from_a_password(start_redis, start_bound, bindings):
    server = start_redis()
    server.client().config_set("requirepass", "two words ")
    bindings.redis("db", server, password="two words \n")
    assert start_bound().stores_in(server, password="two words ")


def test_a_key_prefix_of_the_binding_is_used(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.redis("db", server, **{"key-prefix": "bound:"})
    program = start_bound()
    with program.client() as client:
        key = client.post("/", {"a": 1}).json()["key"]
    assert server.client().exists(f"bound:{key}")


def test_flags_take_precedence_over_a_whole_binding(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.write("db", type="redis", host="nowhere.invalid", port=1, password="never sent")
    assert start_bound(redis_url=server.url()).stores_in(server)


def test_a_binding_takes_precedence_over_variables(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.redis("db", server)
    program = start_bound(env={"REDIS_URL": "redis://:pw@nowhere.invalid:1", "COLLECTOR_DELEGATE_HOSTNAME": "nowhere"})
    assert program.stores_in(server)


def test_a_binding_takes_precedence_over_the_programs_own_variables(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.redis("db", server)
    assert start_bound(env={"COLLECTOR_REDIS_HOST": "nowhere.invalid", "COLLECTOR_REDIS_PORT": "1"}).stores_in(server)


def test_variables_are_used_without_a_binding(start_redis, start_collector):
    server = start_redis(requirepass="pw")
    for env in ({"REDIS_URL": server.url(password="pw")},
                {"REDIS_HOST": server.host, "REDIS_PORT": server.port, "REDIS_PASSWORD": "pw"},
                {"COLLECTOR_REDIS_URL": server.url(password="pw")},
                {"COLLECTOR_REDIS_HOST": server.host, "COLLECTOR_REDIS_PORT": server.port,
                 "COLLECTOR_REDIS_PASSWORD": "pw", "REDIS_HOST": "nowhere.invalid"}):
        assert start_collector(env=env).stores_in(server)


def test_a_redis_port_of_a_service_link_is_skipped(start_redis, start_collector):
    server = start_redis()
    program = start_collector(env={"REDIS_PORT": "tcp://10.0.0.9:6379", "COLLECTOR_DELEGATE_HOSTNAME": server.host,
                                   "COLLECTOR_DELEGATE_PORT": server.port})
    assert program.stores_in(server)


def test_a_folder_without_a_type_is_ignored(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.write("aa", host="nowhere.invalid", port=1)
    bindings.redis("db", server)
    bindings.write("other", type="postgresql", host="nowhere.invalid")
    assert start_bound().stores_in(server)


def test_two_bindings_of_one_type_need_a_name_and_the_error_lists_them(start_redis, bindings, start_bound):
    one, two = start_redis(), start_redis()
    bindings.redis("first", one)
    bindings.write("second", type="valkey", host=two.host, port=two.port)
    status, out, err = check(env=bindings.environment())
    assert status == 2, out + err
    assert "first" in err and "second" in err, err
    assert start_bound(binding="second").stores_in(two)
    assert check(env=bindings.environment(), binding="first")[0] == 0


def test_two_bindings_at_startup_give_exit_status_2(start_redis, bindings, start_bound):
    bindings.redis("first", start_redis())
    bindings.redis("second", start_redis())
    program = start_bound(listening=False)
    assert program.wait() == 2
    assert "first" in program.log_text() and "second" in program.log_text()


def test_a_provider_narrows_the_choice(start_redis, bindings, start_bound):
    one, two = start_redis(), start_redis()
    bindings.redis("first", one, provider="bitnami")
    bindings.redis("second", two, provider="Aiven")
    assert start_bound(binding_provider="aiven").stores_in(two)


def test_two_names_of_one_setting_with_different_values_give_exit_status_2_without_the_values(start_redis, bindings):
    bindings.redis("db", start_redis(), password="secret-1", **{"redis-password": "secret-2"})
    status, out, err = check(env=bindings.environment())
    assert status == 2
    assert "redis-password" in out + err and "secret-" not in out + err


@pytest.mark.parametrize("entry, value, reason", [
    ("password", "vault://team/very-private", "refers to another system (vault://), which is not supported"),
    ("password", b"very\0private", "contains a NUL byte"),
    ("host", b"very\0private", "contains a NUL byte"),
    ("type", "\n", "is empty"),
    ("ca.crt", b"very-private".ljust(1024 * 1024 + 1), "larger than 1048576 bytes"),
])
def test_a_binding_that_cannot_be_used_gives_exit_status_2_that_names_the_file_and_not_its_value(bindings, entry, value, reason):
    bindings.write("db", **{"type": "redis", "host": "127.0.0.1", entry: value})
    status, out, err = check(env=bindings.environment())
    assert status == 2, out + err
    assert f"{bindings.path}/db/{entry}: {reason}" in err, err
    assert "private" not in out + err


def test_a_link_out_of_the_root_gives_exit_status_2(bindings, tmp_path):
    (tmp_path / "shadow").write_text("very-private")
    bindings.write_plain("db", type="redis", host="127.0.0.1")
    os.symlink(tmp_path / "shadow", os.path.join(bindings.path, "db", "password"))
    status, out, err = check(env=bindings.environment())
    assert status == 2, out + err
    assert "/db/password: a link leads outside the root" in err and "very-private" not in out + err


def dangling(bindings, server, where):
    """A binding of this server in which one part is a broken link; returns the path of the link."""
    path = os.path.join(bindings.path, where)
    if where != "db":
        bindings.write_plain("db", type="redis", host=server.host, port=server.port)
    if os.path.exists(path):
        os.unlink(path)
    os.symlink("nowhere", path)
    return path


DANGLING = ["db", "db/type", "db/host", "db/left-over", "db/..data"]


@pytest.mark.parametrize("where", DANGLING)
def test_a_dangling_link_gives_exit_status_2_and_no_other_source_is_used(start_redis, start_bound, bindings, where):
    path = dangling(bindings, start_redis(), where)
    weaker = {"REDIS_URL": start_redis().url()}
    program = start_bound(env=weaker, listening=False)
    said = path.replace("/..data", "") + ": a link that leads nowhere"
    assert program.wait() == 2
    assert said in program.log_text()
    status, _, error = check(env={**bindings.environment(), **weaker})
    assert status == 2 and said in error, error


def test_a_binding_that_becomes_unreadable_is_reported_and_the_old_one_stays(start_redis, start_bound, bindings):
    first, second = start_redis(), start_redis()
    bindings.write_plain("db", type="redis", host=first.host, port=first.port)
    program = start_bound(env={"REDIS_URL": second.url()}).wait_connected()

    def failed():
        return metric_sum(program.metrics(), "collector_binding_reloads_total", result="failed")
    for where in DANGLING:
        before = failed()
        bindings.remove("db")
        path = dangling(bindings, second, where)
        wait_until(lambda: failed() > before, f"a failed look at {path}")
        said = path.replace("/..data", "") + ": a link that leads nowhere"
        wait_until(lambda: any(line["event"] == "binding.reload_failed" and said in line["error"]
                               for line in program.log()), f"a line of the log that says {said}")
        assert program.stores_in(first)
        if where == "db":
            os.unlink(path)
            os.mkdir(path)


def test_an_empty_password_means_no_password(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.redis("db", server, password="\n")
    assert start_bound().stores_in(server)


def test_a_password_may_contain_every_delimiter_of_a_uri(start_redis, start_bound, bindings):
    server = start_redis()
    server.client().config_set("requirepass", "p@:/#%41?&")
    bindings.redis("parts", server, password="p@:/#%41?&")
    bindings.write("whole", type="redis", uri=f"redis://:p%40%3A%2F%23%2541%3F%26@{server.host}:{server.port}")
    for name in ("parts", "whole"):
        assert start_bound(binding=name).stores_in(server, password="p@:/#%41?&")


def test_a_root_that_is_not_a_folder_gives_exit_status_2_and_a_missing_one_a_warning(start_redis, start_collector, tmp_path):
    (tmp_path / "file").write_text("x")
    status, out, err = check(env={"SERVICE_BINDING_ROOT": tmp_path / "file"})
    assert status == 2 and f"{tmp_path}/file: Not a directory" in err, out + err
    server = start_redis()
    program = start_collector(env={"SERVICE_BINDING_ROOT": tmp_path / "none", "REDIS_URL": server.url()})
    assert program.stores_in(server)
    assert program.log_text().count(f"{tmp_path}/none: no such folder") == 1


def test_a_folder_with_an_odd_name_is_reported_once_and_ignored(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.redis("db", server)
    bindings.write("Upper", type="redis", host="nowhere.invalid")
    bindings.write("n" * 254, type="redis", host="nowhere.invalid")
    bindings.write("..data", type="redis", host="nowhere.invalid")
    program = start_bound()
    assert program.stores_in(server)
    for _ in range(2):
        bindings.redis("db", server, note=str(time.monotonic()))
        stays(program.running, "running", 1.1)
    assert program.log_text().count("folder 'Upper' is ignored") == 1
    assert program.log_text().count("folder 'nnn") == 1
    assert "folder '..data'" not in program.log_text()


def test_a_name_of_253_characters_is_a_binding(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.redis("n" * 253, server)
    assert start_bound(binding="n" * 253).stores_in(server)


# --- Changes while it runs ------------------------------------------------------------------------------------

def test_a_binding_created_after_the_start_is_used(start_redis, start_bound, bindings):
    program = start_bound(env={"COLLECTOR_DELEGATE_HOSTNAME": "127.0.0.1",
                               "COLLECTOR_DELEGATE_PORT": reserve_port()})
    answer = post_later(program, {"a": 1})
    stays(lambda: not answer.done(), "held", 0.3)
    server = start_redis()
    bindings.redis("db", server)
    got = answer.result()
    assert got.status == 201 and server.client().exists(got.json()["key"])


def test_collector_waits_for_a_named_binding_that_does_not_exist_yet(start_redis, start_bound, bindings):
    program = start_bound(binding="db")
    with program.client() as client:
        assert client.get("/healthz").status == 200
        assert client.get("/readyz").status == 503
    answer = post_later(program, {"a": 1})
    server = start_redis()
    bindings.redis("other", start_redis())
    bindings.redis("db", server)
    got = answer.result()
    assert got.status == 201 and server.client().exists(got.json()["key"])


def test_changing_the_host_under_load_loses_nothing(start_redis, start_bound, bindings):
    one, two = start_redis(), start_redis()
    bindings.redis("db", one)
    program = start_bound()
    with Load(program, connections=8) as load:
        load.wait_acknowledged(100)
        bindings.redis("db", two)
        wait_until(lambda: two.client().dbsize() > 20, lambda: f"documents in the new Redis\n{program.child.tail()}", 10)
        load.wait_acknowledged(100)
        size = one.client().dbsize()
        load.wait_acknowledged(100)
        assert one.client().dbsize() == size, "the old Redis is left"
        bindings.redis("db", one)
        wait_until(lambda: one.client().dbsize() > size + 20, "documents in the first Redis again", 10)
    result = load.count(one.client(), two.client())
    print(result)
    result.assert_perfect()


def test_the_old_redis_dies_at_the_change(start_redis, start_bound, bindings):
    one, two = start_redis(), start_redis()
    bindings.redis("db", one)
    program = start_bound()
    with Load(program, connections=8) as load:
        load.wait_acknowledged(100)
        bindings.redis("db", two)
        one.kill()
        load.wait_acknowledged(100)
        wait_until(lambda: two.client().dbsize() > 20, "documents in the new Redis", 10)
    one.start()
    result = load.count(one.client(), two.client())
    assert result.failed == 0, str(result)
    # Documents accepted by the dead server were only in its memory; the documents that the new one acknowledged exist.
    assert not result.doubled


def test_a_change_is_noticed_soon(start_redis, start_bound, bindings):
    one, two = start_redis(), start_redis()
    bindings.redis("db", one)
    program = start_bound()
    assert program.stores_in(one)
    begin = time.monotonic()
    bindings.redis("db", two)
    wait_until(lambda: program.stores_in(two), "documents in the new Redis", 10)
    assert time.monotonic() - begin < 3 * PATIENCE


def test_a_password_changed_on_both_sides_loses_nothing(start_redis, start_bound, bindings):
    server = start_redis(requirepass="old")
    bindings.redis("db", server, password="old")
    program = start_bound()
    with Load(program, connections=8) as load:
        load.wait_acknowledged(50)
        with server.client() as client:
            client.config_set("requirepass", "new")
            bindings.redis("db", server, password="new")
            load.wait_acknowledged(50)
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            load.wait_acknowledged(300)
    load.count(server.client(password="new")).assert_perfect()


def test_the_right_password_arriving_within_the_hold_time_saves_held_requests(start_redis, start_bound, bindings):
    server = start_redis(requirepass="right")
    bindings.redis("db", server, password="wrong")
    program = start_bound()
    answer = post_later(program, {"a": 1})
    stays(lambda: not answer.done(), "held", 0.5)
    bindings.redis("db", server, password="right")
    assert answer.result().status == 201


@pytest.fixture
def silent_port():
    """A port where the kernel accepts connections but no program ever responds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("broken", ["nobody listens", "wrong password", "a replica", "a bad port", "no type",
                                    "an unknown host", "a second binding", "a handshake that hangs"])
def test_a_broken_new_binding_keeps_the_old_one(start_redis, start_bound, bindings, silent_port, broken):
    one, two = start_redis(), start_redis(requirepass="pw")
    bindings.redis("db", one)
    program = start_bound()
    assert program.stores_in(one)
    before = len(program.log())
    if broken == "nobody listens":
        bindings.write("db", type="redis", host="127.0.0.1", port=reserve_port())
    elif broken == "wrong password":
        bindings.redis("db", two, password="wrong")
    elif broken == "a replica":
        two.client().replicaof("127.0.0.1", reserve_port())
        bindings.redis("db", two, password="pw")
    elif broken == "a bad port":
        bindings.write("db", type="redis", host="127.0.0.1", port="x")
    elif broken == "no type":
        bindings.write("db", host=two.host, port=two.port, password="pw")
    elif broken == "an unknown host":
        bindings.write("db", type="redis", host="nowhere.invalid", port=6379)
    elif broken == "a handshake that hangs":
        bindings.write("db", type="redis", host="127.0.0.1", port=silent_port, tls="true")
    else:
        bindings.redis("db2", two, password="pw")
    wait_until(lambda: [line for line in program.log()[before:] if line["level"] in ("warn", "error")],
               lambda: f"a line that gives the reason\n{program.child.tail()}", 10)
    for _ in range(20):
        assert program.stores_in(one)
    with program.client() as client:
        assert client.get("/readyz").status == 200
    # Once corrected, the binding is used.
    if broken == "a second binding":
        bindings.remove("db2")
    if broken == "a replica":
        two.client().replicaof("NO", "ONE")
    bindings.redis("db", two, password="pw")
    wait_until(lambda: program.stores_in(two), lambda: f"documents in the new Redis\n{program.child.tail()}", 15)


def test_messages_are_true_while_a_binding_is_missing(start_redis, start_collector, bindings):
    """An optional Secret that does not exist yet: Collector does not invent an address, and waiting requests get the
    reason."""
    collector = start_collector(env=bindings.environment(), binding="db", ack="replica", hold_time="500ms")
    with collector.client() as client:
        answer = client.get("/readyz")
        assert answer.status == 503 and answer.json()["reason"] == "There is no binding yet"
        answer = client.post("/v1/documents", {"a": 1})
        assert answer.status == 503 and "address of Redis is not known yet" in answer.json()["detail"], answer
    assert collector.wait_log("binding.awaited")["binding"] == "db"
    assert collector.wait_log("server.listening")["address"] is None
    collector.wait_log("request.answered")  # at the client's address
    addresses = [line["address"] for line in collector.log() if "address" in line and line["event"] != "request.answered"]
    assert len(addresses) == 2 and not any(addresses), collector.child.tail()
    assert [name for name in collector.metrics() if name.startswith("collector_binding_info{") and 'address=""' in name]
    server = start_redis()
    bindings.redis("db", server)
    assert collector.wait_log("binding.switched")["address"] == server.address
    with collector.client() as client:
        wait_until(lambda: client.get("/readyz").status == 200, lambda: f"ready\n{collector.child.tail()}")


def test_a_binding_that_vanishes_and_returns_loses_nothing(start_redis, start_bound, bindings):
    one, two = start_redis(), start_redis()
    bindings.redis("db", one)
    program = start_bound()
    with Load(program, connections=4) as load:
        load.wait_acknowledged(50)
        bindings.remove("db")
        load.wait_acknowledged(500)
        bindings.redis("db", two)
        wait_until(lambda: two.client().dbsize() > 20, "documents in the new Redis", 10)
    load.count(one.client(), two.client()).assert_perfect()


def test_a_rewrite_with_the_same_entries_changes_nothing(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.redis("db", server)
    program = start_bound()
    assert program.stores_in(server)
    connections = server.client().info("stats")["total_connections_received"]
    mine = 0
    for _ in range(3):
        bindings.redis("db", server)
        stays(program.running, "running", 1.1)
        mine += 1
    now = server.client().info("stats")["total_connections_received"]
    assert now - connections <= mine + 2


def test_sighup_reads_the_bindings_at_once(start_redis, start_bound, bindings):
    one, two = start_redis(), start_redis()
    bindings.redis("db", one)
    program = start_bound()
    bindings.redis("db", two)
    program.signal(signal.SIGHUP)
    wait_until(lambda: program.stores_in(two), "documents in the new Redis", 5)
