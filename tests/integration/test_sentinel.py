"""Failures of Redis with Sentinel: Collector looks up the primary again after any failure (docs/decisions.md, "Sentinel").

Replication is asynchronous: documents that a primary acknowledged but had not replicated when it died, or became a
replica, are lost. The tests count and print them. No request may fail or store a document twice."""

import functools
import subprocess

import pytest

from support.collector import check
from support.deadline import ROOT, wait_until
from support.load import Load
from support.ports import reserve_port
from support.sentinel import Tls


@pytest.fixture
def start_steady(start_group):
    """start_steady(**options): a group that does not take a slow server for a dead one, however busy the machine is."""
    return functools.partial(start_group, down_after_ms=20000)


@pytest.fixture
def start_bound(start_group, start_collector, bindings):  # pylint: disable=unused-argument
    """start_bound(**flags): a Collector that reads `bindings`."""
    def start(**flags):
        return start_collector(env=bindings.environment(), workers=2, **flags)
    return start


def connected_to(program):
    """The addresses that the log reports as in use, newest last."""
    return [line["address"] for line in program.log() if line.get("event") == "redis.connected"]


def assert_none_failed(what, result):
    print(f"{what}:\n{result}")
    assert result.acknowledged > 0 and result.failed == 0 and not result.doubled, \
        f"\n{result}\n{result.load.collector.child.tail()}"


# --- Finding the primary ---------------------------------------------------------------------------------

def test_a_binding_with_sentinels_leads_to_the_primary(start_steady, start_bound, bindings):
    group = start_steady()
    bindings.write("db", **group.binding())
    program = start_bound()
    with program.client() as client:
        key = client.post("/v1/documents", {"a": 1}).json()["key"]
    assert group.primary().client().exists(key)


def test_the_default_master_is_mymaster_and_an_additional_host_is_ignored(start_steady, start_bound, bindings):
    group = start_steady(replicas=1, sentinels=1)
    bindings.write("db", type="redis", host="nowhere.invalid", **{"sentinel-hosts": group.nodes})
    program = start_bound()
    wait_until(lambda: program.readyz() == 200, "ready")


def test_a_sentinel_that_is_down_causes_no_failure(start_steady, start_bound, bindings):
    group = start_steady()
    group.sentinels[0].child.kill()
    bindings.write("db", **group.binding())
    program = start_bound()
    wait_until(lambda: program.readyz() == 200, "ready", 5)


def test_sentinels_that_never_existed_are_skipped(start_steady, start_bound, bindings):
    group = start_steady(replicas=1, sentinels=1)
    nodes = f"127.0.0.1:{reserve_port()} no-sentinel.invalid:26379 {group.nodes}"
    bindings.write("db", **group.binding(**{"sentinel.nodes": nodes}))
    program = start_bound()
    wait_until(lambda: program.readyz() == 200, "ready", 5)


def test_sentinels_and_servers_have_separate_users(start_steady, start_bound, bindings):
    group = start_steady(replicas=1, sentinels=1, sentinel_password="of-sentinel", requirepass="of-server")
    bindings.write("db", **group.binding(password="of-server", **{"sentinel.password": "wrong"}))
    status, out, err = check(env=bindings.environment())
    assert status == 1 and group.nodes in err and "refused" in err, err
    assert "of-server" not in out + err and "wrong" not in out + err
    bindings.write("db", **group.binding(password="of-server"))
    status, _, err = check(env=bindings.environment())
    assert status == 1 and "NOAUTH" in err, err
    program = start_bound()
    bindings.write("db", **group.binding(password="of-server", **{"sentinel.password": "of-sentinel"}))
    wait_until(lambda: program.readyz() == 200, "ready", 10)


def test_check_names_the_primary_and_the_sentinel_that_named_it(start_steady, bindings):
    group = start_steady(replicas=1, sentinels=1)
    bindings.write("db", **group.binding())
    status, out, err = check(env=bindings.environment())
    assert status == 0, err
    assert f"primary {group.servers[0].address} of mymaster, from Sentinel {group.nodes}" in out
    bindings.write("db", **group.binding(**{"sentinel.master": "another"}))
    status, out, err = check(env=bindings.environment())
    assert status == 1 and f"{group.nodes}: does not know the master another" in err


