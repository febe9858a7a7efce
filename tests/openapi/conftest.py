"""A real Collector with a real Redis for Schemathesis, which generates its requests from /openapi.json."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from support.collector import Collector  # noqa: E402
from support.redis_server import RedisServer  # noqa: E402


@pytest.fixture(scope="session")
def redis_server():
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def collector(redis_server):
    program = Collector(redis_server, body_max="64KiB")
    program.wait_connected()
    yield program
    program.close()


@pytest.fixture(scope="session")
def base_url(collector):
    return f"http://{collector.host}:{collector.port}"


@pytest.fixture(autouse=True)
def still_running(collector):
    yield
    assert collector.running(), collector.child.tail()
