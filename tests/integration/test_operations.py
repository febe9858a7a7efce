"""The program and its probes: starting and monitoring Collector; its settings, log and secrets."""

import json
import re
import subprocess

import pytest

from support.collector import Collector, check, metric_sum, parse_metrics
from support.deadline import PATIENCE, stays, wait_until
from support.ports import reserve_port
from support.program import clean_environment, program_path, run_program


# --- Pages -----------------------------------------------------------------------------------------

def test_healthz_and_readyz_return_200(client):
    for path in ("/healthz", "/readyz"):
        answer = client.get(path)
        assert answer.status == 200 and answer.json()
        assert client.head(path).status == 200


def test_the_version_page_shows_the_version(client):
    answer = client.get("/version")
    assert answer.status == 200
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", answer.json()["version"])


def test_the_root_without_a_key_is_an_index(client):
    answer = client.get("/", {"Accept": "application/json"})
    assert answer.status == 200 and answer.media_type == "application/json"
    assert "/v1/documents" in answer.text


def test_metrics_are_prometheus_text(client):
    answer = client.get("/metrics")
    assert answer.status == 200
    assert answer.header("content-type").startswith("text/plain; version=0.0.4")
    text = answer.text
    assert text.endswith("\n")
    samples = parse_metrics(text)
    typed = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE "))
    helped = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP ")]
    assert sorted(helped) == sorted(typed), "each family has one HELP and one TYPE"
    for name in samples:
        family = name.split("{")[0]
        base = re.sub(r"_(bucket|sum|count)$", "", family)
        assert family in typed or typed.get(base) == "histogram", name
        if typed.get(family) == "counter":
            assert family.endswith("_total"), name


def test_metrics_have_the_families_that_operators_need(client):
    client.post("/v1/documents", {"a": 1})
    families = {name.split("{")[0] for name in parse_metrics(client.get("/metrics").text)}
    for word in ("requests_total", "redis_round_trip_seconds_bucket", "redis_batch_commands_bucket", "held",
                 "binding_info", "documents_total"):
        assert any(word in family for family in families), (word, sorted(families))


def test_metrics_count_what_happens(start_redis, start_collector):
    program = start_collector(start_redis())
    before = program.metrics()
    with program.client() as client:
        for n in range(7):
            client.post("/v1/documents", {"n": n})
        client.post("/v1/documents", b"no json")
        client.get("/nothing")

    def moved():
        after = program.metrics()
        stored = metric_sum(after, "collector_documents_total", result="stored") - metric_sum(
            before, "collector_documents_total", result="stored")
        family = next(name.split("{")[0] for name in after if "requests_total" in name)
        return (stored, metric_sum(after, family, status="201"), metric_sum(after, family, status="400"),
                metric_sum(after, family, status="404"))
    wait_until(lambda: moved() == (7, 7, 1, 1), lambda: f"7 stored, 7 x 201, 1 x 400, 1 x 404; got {moved()}", 5)


def test_histograms_are_cumulative_and_end_with_their_count(collector, client):
    client.post("/", {"a": 1})
    text = client.get("/metrics").text
    buckets = {}
    for name, value in parse_metrics(text).items():
        match = re.fullmatch(r"(\w+)_bucket\{(.*?),?le=\"([^\"]+)\"\}", name)
        if match:
            buckets.setdefault((match[1], match[2]), []).append((float(match[3].replace("+Inf", "inf")), value))
    assert buckets
    for (name, labels), rows in buckets.items():
        assert [value for _, value in rows] == sorted(value for _, value in rows), name
        assert rows[-1][0] == float("inf")
        count = name + "_count" + (f"{{{labels}}}" if labels else "")
        assert parse_metrics(text)[count] == rows[-1][1]


# --- Command line --------------------------------------------------------------------------------------