def test_a_master_without_sentinels_is_rejected(bindings):
    bindings.write("db", type="redis", host="localhost", **{"sentinel.master": "mymaster"})
    status, _, err = check(env=bindings.environment())
    assert status == 2 and "sentinel.master: requires sentinel.nodes" in err


# --- The rights of the Sentinels' user --------------------------------------------------------------------------

WHERE = ["+sentinel|get-master-addr-by-name"]
LEAST = [*WHERE, "+sentinel|master", "+subscribe", "+ping", "&+failover-state-select-slave",
         "&+failover-state-send-slaveof-noone", "&+failover-state-reconf-slaves", "&+switch-master"]
FOLLOWS = "a failover is noticed only at the next look-up"


def bind_with_rights(group, bindings, rights, sentinels=None, name="listener"):
    """Creates a Sentinel user with only `rights`, and writes it into the binding."""
    for sentinel in sentinels or group.sentinels:
        with sentinel.client() as client:
            assert client.execute_command("ACL", "SETUSER", name, "reset", "on", ">of-sentinel", *rights) == "OK"
    bindings.write("db", **group.binding(**{"sentinel.username": name, "sentinel.password": "of-sentinel"}))


def refusals(program):
    return [line for line in program.log() if line.get("event") == "sentinel.refused"]


@pytest.mark.alone
def test_the_minimal_rights_are_sufficient_for_a_failover_without_loss(start_group, start_bound, bindings):
    group = start_group()
    bind_with_rights(group, bindings, LEAST)
    status, out, err = check(env=bindings.environment())
    assert status == 0, err
    for sentinel in group.sentinels:
        assert f"Sentinel {sentinel.address} can be queried and subscribed to" in out
    assert FOLLOWS not in out
    program = start_bound()
    result = run_failover(program, group, "the least rights", lambda old: group.fail_over())
    result.assert_nothing_lost()
    assert not refusals(program)


@pytest.mark.parametrize("missing, refused", [
    ("+subscribe", "SUBSCRIBE: NOPERM"), ("&+switch-master", "SUBSCRIBE: NOPERM"),
    ("&+failover-state-select-slave", "SUBSCRIBE: NOPERM"),
    ("&+failover-state-send-slaveof-noone", "SUBSCRIBE: NOPERM"), ("&+failover-state-reconf-slaves", "SUBSCRIBE: NOPERM"),
    ("+sentinel|master", "SENTINEL MASTER: NOPERM")])
def test_a_sentinel_that_refuses_subscriptions_is_reported_once_and_skipped(start_steady, start_bound, bindings,
                                                                              missing, refused):
    group = start_steady(replicas=0, sentinels=2)
    bind_with_rights(group, bindings, [right for right in LEAST if right != missing])
    status, out, err = check(env=bindings.environment())
    assert status == 0, err
    for sentinel in group.sentinels:
        assert f"warning: Sentinel {sentinel.address} refuses: {refused}" in out and FOLLOWS in out
        assert " ".join(LEAST) in out and "of-sentinel" not in out
    program = start_bound()
    told = wait_until(lambda: refusals(program), lambda: f"sentinel.refused\n{program.child.tail()}")
    assert told[0]["level"] == "warn" and FOLLOWS in told[0]["message"] and told[0]["error"].startswith(refused)
    assert told[0]["grant"].split() == LEAST
    assert told[0]["sentinel"] in [sentinel.address for sentinel in group.sentinels] and told[0]["generation"] == 1
    # New connections do not log it again; a new binding does.
    for _ in range(2):
        before = len(connected_to(program))
        with group.servers[0].client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        wait_until(lambda: len(connected_to(program)) >= before + 2, "both workers again")  # pylint: disable=W0640
        with program.client() as client:
            assert client.post("/v1/documents", {"a": 1}).status == 201
    assert len(refusals(program)) == 1
    bind_with_rights(group, bindings, [right for right in LEAST if right != missing], name="another")
    wait_until(lambda: len(refusals(program)) == 2, lambda: f"a warning about the new one\n{program.child.tail()}")
    assert refusals(program)[1]["generation"] == 2


def test_the_manual_lists_the_minimal_rights():
    assert " ".join(LEAST) in (ROOT / "docs/bindings.md").read_text()
    assert " ".join(LEAST) in (ROOT / "docs/man/collector.1").read_text().replace("\\-", "-")


