"""compose.yaml: Pinger, Collector and two Redis servers without Kubernetes, and a move from one Redis to the other."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def compose_command():
    """docker compose, or Debian's separate docker-compose."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    assert shutil.which("docker-compose"), "neither docker compose nor docker-compose is installed"
    return ["docker-compose"]


def fetch(address, document=None):
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"} if body else {})
    with urllib.request.urlopen(request, timeout=40) as answer:
        return answer.read().decode()


def wait_for(happened, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            if happened():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"after {WAIT_SECONDS} s still not: {what}")


class Compose:
    def __init__(self):
        self.command = [*compose_command(), "--project-name", f"compose{uuid.uuid4().hex[:8]}"]
        self.env = {**os.environ, "COLLECTOR_PORT": str(free_port()), "PINGER_PORT": str(free_port())}
        self.collector = f"http://127.0.0.1:{self.env['COLLECTOR_PORT']}"
        self.pinger = f"http://127.0.0.1:{self.env['PINGER_PORT']}"

    def __call__(self, *words):
        done = subprocess.run([*self.command, *words], cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def process(self, service):
        """Returns the container's id, and the time at which its process started."""
        container = self("ps", "--quiet", service).strip()
        return subprocess.run(["docker", "inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.RestartCount}}", container],
                              check=True, capture_output=True, text=True).stdout


@pytest.fixture
def compose():
    project = Compose()
    try:
        project("up", "--no-build", "--detach")
        yield project
    finally:
        project("down", "--volumes", "--timeout", "5")


def test_changing_the_binding_moves_collector_to_the_other_redis(compose):
    wait_for(lambda: fetch(f"{compose.pinger}/hello"), "Pinger answers")
    wait_for(lambda: "/hello" in fetch(f"{compose.collector}/v1/documents"), "Pinger's record is in Collector")
    before = compose.process("collector"), compose.process("pinger")
    compose("run", "--rm", "-T", "bind", "redis", "type=redis", "host=managed", "port=6379", "password=lesson")
    wait_for(lambda: '"address":"managed:6379"' in compose("logs", "collector"), "Collector uses the other Redis")

    def in_managed():
        key = json.loads(fetch(f"{compose.collector}/v1/documents", {"a": 1}))["key"]
        return compose("exec", "-T", "managed", "redis-cli", "--no-auth-warning", "-a", "lesson", "exists", key).strip() == "1"
    wait_for(in_managed, "a document is in the other Redis")
    fetch(f"{compose.pinger}/after")
    wait_for(lambda: "/after" in fetch(f"{compose.collector}/v1/documents"), "the next record is in Collector")
    assert (compose.process("collector"), compose.process("pinger")) == before