def test_help_lists_flags_variables_and_defaults():
    status, out, err = run_program("collector", ["--help"])
    assert status == 0 and err == ""
    for word in ("--listen", "--hold-time", "COLLECTOR_HOLD_TIME", "collector request METHOD URL", "30s", "--retention", "--binding", "--check",
                 "--config", "COLLECTOR_DELEGATE_HOSTNAME", "SERVICE_BINDING_ROOT"):
        assert word in out, word
    assert max(len(line) for line in out.splitlines()) <= 100


def test_version_is_one_line():
    status, out, err = run_program("collector", ["--version"])
    assert status == 0 and err == "" and len(out.splitlines()) == 1
    assert re.search(r"\d+\.\d+\.\d+", out)


@pytest.mark.parametrize("program", ["collector", "pinger"])
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--check"]])
def test_output_that_cannot_be_written_gives_exit_status_1(program, arguments):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program_path(program), *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
                              env=clean_environment(), timeout=20, check=False)
    assert done.returncode == 1
    assert f"{program}: standard output: " in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (["--nothing"], ["--nothing"]),
    (["--hold-tiem", "5s"], ["--hold-tiem", "--hold-time"]),
    (["--hold-time", "soon"], ["--hold-time", "soon"]),
    (["--hold-time"], ["--hold-time"]),
    (["--port", "70000"], ["--port", "70000"]),
    (["--port", "x"], ["--port"]),
    (["--workers", "-1"], ["--workers"]),
    (["--listen", "nowhere"], ["--listen"]),
    (["--listen", "127.0.0.1:99999"], ["--listen"]),
    (["--readiness", "perhaps"], ["--readiness", "required"]),
    (["--body-max", "0"], ["--body-max"]),
    (["--retention", "-1s"], ["--retention"]),
    (["--log-level", "loud"], ["--log-level"]),
    (["--redis-url", "http://localhost"], ["redis"]),
    (["--config", "/nowhere/collector.yaml"], ["/nowhere/collector.yaml"]),
    (["word"], ["word"])])
def test_a_bad_flag_gives_exit_status_2_and_the_error_names_it(arguments, words):
    status, out, err = run_program("collector", arguments)
    assert status == 2, (status, out, err)
    for word in words:
        assert word in err + out, err + out


def test_a_bad_variable_gives_exit_status_2_and_the_error_names_it():
    status, out, err = run_program("collector", [], {"COLLECTOR_HOLD_TIME": "soon"})
    assert status == 2 and "COLLECTOR_HOLD_TIME" in err + out


@pytest.mark.parametrize("text, words", [
    ("listen: 127.0.0.1:0\nhold-time: soon\n", [":2", "hold-time"]),
    ("nothing: 1\n", [":1", "nothing"]),
    ("workers: 1\nworkers: 2\n", [":2", "workers"]),
    ("workers: [1\n", ["collector.yaml"]),
    ("- a\n", ["collector.yaml:1"]),
    # The URL is parsed later, by Redis-specific code; the error is just as precise.
    ("workers: 1\nredis:\n  url: redis://127.0.0.1:99999\n", ["collector.yaml:3: redis.url: "]),
    ("workers: 1\nredis-ca-file: /nonexistent/ca\n", ["collector.yaml:2: redis-ca-file: ", "/nonexistent/ca"])])
def test_a_bad_file_gives_exit_status_2_with_line_and_entry(tmp_path, text, words):
    path = tmp_path / "collector.yaml"
    path.write_text(text)
    status, out, err = run_program("collector", ["--config", str(path)])
    assert status == 2
    for word in words:
        assert word in err + out, err + out


def test_settings_come_from_a_file(tmp_path, start_redis):
    server = start_redis()
    path = tmp_path / "collector.yaml"
    path.write_text(f"listen: 127.0.0.1:0\nretention: 1h\nkey-prefix: 'file:'\nredis:\n  host: 127.0.0.1\n"
                    f"  port: {server.port}\n")
    program = Collector(classic_port=True, arguments=["--config", path])
    with program.client() as client:
        key = client.post("/", {"a": 1}).json()["key"]
    assert server.client().ttl(f"file:{key}") > 3000
    program.close()