def test_check_reports_a_refusing_and_an_unreachable_sentinel(start_steady, bindings):
    group = start_steady(replicas=1)
    bind_with_rights(group, bindings, LEAST)
    bind_with_rights(group, bindings, WHERE, group.sentinels[1:2])
    group.sentinels[2].child.kill()
    status, out, err = check(env=bindings.environment())
    assert status == 0, err
    first, second, third = (sentinel.address for sentinel in group.sentinels)
    assert f"Sentinel {first} can be queried and subscribed to" in out
    assert f"warning: Sentinel {second} refuses: SENTINEL MASTER: NOPERM" in out
    assert f"warning: Sentinel {third} cannot be used: " in out and out.count(FOLLOWS) == 1


# --- TLS -----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run([ROOT / "tests/support/make-certificates", folder, "address=IP:127.0.0.1", "name=DNS:localhost",
                    "other=DNS:redis.test"], check=True)
    return folder


def check_tls(group, bindings, tls, **entries):
    with open(tls.ca, "rb") as file:
        bindings.write("db", **group.binding(**{"ca.crt": file.read(), **entries}))
    return check(env=bindings.environment())


def test_with_tls_an_address_that_a_sentinel_gives_is_verified(start_steady, bindings, certificates):
    tls = Tls(certificates, "address")
    group = start_steady(replicas=1, sentinels=1, tls=tls, requirepass="pw")
    status, out, err = check_tls(group, bindings, tls, password="pw")
    assert status == 0 and f"primary {group.servers[0].address} of mymaster" in out, err


def test_with_tls_one_name_may_apply_to_all_servers(start_steady, bindings, certificates):
    tls = Tls(certificates, "other")
    group = start_steady(replicas=0, sentinels=1, tls=tls)
    status, _, err = check_tls(group, bindings, tls)
    assert status == 1 and "certificate" in err and group.nodes in err, err
    status, _, err = check_tls(group, bindings, tls, **{"tls.server-name": "redis.test"})
    assert status == 0, err


def test_with_tls_a_name_that_a_sentinel_gives_is_resolved_and_verified(start_steady, bindings, certificates):
    tls = Tls(certificates, "name")
    group = start_steady(replicas=0, sentinels=1, tls=tls, host="localhost")
    status, out, err = check_tls(group, bindings, tls)
    assert status == 0 and f"primary localhost:{group.servers[0].port} of mymaster" in out, err


def test_with_tls_plain_text_sentinels_are_not_used(start_steady, bindings, certificates):
    group = start_steady(replicas=0, sentinels=1)
    status, _, err = check_tls(group, bindings, Tls(certificates, "address"))
    assert status == 1 and group.nodes in err, err


# --- Failover ----------------------------------------------------------------------------------------------

def listened_to(group, workers):
    """Waits until each worker of a Collector has subscribed to each running Sentinel."""
    def listens(sentinel):
        with sentinel.client() as client:
            return len(client.execute_command("CLIENT", "LIST", "TYPE", "pubsub").splitlines()) >= workers
    return all(listens(sentinel) for sentinel in group.sentinels if sentinel.child.running())


def run_failover(program, group, what, fail):
    """Puts load on the program, calls fail(old primary), and continues the load until the new primary has documents."""
    old = group.primary()
    wait_until(lambda: listened_to(group, workers=2), "subscriptions")
    with Load(program, connections=16) as load:
        load.wait_acknowledged(200)
        fail(old)
        new = group.wait_primary_other_than(old)
        load.wait_acknowledged(300)
    result = load.count(new.client())
    assert_none_failed(what, result)
    assert connected_to(program)[-1] == new.address
    return result


@pytest.mark.alone
def test_killing_the_primary_under_load_fails_no_request(start_group, start_bound, bindings):
    group = start_group()
    bindings.write("db", **group.binding())
    run_failover(start_bound(), group, "primary killed", lambda old: old.kill())


@pytest.mark.alone
def test_a_hanging_primary_is_abandoned_as_soon_as_the_sentinels_name_another(start_group, start_bound, bindings):
    group = start_group()
    bindings.write("db", **group.binding())
    program = start_bound(stall_timeout="60s", hold_time="60s")
    paused = []
    try:
        result = run_failover(program, group, "primary stopped (SIGSTOP)",
                              lambda old: (paused.append(old), old.pause()))
    finally:
        for server in paused:
            server.resume()
    # A failover does not take as long as the stall time, only 1 s until the Sentinels notice, 1 s until Collector
    # queries them, and the time of the election.
    assert result.longest < 30


