"""Pinger as a program: settings, signals, exit status."""

import os
import signal
import socket

import pytest

from support.deadline import wait_until
from support.http_client import timed
from support.pinger import Pinger, StubCollector
from support.ports import machine_has_ipv6, reserve_port
from support.program import run_program


@pytest.fixture
def stub():
    server = StubCollector()
    yield server
    server.stop()


def test_the_port_comes_from_the_classic_variable_and_is_logged_at_startup(stub):
    port = reserve_port()
    pinger = Pinger(stub, classic_port=True, env={"PINGER_PORT": port})
    try:
        assert pinger.port == port
        assert pinger.get().json()["PINGER_PORT"] == str(port)
        assert str(port) in pinger.log_text()
        if machine_has_ipv6():  # all addresses, IPv6 too
            with socket.create_connection(("::1", port), timeout=5):
                pass
    finally:
        pinger.close()


def test_a_port_in_use_is_reported_and_exits_with_1(stub):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        status, _, errors = run_program("pinger", ["--listen", f"127.0.0.1:{port}", "--collector-url", stub.url])
    assert status == 1
    assert str(port) in errors and "in use" in errors


@pytest.mark.parametrize("arguments,env,words", [
    (["--nonsense", "1"], {}, ["--nonsense"]),
    (["--port", "70000"], {}, ["--port", "65535"]),
    ([], {"PINGER_BATCH_TIME": "soon"}, ["PINGER_BATCH_TIME"]),
    (["--collector-url", "ftp://host"], {}, ["--collector-url"]),
    (["--config", "/nowhere/pinger.yaml"], {}, ["/nowhere/pinger.yaml"]),
])
def test_bad_usage_exits_with_2_and_names_the_place(arguments, env, words):
    status, _, errors = run_program("pinger", ["--listen", "127.0.0.1:0", *arguments], env)
    assert status == 2
    for word in words:
        assert word in errors


def test_two_bindings_of_the_type_are_listed_and_one_can_be_named(stub, bindings):
    bindings.write("one", type="collector", uri=stub.url)
    bindings.write("two", type="collector", host="127.0.0.1")
    status, _, errors = run_program("pinger", ["--listen", "127.0.0.1:0"], bindings.environment())
    assert status == 2 and "one" in errors and "two" in errors
    pinger = Pinger(env=bindings.environment(), binding="one", batch_time="50ms")
    try:
        pinger.get("/")
        stub.wait_records(2)
    finally:
        pinger.close()


def test_variables_of_kubernetes_service_links_do_no_harm(stub):
    env = {"PINGER_PORT": "tcp://10.96.0.8:3000", "COLLECTOR_PORT": "tcp://10.96.0.7:4001",
           "PINGER_SERVICE_HOST": "10.96.0.8", "COLLECTOR_HOSTNAME": "127.0.0.1"}
    pinger = Pinger(env=env)
    try:
        assert pinger.get().status == 200
        assert pinger.delivery()["collector"] == "http://127.0.0.1:4001"
        pinger.wait_log("config.warned")
    finally:
        pinger.kill()


def test_help_lists_the_options_and_version_names_the_program():
    status, out, _ = run_program("pinger", ["--help"])
    assert status == 0
    for word in ("--listen", "PINGER_PORT", "PINGER_ADMIN", "--batch-time", "Examples", "/delay"):
        assert word in out
    status, out, _ = run_program("pinger", ["--version"])
    assert status == 0 and out.startswith("pinger ")


def test_check_reports_what_would_be_used_and_whether_it_works(stub, bindings):
    bindings.write("log", type="collector", uri=stub.url, token="s3cr3t")
    status, out, errors = run_program("pinger", ["--check"], bindings.environment())
    assert status == 0, errors
    assert "log" in out and stub.url in out and "reached" in out and "s3cr3t" not in out
    stub.stop()
    status, out, errors = run_program("pinger", ["--check"], bindings.environment())
    assert status == 1 and "failed" in out and str(stub.port) in errors


def test_check_delivery_sends_a_record_and_reads_it_back(collector, bindings):
    bindings.write("log", type="collector", uri=f"http://127.0.0.1:{collector.port}")
    status, out, errors = run_program("pinger", ["--check-delivery"], bindings.environment())
    assert status == 0, errors
    key = out.split("a log record has arrived: ")[1].split()[0]
    records = collector.client().get(f"/v1/documents/{key}").json()["logs"]
    assert [record["msg"] for record in records] == ["pinger --check-delivery"]