def test_flags_take_precedence_over_variables_and_variables_over_the_file(tmp_path, start_redis):
    server = start_redis()
    path = tmp_path / "collector.yaml"
    path.write_text("key-prefix: 'file:'\nretention: 1h\nlisten: 127.0.0.1:1\n")
    program = Collector(server, env={"COLLECTOR_CONFIG": path, "COLLECTOR_KEY_PREFIX": "variable:"})
    with program.client() as client:
        key = client.post("/", {"a": 1}).json()["key"]
    assert server.client().ttl(f"variable:{key}") > 3000
    program.close()


def test_the_port_of_a_kubernetes_service_link_is_skipped_with_a_warning(start_redis):
    port = reserve_port()
    program = Collector(start_redis(), arguments=["--listen", f"127.0.0.1:{port}"], classic_port=True,
                        env={"COLLECTOR_PORT": "tcp://10.96.0.7:4001"})
    assert program.port == port
    warnings = [line for line in program.log() if line["level"] == "warn" and "COLLECTOR_PORT" in json.dumps(line)]
    assert warnings, program.child.tail()
    program.close()


def test_unknown_variables_are_ignored(start_redis):
    program = Collector(start_redis(), env={"COLLECTOR_SERVICE_HOST": "10.96.0.7", "COLLECTOR_NOTHING": "1"})
    program.close()


def test_a_port_in_use_gives_exit_status_1_with_a_clear_message(start_redis, collector):
    status, out, err = run_program(
        "collector", ["--listen", f"127.0.0.1:{collector.port}", "--redis-url", start_redis().url()])
    assert status == 1
    assert str(collector.port) in out + err and "in use" in (out + err).lower()
    assert "server.listening" not in out


