"""Log shippers with the configuration in docs/clients.md."""

import gzip
import json
import re
import subprocess

import pytest
from support import feed
from support.child import Child
from support.deadline import ROOT, wait_until

PAGE = ROOT / "docs" / "clients.md"


@pytest.fixture(scope="session")
def syslog_ng():
    """The path of a syslog-ng."""
    return subprocess.run([ROOT / "tools/syslog-ng"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def configuration(language, replaced):
    """The page's configuration in that language, with addresses and paths replaced."""
    text = re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.M | re.S).group(1)
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, str(new))
    return text


def test_syslog_ng_ships_the_lines_of_a_file_in_batches_and_waits_for_redis(syslog_ng, start_redis, start_collector,
                                                                            tmp_path):
    server = start_redis(appendonly="yes", appendfsync="always")
    collector = start_collector(server, hold_time="200ms", access_log="on").wait_connected()
    log, config = tmp_path / "app.log", tmp_path / "syslog-ng.conf"
    log.write_text("")
    config.write_text(configuration("syslog-ng", {"http://127.0.0.1:4001": f"http://127.0.0.1:{collector.port}",
                                                  "/var/log/app.log": log}))
    shipper = Child([syslog_ng, "-F", "--stderr", "-f", config, "-R", tmp_path / "persist", "-c", tmp_path / "control",
                     "-p", tmp_path / "pid"])
    lines = [f"line {n} with \"quotes\" and ü" for n in range(1100)]
    try:
        append(log, lines[:1000])
        wait_until(lambda: set(messages(server)) == set(lines[:1000]), shipper.tail, 20, 0.1)
        server.kill()
        append(log, lines[1000:])
        collector.wait_log("request.answered", 20, status=503)
        server.start()
        wait_until(lambda: set(messages(server)) == set(lines), shipper.tail, 20, 0.1)
    finally:
        shipper.kill()
    assert any(line.get("count", 0) > 1 for line in collector.log() if line["event"] == "request.answered")


def append(path, lines):
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def messages(server):
    with server.client() as store:
        keys = feed.keys(store)
        return [json.loads(value)["message"] for value in (store.mget(keys) if keys else []) if value]


# Fluent Bit 4.0 (json_lines, and json), Vector 0.46 (newline_delimited, and its default framing). Their sources show what
# they send.
REQUESTS = [
    ({"Content-Type": "application/x-ndjson", "User-Agent": "Fluent-Bit"},
     b'{"date":1795893341.605,"log":"a"}\n{"date":1795893341.606,"log":"b"}\n'),
    ({"Content-Type": "application/json", "User-Agent": "Fluent-Bit"},
     b'[{"date":1795893341.605,"log":"a"},{"date":1795893341.606,"log":"b"}]'),
    ({"Content-Type": "application/x-ndjson", "User-Agent": "Vector/0.46.1", "Accept-Encoding": "identity"},
     b'{"message":"a","timestamp":"2026-11-28T19:15:41Z"}\n{"message":"b","timestamp":"2026-11-28T19:15:42Z"}\n'),
    ({"Content-Type": "application/json", "User-Agent": "Vector/0.46.1", "Accept-Encoding": "identity"},
     b'[{"message":"a","timestamp":"2026-11-28T19:15:41Z"},{"message":"b","timestamp":"2026-11-28T19:15:42Z"}]'),
]


@pytest.mark.parametrize("headers, body", REQUESTS)
def test_the_requests_of_fluent_bit_and_vector_are_accepted(client, headers, body):
    for coding, packed in (("gzip", gzip.compress(body)), (None, body)):
        own = {**headers, **({"Content-Encoding": coding} if coding else {})}
        assert client.post("/v1/documents", packed, own).json() == {"stored": 2, "failed": 0, "replayed": 0, "errors": []}


def test_the_health_check_of_vector_gets_200(client):
    assert client.request("HEAD", "/healthz").status == 200