@pytest.mark.alone
@pytest.mark.parametrize("master", ["mymaster", "master", "slave", "sentinel"])
def test_a_requested_failover_under_load_fails_no_request(start_group, start_bound, bindings, master):
    group = start_group(master=master)
    bindings.write("db", **group.binding())
    result = run_failover(start_bound(), group, "SENTINEL FAILOVER", lambda old: group.fail_over())
    # Requests wait from the Sentinel's announcement that it will promote a replica until it names the new primary.
    result.assert_nothing_lost()


LAG_MS = 100  # how far a replica may lag behind on a busy machine


def span_ms(keys):
    """The time between the first and the last of these keys, which are UUIDs of version 7."""
    times = [int(key.replace("-", "")[:12], 16) for key in keys]
    return max(times) - min(times) if times else 0


def assert_relieved(program, group, load, old, what, lag_ms=LAG_MS):
    """The load continues at the new primary, which has all documents except those that the old one had acknowledged
    last and not yet replicated. A Collector that learns of a failover too late loses about a second of documents."""
    new = group.wait_primary_other_than(old)
    wait_until(lambda: connected_to(program)[-1] == new.address, lambda: f"the new primary\n{program.child.tail()}")
    load.wait_acknowledged(300)
    load.stop()
    result = load.count(new.client())
    assert_none_failed(what, result)
    assert not result.lost or span_ms(result.lost) <= lag_ms, str(result)


@pytest.mark.alone
def test_a_failover_that_begins_as_collector_starts_loses_nothing(start_group, start_bound, bindings):
    group = start_group()
    bindings.write("db", **group.binding())
    old = group.primary()
    program = start_bound()
    with Load(program, connections=16, rate=1000) as load:
        group.begin_failover(group.sentinels[2])
        assert_relieved(program, group, load, old, "FAILOVER at the start")


@pytest.mark.alone
def test_a_failover_in_progress_when_collector_starts_loses_nothing(start_group, start_bound, bindings):
    group = start_group()
    bindings.write("db", **group.binding())
    old, leader = group.primary(), group.sentinels[2]
    group.begin_failover(leader)
    wait_until(lambda: leader.ask_about("MASTERS")[0].get("failover-state") == "wait_promotion", "a promotion", 10, 0.01)
    program = start_bound()
    with Load(program, connections=16, rate=1000) as load:
        # The old primary gets no document.
        assert_relieved(program, group, load, old, "started in the middle of a FAILOVER", lag_ms=-1)


@pytest.mark.alone
def test_a_failover_that_begins_as_the_subscriptions_are_cut_loses_nothing(start_group, start_bound, bindings):
    group = start_group()
    bindings.write("db", **group.binding())
    old, program = group.primary(), start_bound()
    wait_until(lambda: listened_to(group, workers=2), "subscriptions")
    with Load(program, connections=16, rate=1000) as load:
        load.wait_acknowledged(200)
        group.begin_failover(group.sentinels[2])
        group.silence()
        assert_relieved(program, group, load, old, "subscriptions cut")


@pytest.mark.alone
def test_a_failover_that_begins_as_a_sentinel_returns_loses_nothing(start_group, start_bound, bindings):
    group = start_group()
    bindings.write("db", **group.binding())
    old, program, sentinel = group.primary(), start_bound(), group.sentinels[2]
    wait_until(lambda: listened_to(group, workers=2), "subscriptions")
    with Load(program, connections=16, rate=1000) as load:
        load.wait_acknowledged(200)
        sentinel.child.kill()
        load.wait_acknowledged(1500)
        sentinel.start()
        group.begin_failover(sentinel)
        assert_relieved(program, group, load, old, "a Sentinel that returns")


@pytest.fixture
def start_behind_proxies(start_group, start_proxy, start_bound, bindings):
    """A Collector that reaches each Sentinel through a proxy: (program, group, proxies)."""
    def start():
        group = start_group()
        proxies = [start_proxy(sentinel) for sentinel in group.sentinels]
        bindings.write("db", **group.binding(**{"sentinel.nodes": ",".join(f"{proxy.host}:{proxy.port}" for proxy in proxies)}))
        program = start_bound()
        wait_until(lambda: listened_to(group, workers=2), "subscriptions")
        return program, group, proxies
    return start


