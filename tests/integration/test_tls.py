"""Redis with TLS, and rotation of users and passwords by changing bindings while Collector serves requests."""

import socket
import ssl
import threading

import pytest

from support.certificates import Certificates
from support.collector import check
from support.elsewhere import elsewhere
from support.load import Load


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


def acl(server, *rules):
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", *rules)


def test_a_private_ca_in_the_binding_is_sufficient(start_redis, start_bound, bindings, certificates):
    server = start_redis(certificates=certificates)
    bindings.redis("db", server, **{"ca.crt": certificates.text("ca.crt")})
    with start_bound().client() as client, server.client() as store:
        answer = client.post("/v1/documents", {"a": 1})
        assert answer.status == 201, answer
        assert store.exists(answer.json()["key"])


def test_a_client_certificate_and_a_user_are_sent(start_redis, start_bound, bindings, certificates):
    server = start_redis(certificates=certificates, tls_auth_clients="yes")
    acl(server, "app", "on", ">pass", "~*", "+@all")
    bindings.redis("db", server, username="app", password="pass",
                   **{name: certificates.text(of) for name, of in
                      [("ca.crt", "bundle.crt"), ("tls.crt", "client.crt"), ("tls.key", "client.key")]})
    with start_bound().client() as client, server.client() as store:
        assert client.post("/v1/documents", {"a": 1}).status == 201
        assert "app" in {entry["user"] for entry in store.client_list()}


def test_check_says_how_the_certificate_was_verified(start_redis, bindings, certificates):
    server = start_redis(certificates=certificates)
    bindings.redis("db", server, **{"ca.crt": certificates.text("ca.crt")})
    status, out, err = check(env=bindings.environment())
    assert status == 0, (out, err)
    place = f"{bindings.path}/db/ca.crt"
    assert f"TLS 1.3, certificate of localhost, valid until 2049-12-31, verified by the CA in {place}" in out


@pytest.mark.parametrize("entries, words", [
    ({"ca.crt": "other-ca.crt"}, "certificate: unknown issuer (CN=Test CA)"),
    ({"ca.crt": "ca.crt", "tls.server-name": "wrong.test"}, "it does not have the name wrong.test"),
])
def test_check_says_which_verification_failed(start_redis, bindings, certificates, entries, words):
    server = start_redis(certificates=certificates)
    bindings.redis("db", server, **{name: certificates.text(value) if value.endswith(".crt") else value
                                    for name, value in entries.items()})
    status, out, err = check(env=bindings.environment())
    assert status == 1 and words in err, (status, out, err)


def test_check_names_the_file_without_a_certificate(start_redis, bindings):
    server = start_redis()
    bindings.redis("db", server, **{"ca.crt": "none"})
    status, _, err = check(env=bindings.environment())
    assert status == 2 and "/db/ca.crt: CA: no certificate in the PEM text" in err, err


def test_a_flag_can_name_a_file_with_a_ca(start_redis, start_collector, certificates):
    server = start_redis(certificates=certificates)
    program = start_collector(server, redis_ca_file=certificates.path("ca.crt"))
    with program.client() as client:
        assert client.post("/v1/documents", {"a": 1}).status == 201


def test_the_cas_of_the_system_are_used_if_none_is_bound(start_redis, bindings, certificates):
    server = start_redis(certificates=certificates)
    bindings.redis("db", server, tls="true")
    status, _, err = check(env=bindings.environment())
    assert status == 1 and "unknown issuer (CN=Test CA)" in err, err
    trusted = elsewhere(system_ca=certificates.path("bundle.crt"))
    status, out, err = check(env={**bindings.environment(), **trusted})
    assert status == 0 and "verified by the CAs of this system" in out, (out, err)


@pytest.mark.parametrize("entries, told", [
    ({"host": "localhost"}, "localhost"), ({"host": "127.0.0.1", "tls.server-name": "redis.test"}, "redis.test"),
    ({"host": "127.0.0.1"}, None)])
def test_the_server_receives_the_expected_name(bindings, certificates, entries, told):
    """SNI (RFC 6066, section 3), which never contains addresses. This server reads it and closes the connection."""
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.path("server.crt"), certificates.path("server.key"))
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def serve():
        connection, _ = listener.accept()
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        bindings.write("db", **{"type": "redis", "port": listener.getsockname()[1], "tls": "true",
                                "ca.crt": certificates.text("ca.crt"), **entries})
        status, _, _ = check(env=bindings.environment())
        thread.join(10)
    assert status == 1 and names == [told]


