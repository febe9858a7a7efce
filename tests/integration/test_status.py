"""GET /v1/status of Collector: the content of its page as JSON."""

from datetime import datetime

from support.binding import BindingRoot
from support.deadline import wait_until


def status_of(program, headers=None):
    with program.client() as client:
        answer = client.get("/v1/status", headers)
        assert answer.status == 200 and answer.media_type == "application/json"
        return answer.json()


def moment(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")


def test_the_status_names_the_redis_in_use(start_redis, start_collector, bindings):
    redis = start_redis()
    bindings.redis("cache", redis, provider="tests")
    collector = start_collector(env=bindings.environment()).wait_connected()
    wait_until(lambda: status_of(collector)["redis"]["role"], lambda: "the role, from INFO")
    status = status_of(collector)
    redis_now = status["redis"]
    address = f"{redis.host}:{redis.port}"
    assert redis_now["state"] == "ready" and redis_now["awayMs"] == 0
    assert (redis_now["source"], redis_now["binding"], redis_now["type"]) == ("binding", "cache", "redis")
    assert (redis_now["provider"], redis_now["address"], redis_now["server"]) == ("tests", address, address)
    assert redis_now["tls"] is False and redis_now["generation"] == 1
    assert redis_now["version"].startswith(("redis ", "valkey "))
    assert (redis_now["role"], redis_now["mode"]) == ("master", "standalone")
    assert redis_now["change"]["state"] == "in use"
    assert moment(status["startedAt"]) <= moment(redis_now["since"]) <= moment(status["now"])
    assert status["ack"] == "memory" and status["limits"]["bodyMaxBytes"] == 1 << 20
    assert status["limits"]["holdTimeMs"] == 30000 and status["limits"]["feed"] is True
    assert [line["event"] for line in status["events"]].count("redis.connected") == 2


def test_a_swap_is_in_the_status_within_three_seconds(start_redis, start_collector, bindings):
    first, second = start_redis(), start_redis(requirepass="s3cret-of-the-second")
    bindings.redis("cache", first)
    collector = start_collector(env=bindings.environment()).wait_connected()
    bindings.redis("cache", second, password="s3cret-of-the-second")
    address = f"{second.host}:{second.port}"
    wait_until(lambda: status_of(collector)["redis"]["address"] == address, lambda: status_of(collector), 3)
    wait_until(lambda: status_of(collector)["redis"]["server"] == address, lambda: status_of(collector), 3)
    status = status_of(collector)
    assert status["redis"]["generation"] == 2
    assert {"binding.changed", "binding.switched"} <= {line["event"] for line in status["events"]}
    assert "s3cret-of-the-second" not in str(status)


def test_the_status_says_why_a_binding_was_refused_and_the_old_redis_stays(start_redis, start_collector, bindings):
    first, second = start_redis(), start_redis(requirepass="right")
    bindings.redis("cache", first)
    collector = start_collector(env=bindings.environment()).wait_connected()
    bindings.redis("cache", second, password="wr0ng-password")
    wait_until(lambda: status_of(collector)["redis"]["change"]["state"] == "refused", lambda: status_of(collector))
    status = status_of(collector)
    assert status["redis"]["address"] == f"{first.host}:{first.port}" and status["redis"]["state"] == "ready"
    change = status["redis"]["change"]
    assert change["address"] == f"{second.host}:{second.port}" and "WRONGPASS" in change["error"]
    assert change["retryMs"] > 0
    assert "wr0ng-password" not in str(status)
    bindings.remove("cache")
    wait_until(lambda: status_of(collector)["redis"]["change"]["state"] == "vanished", lambda: status_of(collector))


def test_the_status_answers_while_redis_is_unreachable(start_redis, start_collector):
    redis = start_redis()
    collector = start_collector(redis).wait_connected()
    redis.stop()
    wait_until(lambda: status_of(collector)["redis"]["state"] == "away", lambda: status_of(collector))
    wait_until(lambda: status_of(collector)["redis"]["awayMs"] > 0, lambda: status_of(collector))
    assert "redis.disconnected" in [line["event"] for line in status_of(collector)["events"]]


def test_documents_are_counted_and_their_rate_is_recorded(start_redis, start_collector):
    collector = start_collector(start_redis()).wait_connected()
    with collector.client() as client:
        for _ in range(20):
            assert client.post("/v1/documents", {"a": 1}).status == 201

    def has_rate():
        documents = status_of(collector)["documents"]
        return documents["stored"] == 20 and sum(documents["storedPerSecond"]) >= 15
    wait_until(has_rate, lambda: status_of(collector)["documents"])


def test_the_status_needs_a_token_if_tokens_are_bound(start_redis, start_collector, tmp_path):
    bindings = BindingRoot(tmp_path / "bindings")
    bindings.redis("cache", start_redis())
    bindings.write("tokens", type="collector-tokens", page="t0ken-of-the-page")
    collector = start_collector(env=bindings.environment()).wait_connected()
    with collector.client() as client:
        assert client.get("/v1/status").status == 401
    status = status_of(collector, {"Authorization": "Bearer t0ken-of-the-page"})
    assert status["redis"]["binding"] == "cache"
    assert "t0ken-of-the-page" not in str(status)


def test_info_is_sent_only_once_if_the_user_may_not_send_it(start_redis, start_collector):
    redis = start_redis()
    with redis.client() as client:
        client.execute_command("ACL", "SETUSER", "plain", "on", ">pw", "~*", "+@all", "-info")
        url = f"redis://plain:pw@{redis.host}:{redis.port}"
        collector = start_collector(url).wait_connected()
        for _ in range(3):
            assert status_of(collector)["redis"]["version"] is None
        denied = [row for row in client.execute_command("ACL", "LOG") if "info" in str(row).lower()]
        assert len(denied) <= 2