def test_check_delivery_fails_if_nothing_can_arrive(stub, bindings):
    status, _, errors = run_program("pinger", ["--check-delivery"], bindings.environment())
    assert status == 1 and "no setting says where it is" in errors
    status, _, _ = run_program("pinger", ["--check"], bindings.environment())
    assert status == 0
    # A server that accepts records but stores none.
    bindings.write("log", type="collector", uri=stub.url)
    stub.status = 503
    status, _, errors = run_program("pinger", ["--check-delivery"], bindings.environment())
    assert status == 1 and "answered with status 503" in errors


def test_sigterm_turns_readiness_off_and_still_accepts_for_the_drain_delay(stub):
    pinger = Pinger(stub, drain_delay="1s")
    pinger.terminate()
    pinger.wait_log("server.stopping")
    answer = pinger.get("/readyz")
    assert answer.status == 503 and answer.header("connection") == "close"
    assert pinger.get("/").status == 200
    assert pinger.wait() == 0


def test_sigterm_lets_running_requests_finish(stub):
    pinger = Pinger(stub)
    with pinger.connect() as connection:
        connection.send("GET /delay/700ms HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until(lambda: any(name.startswith("http_connections") for name in pinger.metrics()), "metrics")
        pinger.terminate()
        assert connection.read_answer().status == 200
    assert pinger.wait() == 0


def test_a_delay_longer_than_the_grace_period_gets_503(stub):
    pinger = Pinger(stub, grace="1s")
    with pinger.connect() as connection:
        connection.send("GET /delay/20s HTTP/1.1\r\nHost: h\r\n\r\n")
        assert pinger.get("/healthz").status == 200
        taken, answer = timed(lambda: (pinger.terminate(), connection.read_answer())[1])
    assert answer.status == 503 and taken < 3
    assert pinger.wait() == 0


def test_an_idle_connection_does_not_delay_the_stop(stub):
    pinger = Pinger(stub)
    with pinger.client() as client:
        client.get("/")
        taken, status = timed(lambda: (pinger.signal(signal.SIGINT), pinger.wait())[1])
    assert status == 0 and taken < 3


def test_sighup_reads_level_and_collector_again(stub, tmp_path):
    other = StubCollector()
    file = tmp_path / "pinger.yaml"
    file.write_text(f"collector-url: {stub.url}\nbatch-time: 50ms\n")
    pinger = Pinger(config=file)
    try:
        pinger.get("/first")
        stub.wait_records(2)
        file.write_text(f"collector-url: {other.url}\nbatch-time: 50ms\n")
        pinger.signal(signal.SIGHUP)
        pinger.wait_log("config.reloaded")
        pinger.get("/second")
        other.wait_records(2)
        file.write_text("collector-url: [broken\n")
        pinger.signal(signal.SIGHUP)
        failed = pinger.wait_log("config.reload_failed")
        assert "pinger.yaml" in failed["error"]
        pinger.get("/third")
        wait_until(lambda: "/third" in other.urls(), "the record of the third request")
    finally:
        pinger.close()
        other.stop()


@pytest.mark.parametrize("level,expected", [("on", {"/", "/status/503"}), ("errors", {"/status/503"}), ("off", set())])
def test_the_access_log_follows_its_setting(stub, level, expected):
    pinger = Pinger(stub, access_log=level)
    try:
        pinger.get("/")
        pinger.get("/status/503")
    finally:
        pinger.close()
    lines = [line for line in pinger.log() if line["event"] == "request.answered"]
    assert {line["path"] for line in lines} == expected


def test_many_clients_at_once_lose_no_record(stub):
    pinger = Pinger(stub, workers=2)
    try:
        clients = [pinger.connect() for _ in range(50)]
        for _ in range(4):
            for client in clients:
                client.send("GET /n HTTP/1.1\r\nHost: h\r\n\r\n")
            for client in clients:
                assert client.read_answer().status == 200
        for client in clients:
            client.close()
        stub.wait_records(400)
    finally:
        pinger.close()


@pytest.mark.parametrize("where", ["logs", "logs/type", "logs/host", "logs/left-over"])
def test_a_dangling_link_gives_exit_status_2_and_no_other_source_is_used(bindings, stub, where):
    path = os.path.join(bindings.path, where)
    if where != "logs":
        bindings.write_plain("logs", type="collector", host="127.0.0.1", port=1)
    if os.path.exists(path):
        os.unlink(path)
    os.symlink("nowhere", path)
    environment = {**bindings.environment(), "COLLECTOR_URL": stub.url}
    for arguments in (["--check"], ["--listen", "127.0.0.1:0"]):
        status, out, errors = run_program("pinger", arguments, environment)
        assert status == 2 and f"{path}: a link that leads nowhere" in errors, out + errors
