"""Tests of the test helpers."""

import json
import os
import socket
import uuid

import pytest
import redis

from support.binding import BindingRoot
from support.load import Load
from support.ports import HELD, reserve_port

pytestmark = pytest.mark.no_program


def test_a_killed_server_restarts_on_its_port_with_the_data_from_disk(start_redis):
    server = start_redis(appendonly="yes", appendfsync="always")
    server.client().set("a", "1")
    port = server.port
    server.restart()
    assert server.port == port
    assert server.client().get("a") == b"1"


def test_ports_use_a_bounded_number_of_descriptors():
    def descriptors():
        return len(os.listdir("/proc/self/fd"))
    before = descriptors()
    ports = [reserve_port() for _ in range(2 * HELD)]
    assert len(set(ports[-HELD:])) == HELD
    assert descriptors() - before <= HELD


def test_a_server_on_a_unix_socket_answers(start_redis):
    assert start_redis(unix=True).client().ping()


def test_the_proxy_passes_resets_refuses_and_heals(start_redis, start_proxy):
    proxy = start_proxy(start_redis())
    client = redis.Redis(host=proxy.host, port=proxy.port, socket_timeout=5)
    assert client.ping()
    with socket.create_connection((proxy.host, proxy.port)) as raw:
        raw.settimeout(5)
        raw.sendall(b"PING\r\n")
        assert raw.recv(100) == b"+PONG\r\n"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            raw.recv(100)
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((proxy.host, proxy.port))
    proxy.heal()
    assert redis.Redis(host=proxy.host, port=proxy.port, socket_timeout=5).ping()


def test_the_proxy_cuts_a_reply_in_the_middle(start_redis, start_proxy):
    proxy = start_proxy(start_redis())
    proxy.cut_after(3)
    with socket.create_connection((proxy.host, proxy.port)) as raw:
        raw.settimeout(5)
        raw.sendall(b"PING\r\n")
        assert raw.recv(100) == b"+PO"
        assert raw.recv(100) == b""
    assert proxy.cuts_left() == 0


def test_the_proxy_is_a_black_hole_until_it_heals(start_redis, start_proxy):
    proxy = start_proxy(start_redis())
    with socket.create_connection((proxy.host, proxy.port)) as raw:
        raw.settimeout(0.3)
        raw.sendall(b"PING\r\n")
        assert raw.recv(100) == b"+PONG\r\n"
        proxy.black_hole()
        raw.sendall(b"PING\r\n")
        with pytest.raises(socket.timeout):
            raw.recv(100)
    proxy.heal()
    assert redis.Redis(host=proxy.host, port=proxy.port, socket_timeout=5).ping()


def test_the_proxy_answers_from_its_script(start_redis, start_proxy):
    proxy = start_proxy(start_redis(), scripted=True)
    client = redis.Redis(host=proxy.host, port=proxy.port, socket_timeout=5)
    proxy.script("-TRYAGAIN not now\r\n", commands=["SET"], times=1)
    with pytest.raises(redis.ResponseError, match="TRYAGAIN|not now"):
        client.set("a", "1")
    assert client.set("a", "2")
    assert client.get("a") == b"2"
    assert client.mget(["a", "b"]) == [b"2", None]


def test_the_result_of_a_load_names_lost_and_duplicate_documents(start_redis):
    client = start_redis().client()
    load = Load(collector=None)
    keys = [str(uuid.uuid4()) for _ in range(4)]
    load.acknowledged = {key: f"{load.run}-{n}" for n, key in enumerate(keys)}
    for key, marker in list(load.acknowledged.items())[1:]:
        client.set(key, json.dumps({"marker": marker}))
    client.set(str(uuid.uuid4()), json.dumps({"marker": f"{load.run}-2"}))
    client.set(str(uuid.uuid4()), json.dumps({"marker": "another-run-2"}))
    client.xadd("collector:feed:2026-11-24", {"k": keys[0]})
    result = load.count(client)
    assert result.lost == keys[:1]
    assert result.doubled == [f"{load.run}-2"]
    assert (result.acknowledged, result.stored, result.failed) == (4, 4, 0)


def test_a_binding_folder_has_the_kubelets_layout_before_and_after_a_swap(tmp_path):
    root = BindingRoot(tmp_path / "bindings")
    root.write("db", type="redis", host="one", port=1)
    folder = tmp_path / "bindings" / "db"
    assert os.readlink(folder / "host") == "..data/host"
    first = os.readlink(folder / "..data")
    assert (folder / "host").read_text() == "one"
    root.write("db", type="redis", host="two", password="p")
    assert (folder / "host").read_text() == "two"
    assert os.readlink(folder / "..data") != first
    assert sorted(name for name in os.listdir(folder) if not name.startswith("..")) == ["host", "password", "type"]
    assert not (folder / first).exists()