def listeners(group):
    """The client ids of the subscriptions at each Sentinel."""
    found = []
    for sentinel in group.sentinels:
        with sentinel.client() as client:
            lines = client.execute_command("CLIENT", "LIST", "TYPE", "pubsub").splitlines()
            found.append({line.split()[0] for line in lines})
    return found


@pytest.mark.alone
def test_after_a_black_hole_subscriptions_are_renewed_within_two_seconds(start_behind_proxies):
    program, group, proxies = start_behind_proxies()
    old, before = group.primary(), listeners(group)
    with Load(program, connections=16, rate=1000) as load:
        load.wait_acknowledged(200)
        for proxy in proxies:
            proxy.black_hole()
            proxy.heal()  # only for new connections; existing ones no longer receive anything
        wait_until(lambda: all(len(now - then) >= 2 for now, then in zip(listeners(group), before)),
                   "new subscriptions", 3.0)
        group.begin_failover(group.sentinels[2])
        assert_relieved(program, group, load, old, "FAILOVER after a black hole")


@pytest.mark.alone
def test_a_failover_led_by_an_unreachable_sentinel_fails_no_request(start_behind_proxies):
    """Only the leader announces the promotion beforehand. The others name the new primary after the leader has seen it
    in its next INFO, so documents that the old one acknowledges in that second are lost."""
    program, group, proxies = start_behind_proxies()
    old, rate = group.primary(), 1000
    with Load(program, connections=16, rate=rate) as load:
        load.wait_acknowledged(200)
        proxies[2].black_hole()
        group.begin_failover(group.sentinels[2])
        new = group.wait_primary_other_than(old)
        wait_until(lambda: connected_to(program)[-1] == new.address, lambda: f"the new primary\n{program.child.tail()}")
        load.wait_acknowledged(300)
    result = load.count(new.client())
    assert_none_failed("FAILOVER led by a Sentinel in a black hole", result)
    assert len(result.lost) < 3 * rate, str(result)


@pytest.mark.alone
def test_a_failover_between_ipv6_addresses_loses_nothing(start_group, start_bound, bindings):
    group = start_group(host="::1")
    bindings.write("db", **group.binding())
    run_failover(start_bound(), group, "SENTINEL FAILOVER on ::1", lambda old: group.fail_over()).assert_perfect()


@pytest.mark.alone
def test_consecutive_failovers_with_a_sentinel_down_fail_no_request(start_group, start_bound, bindings):
    group = start_group()
    bindings.write("db", **group.binding())
    program = start_bound()
    group.sentinels[2].child.kill()
    for n in range(2):
        # A group that has not settled refuses a failover.
        group.wait_settled()
        run_failover(program, group, f"SENTINEL FAILOVER {n + 1}, one Sentinel down", lambda old: group.fail_over())


# --- Rebinding ---------------------------------------------------------------------------------------------

def test_a_binding_swapped_to_sentinel_and_back_under_load_loses_nothing(start_steady, start_redis, start_bound,
                                                                         bindings):
    group, alone = start_steady(), start_redis()
    bindings.redis("db", alone)
    program = start_bound()
    with Load(program, connections=16) as load:
        load.wait_acknowledged(150)
        bindings.write("db", **group.binding())
        wait_until(lambda: connected_to(program)[-1] == group.primary().address, "the primary in use")
        load.wait_acknowledged(150)
        bindings.redis("db", alone)
        wait_until(lambda: connected_to(program)[-1] == alone.address, "the single server in use")
        load.wait_acknowledged(150)
    result = load.count(alone.client(), group.primary().client())
    print(result)
    result.assert_perfect()


def test_a_binding_with_a_wrong_sentinel_password_is_rejected_and_the_old_one_stays(start_steady, start_redis,
                                                                                   start_bound, bindings):
    group, alone = start_steady(replicas=1, sentinels=1, sentinel_password="right"), start_redis()
    bindings.redis("db", alone)
    program = start_bound()
    with Load(program, connections=8) as load:
        load.wait_acknowledged(50)
        bindings.write("db", **group.binding(**{"sentinel.password": "wrong"}))
        wait_until(lambda: any(line.get("event") == "binding.reload_failed" for line in program.log()), "the refusal")
        load.wait_acknowledged(50)
    assert "wrong" not in "\n".join(program.child.stderr)
    load.count(alone.client()).assert_perfect()
