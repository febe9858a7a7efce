"""Tokens: which requests are admitted, and that none fails while tokens are replaced."""

import os

import pytest

from support.collector import Collector, check
from support.deadline import stays, wait_until
from support.event_stream import Ended, EventStream
from support.pinger import Pinger
from test_pinger_collector import logged

DOCUMENT = "/v1/documents/01a2187b-38b3-711c-ad00-ff8bf44d3399"
PROTECTED = [("POST", "/"), ("GET", "/"), ("GET", f"/?key={DOCUMENT[14:]}"), ("POST", "/v1/documents"),
             ("GET", "/v1/documents"), ("GET", DOCUMENT), ("HEAD", DOCUMENT), ("PUT", DOCUMENT), ("DELETE", DOCUMENT)]
PUBLIC = ["/healthz", "/readyz", "/version", "/metrics"]
JSON = {"Content-Type": "application/json"}


def bearer(token, **others):
    return {"Authorization": f"Bearer {token}", **JSON, **{name.replace("_", "-"): value for name, value in others.items()}}


def post(program, token, document=None, **headers):
    with program.client() as client:
        return client.request("POST", "/v1/documents", document or '{"a":1}', bearer(token, **headers))


def is_taken(program, token):
    with program.client() as client:
        return client.request("GET", "/", None, bearer(token)).status == 200


def wait_taken(program, token, wanted=True):
    wait_until(lambda: is_taken(program, token) == wanted, f"{token} taken: {wanted}", 10)


@pytest.fixture
def start_with_tokens(start_redis, start_collector, bindings):
    """start_with_tokens(orders="..."): a Collector with these tokens and its own Redis."""
    def start(flags=None, **tokens):
        if tokens:
            bindings.write("clients", type="collector-tokens", **tokens)
        return start_collector(start_redis(), env=bindings.environment(), **(flags or {})).wait_connected()
    return start


@pytest.mark.parametrize("token, challenge", [(None, "Bearer"), ("wrong", 'Bearer error="invalid_token"')])
def test_everything_but_probes_version_and_metrics_needs_a_token(start_with_tokens, token, challenge):
    program = start_with_tokens(orders="right")
    with program.client() as client:
        for method, path in PROTECTED:
            body = '{"a":1}' if method in ("POST", "PUT") else None
            answer = client.request(method, path, body, bearer(token) if token else JSON)
            assert (answer.status, answer.header("www-authenticate")) == (401, challenge), (method, path)
            assert answer.header("x-correlation-id") and answer.media_type == "application/problem+json"
            if method != "HEAD":
                assert answer.json()["status"] == 401 and "right" not in answer.text
            assert client.request(method, path, body, bearer("right")).status != 401, (method, path)
        for path in PUBLIC:
            assert client.request("GET", path, None, bearer(token) if token else {}).status == 200


def test_nothing_is_stored_without_a_token(start_redis, start_collector, bindings):
    redis = start_redis()
    bindings.write("clients", type="collector-tokens", orders="right")
    program = start_collector(redis, env=bindings.environment()).wait_connected()
    for token in ("wrong", "orders", "", "right "):
        assert post(program, token).status == (201 if token == "right " else 401)  # trailing blanks are not part of it
    with redis.client() as client:
        assert client.dbsize() == 2  # one document, and the feed


def test_without_a_binding_everyone_is_admitted(start_with_tokens):
    program = start_with_tokens()
    with program.client() as client:
        assert client.post("/v1/documents", {"a": 1}).status == 201
    assert not [line for line in program.log() if line["event"] == "tokens.set"]


def test_if_tokens_are_required_nobody_is_admitted_until_they_are_bound(start_with_tokens, bindings):
    program = start_with_tokens({"require_token": "true"})
    assert post(program, "right").status == 401
    bindings.write("clients", type="collector-tokens", orders="right")
    wait_taken(program, "right")


def test_losing_the_binding_does_not_open_the_routes(start_with_tokens, bindings):
    program = start_with_tokens(orders="right")
    bindings.write("clients", type="collector-tokens", orders="a blank")
    failed = program.wait_log("binding.reload_failed")
    assert "clients/orders" in failed["error"] and "a blank" not in program.log_text()
    assert post(program, "right").status == 201 and post(program, "other").status == 401
    bindings.remove("clients")
    program.wait_log("binding.vanished")
    assert post(program, "right").status == 201 and post(program, "other").status == 401
    bindings.write("clients", type="collector-tokens")
    wait_taken(program, "right", False)


def test_a_token_is_replaced_without_a_failed_request(start_with_tokens, bindings):
    """The steps in the manual: add the new token, let the client switch, remove the old one."""
    program = start_with_tokens(orders="old")
    bindings.write("clients", type="collector-tokens", **{"orders": "old", "orders.next": "new"})
    statuses = set()
    with program.client() as client:
        def both_taken():
            statuses.add(client.request("POST", "/v1/documents", '{"a":1}', bearer("old")).status)
            return client.request("POST", "/v1/documents", '{"a":1}', bearer("new")).status == 201
        wait_until(both_taken, "the new token", 10)
        bindings.write("clients", type="collector-tokens", orders="new")

        def old_refused():
            statuses.add(client.request("POST", "/v1/documents", '{"a":1}', bearer("new")).status)
            return client.request("POST", "/v1/documents", '{"a":1}', bearer("old")).status == 401
        wait_until(old_refused, "the end of the old token", 10)
    assert statuses == {201}