def test_changing_from_plain_to_tls_and_back_under_load_loses_nothing(start_redis, start_bound, bindings, certificates):
    plain, secure = start_redis(), start_redis(certificates=certificates)
    bindings.redis("db", plain)
    program = start_bound().wait_connected()
    with Load(program) as load:
        load.wait_acknowledged(100)
        bindings.redis("db", secure, **{"ca.crt": certificates.text("ca.crt")})
        program.wait_log("redis.switched", generation=2)
        load.wait_acknowledged(100)
        bindings.redis("db", plain)
        program.wait_log("redis.switched", generation=3)
        load.wait_acknowledged(100)
    with plain.client() as one, secure.client() as other:
        assert other.dbsize() > 0
        load.count(one, other).assert_perfect()


def test_replacing_certificates_on_both_sides_loses_nothing(start_redis, start_bound, bindings, certificates, tmp_path):
    renewed = Certificates(tmp_path / "renewed")
    server = start_redis(certificates=certificates)
    both = certificates.text("ca.crt") + renewed.text("ca.crt")
    bindings.redis("db", server, **{"ca.crt": certificates.text("ca.crt")})
    program = start_bound(redis_max_age="1s").wait_connected()
    with Load(program) as load:
        load.wait_acknowledged(100)
        bindings.redis("db", server, **{"ca.crt": both})
        program.wait_log("redis.switched", generation=2)
        with server.client() as store:
            store.execute_command("CONFIG", "SET", "tls-cert-file", renewed.path("server.crt"),
                                  "tls-key-file", renewed.path("server.key"))
        load.wait_acknowledged(600)
        bindings.redis("db", server, **{"ca.crt": renewed.text("ca.crt")})
        program.wait_log("redis.switched", generation=3)
        load.wait_acknowledged(100)
    server.certificates = renewed
    server.options["tls-ca-cert-file"] = renewed.path("ca.crt")
    with server.client(ssl_certfile=None, ssl_keyfile=None) as store:
        load.count(store).assert_perfect()


def test_the_second_password_is_used_when_the_first_is_rejected(start_redis, start_bound, bindings):
    server = start_redis()
    acl(server, "app", "on", ">one", ">two", "~*", "+@all")
    bindings.redis("db", server, username="app", password="one", **{"password-secondary": "two"})
    program = start_bound(workers=1).wait_connected()
    with Load(program) as load, server.client() as store:
        load.wait_acknowledged(100)
        store.execute_command("ACL", "SETUSER", "app", "<one")
        store.execute_command("CLIENT", "KILL", "USER", "app")
        program.wait_log("redis.password_switched")
        load.wait_acknowledged(100)
        store.execute_command("CLIENT", "KILL", "USER", "app")
        load.wait_acknowledged(100)
    assert len([line for line in program.log() if line["event"] == "redis.password_switched"]) == 1
    with server.client() as store:
        load.count(store).assert_perfect()


def test_a_refused_password_triggers_reading_the_binding_early(start_redis, start_bound, bindings):
    server = start_redis()
    acl(server, "app", "on", ">one", "~*", "+@all")
    bindings.redis("db", server, username="app", password="one")
    program = start_bound().wait_connected()
    with Load(program) as load, server.client() as store:
        load.wait_acknowledged(100)
        store.execute_command("ACL", "SETUSER", "app", "<one", ">two")
        store.execute_command("CLIENT", "KILL", "USER", "app")
        program.wait_log("redis.denied")
        bindings.redis("db", server, username="app", password="two")
        load.wait_acknowledged(100)
    with server.client() as store:
        load.count(store).assert_perfect()


def test_short_lived_tokens_lose_nothing_if_they_are_renewed_in_time(start_redis, start_bound, bindings):
    server = start_redis()
    acl(server, "app", "on", ">token-0", "~*", "+@all")
    bindings.redis("db", server, username="app", password="token-0")
    program = start_bound().wait_connected()
    with Load(program) as load, server.client() as store:
        for n in range(1, 6):
            # The next token becomes valid before the last one expires; then the server cuts connections that used the
            # old one.
            store.execute_command("ACL", "SETUSER", "app", f">token-{n}")
            bindings.redis("db", server, username="app", password=f"token-{n}")
            program.wait_log("binding.switched", generation=n + 1)
            store.execute_command("ACL", "SETUSER", "app", f"<token-{n - 1}")
            store.execute_command("CLIENT", "KILL", "USER", "app")
            load.wait_acknowledged(100)
    assert "token-" not in program.log_text()
    with server.client() as store:
        load.count(store).assert_perfect()


def test_connections_are_replaced_by_age_without_a_failed_request(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.redis("db", server)
    program = start_bound(redis_max_age="300ms", log_level="debug").wait_connected()
    with Load(program) as load:
        program.wait_log("redis.renewed")
        load.wait_acknowledged(500)
    assert not [line for line in program.log() if line["event"] == "redis.disconnected"]
    with server.client() as store:
        load.count(store).assert_perfect()