def test_running_workers_are_stopped_if_a_later_one_fails_to_start(start_redis):
    """Makes descriptors run out at each step of the startup in turn; the settings must be freed at the end. It does not
    check for leaks, because LeakSanitizer needs descriptors."""
    server, failed = start_redis(), 0
    for descriptors in range(14, 32):
        command = f"ulimit -n {descriptors}; exec {program_path('collector')} --listen 127.0.0.1:0 --workers 4 " \
                  f"--hold-time 1s --redis-url {server.url()}"
        with subprocess.Popen(["/bin/sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=clean_environment({"LSAN_OPTIONS": "detect_leaks=0"})) as process:
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:  # it has enough descriptors
                process.terminate()
            output, errors = process.communicate(timeout=20 * PATIENCE)
        assert process.returncode in (0, 1) and b"Sanitizer" not in errors, (descriptors, process.returncode, errors)
        failed += b"server.start_failed" in output
    assert failed > 3


def test_check_reports_what_it_found(start_redis):
    server = start_redis()
    status, out, err = check(redis_url=server.url(), hold_time="7s")
    assert status == 0, out + err
    assert f"127.0.0.1:{server.port}" in out
    assert re.search(r"hold-time +7s +\[--hold-time\]", out) and "retention" not in out


def test_check_of_an_unreachable_redis_gives_exit_status_1():
    port = reserve_port()
    status, out, err = check(redis_url=f"redis://127.0.0.1:{port}")
    assert status == 1, out + err
    assert f"127.0.0.1:{port}" in out + err


def test_check_of_a_wrong_password_gives_exit_status_1_and_does_not_show_it(start_redis):
    server = start_redis(requirepass="the-right-one")
    status, out, err = check(redis_url=server.url(password="the-wrong-one"))
    assert status == 1, out + err
    assert "the-wrong-one" not in out + err
    assert re.search("WRONGPASS|password|authentication", out + err)


def test_check_does_not_listen_and_leaves_nothing_in_redis(start_redis, collector):
    server = start_redis()
    status, out, err = check(["--listen", f"127.0.0.1:{collector.port}"], redis_url=server.url())
    assert status == 0, out + err
    left = [key for key in server.client().scan_iter() if server.client().ttl(key) < 0]
    assert left == []


def test_each_line_of_the_log_is_a_json_object(start_redis, start_collector):
    program = start_collector(start_redis(), log_level="debug", access_log="on")
    with program.client() as client:
        client.post("/", {"a": 1})
        client.get('/"quotes"\\?x=%00%ff')
        client.get("/nothing", {"x-correlation-id": "c-77"})
    wait_until(lambda: "c-77" in program.log_text(), lambda: f"the access log's line\n{program.child.tail()}")
    program.stop()
    for line in program.child.stdout:
        fields = json.loads(line)
        assert {"time", "level", "event", "message"} <= set(fields), line
    assert program.child.stderr == []


def test_the_access_log_can_be_turned_off(start_redis, start_collector):
    program = start_collector(start_redis(), access_log="off")
    with program.client() as client:
        client.get("/healthz", {"x-correlation-id": "c-78"})
    program.stop()
    assert "c-78" not in program.log_text()


# --- Readiness -------------------------------------------------------------------------------------------

def test_readyz_returns_503_only_after_an_outage_of_the_hold_time(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, hold_time="1500ms")
    program.wait_connected()
    server.kill()
    stays(lambda: program.readyz() == 200, "ready within the hold time", 0.8)
    wait_until(lambda: program.readyz() == 503, "not ready after the hold time", 5)
    with program.client() as client:
        assert client.get("/healthz").status == 200
    server.start()
    wait_until(lambda: program.readyz() == 200, "ready again", 10)


def test_readyz_returns_503_until_redis_is_reached_and_200_with_readiness_degraded(start_redis, start_collector):
    port = reserve_port()
    required = start_collector(f"redis://127.0.0.1:{port}")
    degraded = start_collector(f"redis://127.0.0.1:{port}", readiness="degraded")
    assert required.readyz() == 503
    with degraded.client() as client:
        answer = client.get("/readyz")
        assert answer.status == 200 and "degraded" in answer.text
    start_redis(port=port)
    wait_until(lambda: required.readyz() == 200, "ready when Redis is back", 10)


# --- Secrets --------------------------------------------------------------------------------------------------

SECRET = "s3cr3t-Xq9"


def everything_said(program):
    """The log, pages and errors of a program after some use."""
    with program.client() as client:
        pages = [client.get(path, headers).text for path in ("/", "/metrics", "/readyz", "/version", "/healthz", "/nothing")
                 for headers in ({}, {"Accept": "text/html"})]
        pages.append(client.post("/", {"a": 1}).text)
    return "\n".join(pages) + program.log_text()


@pytest.mark.parametrize("password", [SECRET, "the-wrong-" + SECRET])
@pytest.mark.parametrize("source", ["url flag", "url variable", "password variable", "binding", "binding uri",
                                    "password file"])
def test_a_secret_is_never_shown(start_redis, start_collector, bindings, tmp_path, source, password):
    server = start_redis(requirepass=SECRET)
    url, env, arguments = server.url(password=password), {}, []
    if source == "url flag":
        arguments = ["--redis-url", url]
    elif source == "url variable":
        env = {"REDIS_URL": url}
    elif source == "password variable":
        env = {"REDIS_HOST": server.host, "REDIS_PORT": server.port, "REDIS_PASSWORD": password}
    elif source == "password file":
        (tmp_path / "password").write_text(password + "\n")
        arguments = ["--redis-host", server.host, "--redis-port", server.port, "--redis-password-file",
                     tmp_path / "password"]
    else:
        entries = {"uri": url} if source == "binding uri" else {
            "host": server.host, "port": server.port, "password": password}
        bindings.write("db", type="redis", **entries)
        env = bindings.environment()
    arguments = [str(word) for word in arguments]
    program = start_collector(env=env, arguments=arguments, log_level="debug", access_log="on", hold_time="300ms")
    said = everything_said(program)
    status, out, err = check(arguments, env)
    assert status == (0 if password == SECRET else 1), out + err
    program.stop()
    for text in (said, program.log_text(), out, err):
        assert SECRET not in text, text