def test_a_stream_ends_when_its_token_is_removed(start_with_tokens, bindings):
    program = start_with_tokens(orders="right", till="other")
    with EventStream(program, token="right") as kept, EventStream(program, token="other") as removed:
        bindings.write("clients", type="collector-tokens", orders="right", third="new")
        wait_taken(program, "other", False)
        with pytest.raises(Ended, match="without the last chunk"):
            removed.next()
            removed.next()
        assert post(program, "new").status == 201
        assert kept.event().name == "document"


def test_a_stream_from_before_the_first_token_ends(start_with_tokens, bindings):
    program = start_with_tokens()
    with EventStream(program) as stream:
        bindings.write("clients", type="collector-tokens", orders="right")
        with pytest.raises(Ended):
            while True:
                stream.next()


def test_idempotency_keys_are_separate_for_each_client(start_with_tokens):
    program = start_with_tokens(**{"orders": "aaa", "orders.next": "ccc", "billing": "bbb"})
    first = post(program, "aaa", Idempotency_Key="k")
    again = post(program, "aaa", Idempotency_Key="k")
    other = post(program, "bbb", '{"other":true}', Idempotency_Key="k")
    assert again.json() == first.json() and again.header("idempotency-replayed") == "true"
    assert post(program, "ccc", Idempotency_Key="k").json() == first.json()
    assert other.status == 201 and other.json()["key"] != first.json()["key"]


def test_the_access_log_names_the_client_and_never_the_token(start_with_tokens):
    program = start_with_tokens({"access_log": "on"}, orders="s3cr3t-token")
    post(program, "s3cr3t-token")
    post(program, "s3cr3t-t0ken")
    wait_until(lambda: len([line for line in program.log() if line["event"] == "request.answered"]) == 2, "two lines")
    lines = [line for line in program.log() if line["event"] == "request.answered"]
    assert [(line["status"], line["client"]) for line in lines] == [(201, "orders"), (401, None)]
    with program.client() as client:
        page = client.get("/metrics").text
    assert 'http_requests_total{route="documents",status="401"} 1' in page
    assert "s3cr3t" not in program.log_text() + page


@pytest.mark.parametrize("value, words", [("", "must not be empty"), ("a b", "visible ASCII"), ("x" * 4097, "4096")])
def test_an_invalid_token_is_reported_at_the_start(bindings, value, words):
    bindings.write("clients", type="collector-tokens", orders=value)
    status, out, error = check(env=bindings.environment(), redis_host="127.0.0.1")
    assert status == 2 and "clients/orders" in error and words in error
    assert not value.strip() or value not in out + error


def test_check_lists_tokens_redacted(start_redis, bindings):
    bindings.write("clients", type="collector-tokens", orders="s3cr3t", billing="s3cr3t2")
    status, out, error = check(env=bindings.environment(), redis_url=start_redis().url())
    assert status == 0, error
    assert "Tokens, from binding" in out and "  orders               (set)" in out and "s3cr3t" not in out + error


def test_several_token_bindings_need_a_name(start_redis, start_collector, bindings):
    bindings.write("one", type="collector-tokens", a="aaa")
    bindings.write("two", type="collector-tokens", b="bbb")
    redis = start_redis()
    status, _, error = check(env=bindings.environment(), redis_url=redis.url())
    assert status == 2 and "one" in error and "two" in error
    program = start_collector(redis, env=bindings.environment(), tokens_binding="two").wait_connected()
    assert (post(program, "aaa").status, post(program, "bbb").status) == (401, 201)


def test_pinger_delivers_with_its_token_and_waits_for_the_right_one(start_redis, start_collector, bindings, tmp_path):
    """Pinger's records wait while its token is refused; none is lost or delivered twice."""
    redis = start_redis()
    bindings.write("clients", type="collector-tokens", pinger="first")
    collector = start_collector(redis, env=bindings.environment()).wait_connected()
    own = type(bindings)(tmp_path / "pinger")
    own.write("log", type="collector", host="127.0.0.1", port=collector.port, token="first")
    pinger = Pinger(env=own.environment(), batch_time="50ms", retry_max="200ms")
    try:
        pinger.get("/a")
        wait_until(lambda: logged(redis) == ["/a"], "the first record", 20, 0.1)
        bindings.write("clients", type="collector-tokens", pinger="second")
        wait_taken(collector, "first", False)
        pinger.get("/b")
        failed = pinger.wait_log("delivery.failed")
        assert "401" in failed["error"] and "first" not in pinger.log_text()
        own.write("log", type="collector", host="127.0.0.1", port=collector.port, token="second")
        wait_until(lambda: len(logged(redis)) >= 2, "the record that waited", 20, 0.1)
        stays(lambda: sorted(logged(redis)) == ["/a", "/b"], "each record once", 0.5)
    finally:
        pinger.close()


@pytest.mark.parametrize("where", ["clients", "clients/type", "clients/left-over"])
def test_unreadable_tokens_admit_nobody(start_redis, start_collector, bindings, where):
    """At startup the exit status is 2; at run time the previous tokens stay in force."""
    server, path = start_redis(), os.path.join(bindings.path, where)
    bindings.write_plain("clients", type="collector-tokens", orders="orders-token")
    program = start_collector(server, env=bindings.environment())
    if os.path.isdir(path):
        bindings.remove("clients")
    elif os.path.exists(path):
        os.unlink(path)
    os.symlink("nowhere", path)
    program.wait_log("binding.reload_failed")
    with program.client() as client:
        assert client.post("/v1/documents", {"a": 1}).status == 401
        assert client.post("/v1/documents", {"a": 1}, {"Authorization": "Bearer orders-token"}).status == 201
    other = Collector(server, env=bindings.environment(), listening=False)
    assert other.wait() == 2
    assert f"{path}: a link that leads nowhere" in other.log_text()
    other.close()
