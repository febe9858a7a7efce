"""The classic interface, which programs written for the first Collector rely on."""

import json
import time

import pytest

from support.collector import Collector
from support.matching import ABSENT_KEY, assert_problem, is_uuid
from support.ports import machine_has_ipv6, reserve_port

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def stored(store, answer):
    assert answer.status == 200, answer
    return json.loads(store.get(answer.json()["key"]))


def test_a_json_object_is_answered_with_ok_and_a_key(client):
    answer = client.post("/", {"hello": "world"})
    assert answer.status == 200
    assert answer.media_type == "application/json"
    assert list(answer.json()) == ["result", "key"]
    assert answer.json()["result"] == "OK"
    assert is_uuid(answer.json()["key"], version=7)


def test_the_stored_value_is_a_string_under_the_bare_uuid(client, store):
    key = client.post("/", {"hello": "world"}).json()["key"]
    assert store.type(key) == b"string"
    assert store.ttl(key) == -1


def test_created_and_correlation_id_are_added_to_the_object(client, store):
    before = int(time.time() * 1000)
    document = stored(store, client.post("/", {"hello": "world"}))
    after = int(time.time() * 1000)
    assert set(document) == {"hello", "created", "correlationId"}
    assert document["hello"] == "world"
    assert isinstance(document["created"], int) and before <= document["created"] <= after
    assert is_uuid(document["correlationId"])


def test_an_empty_object_is_stored_with_the_added_members(client, store):
    assert set(stored(store, client.post("/", "{}"))) == {"created", "correlationId"}
    assert set(stored(store, client.post("/", " \r\n{ \t} "))) == {"created", "correlationId"}


@pytest.mark.parametrize("created", ["5", '"yesterday"', "null", '{"a":1}', "1e3"])
def test_a_created_member_in_the_body_is_kept(client, store, created):
    answer = client.post("/", '{"created":%s,"a":1}' % created)
    text = store.get(answer.json()["key"]).decode()
    assert text.count("created") == 1
    assert f'"created":{created}' in text


def test_a_created_member_of_a_nested_object_does_not_count(client, store):
    document = stored(store, client.post("/", {"inner": {"created": 5, "correlationId": "x"}}))
    assert document["inner"] == {"created": 5, "correlationId": "x"}
    assert document["created"] > 1e12 and document["correlationId"] != "x"


def test_the_correlation_id_of_the_request_is_stored_and_returned(client, store):
    answer = client.post("/", {"a": 1}, {"X-Correlation-ID": "trace-17"})
    assert stored(store, answer)["correlationId"] == "trace-17"
    assert answer.header("x-correlation-id") == "trace-17"


def test_the_correlation_id_replaces_the_one_in_the_body(client, store):
    answer = client.post("/", '{"correlationId":"theirs","a":1}', {"x-correlation-id": "ours"})
    text = store.get(answer.json()["key"]).decode()
    assert "theirs" not in text
    assert json.loads(text) == {"a": 1, "correlationId": "ours", "created": json.loads(text)["created"]}


def test_a_new_correlation_id_replaces_the_one_in_the_body_too(client, store):
    answer = client.post("/", '{"correlationId":"theirs","a":1,"correl\\u0061tionId":{"deep":[1]}}')
    text = store.get(answer.json()["key"]).decode()
    assert "theirs" not in text and "deep" not in text
    assert is_uuid(json.loads(text)["correlationId"])
    assert answer.header("x-correlation-id") == json.loads(text)["correlationId"]


def test_a_form_is_stored_as_an_object_of_strings(client, store):
    document = stored(store, client.post("/", "name=J%C3%BCrgen+X&age=4&empty=&flag", FORM))
    assert {name: document[name] for name in ("name", "age", "empty", "flag")} == {
        "name": "Jürgen X", "age": "4", "empty": "", "flag": ""}


def test_nested_names_of_a_form_become_objects_and_arrays(client, store):
    body = "a[b]=1&a[c][d]=2&list[]=x&list[]=y&at[1]=q&at[0]=p&twice=1&twice=2&people[0][name]=A"
    document = stored(store, client.post("/", body, FORM))
    assert document["a"] == {"b": "1", "c": {"d": "2"}}
    assert document["list"] == ["x", "y"]
    assert document["at"] == ["p", "q"]
    assert document["twice"] == ["1", "2"]
    assert document["people"] == [{"name": "A"}]


PROTOTYPE = ["__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__", "constructor",
             "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "prototype", "toLocaleString", "toString", "valueOf"]


@pytest.mark.parametrize("name", PROTOTYPE)
def test_names_from_javascripts_prototype_are_allowed_at_every_level(client, store, name):
    document = stored(store, client.post("/", f"{name}=1&a[{name}]=2&b[{name}][c]=3&d[][{name}]=4", FORM))
    assert document[name] == "1"
    assert document["a"] == {name: "2"}
    assert document["b"] == {name: {"c": "3"}}
    assert document["d"] == [{name: "4"}]


@pytest.mark.parametrize("body, expected", [
    ("=1&a=2", {"": "1", "a": "2"}),
    ("a[b]=1&a=", {"a": [{"b": "1"}, ""]}),
    ("a[b]c=1&a[b]d=2", {"a[b]c": "1", "a[b]d": "2"}),
    ("a=1&a[b]=2&a[]=3", {"a": ["1", {"b": "2"}, "3"]}),
    ("[]=1&[]=2", {"0": "1", "1": "2"}),
    ("a[=1&b]=2", {"a": {"[": "1"}, "b]": "2"}),
    ("x=%00&y=%", {"x": "\0", "y": "%"}),
    ("name=J%FCrgen", {"name": "J%FCrgen"}),
])
def test_no_field_of_a_form_is_omitted(client, store, body, expected):
    document = stored(store, client.post("/", body, FORM))
    assert {name: value for name, value in document.items() if name not in ("created", "correlationId")} == expected


def test_a_list_in_a_form_becomes_an_array_of_any_length(client, store):
    for name in ("a", "a[]", "a%5B%5D"):
        document = stored(store, client.post("/", "&".join(f"{name}={n}" for n in range(1000)), FORM))
        assert document["a"] == [str(n) for n in range(1000)]


@pytest.mark.parametrize("parameters", ["; charset=UTF-8", ";charset=utf-8", '; charset="Utf-8"', "; charset=utf8", "; charset=",
                                        "; x=y", '; x="; charset=utf-16"', "; boundary=charset", "; charset=us-ascii"])
def test_a_form_may_have_parameters_in_its_media_type(client, store, parameters):
    headers = {"Content-Type": f"application/x-www-form-urlencoded{parameters}"}
    assert stored(store, client.post("/", "a=1&b=%C3%A9", headers)).items() >= {"a": "1", "b": "é"}.items()


@pytest.mark.parametrize("charset", ["iso-8859-1", "ISO-8859-1", '"iso-8859-1"', "Latin1"])
def test_a_form_in_iso_8859_1_is_converted(client, store, charset):
    headers = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
    document = stored(store, client.post("/", b"caf%E9=cr%e8me+br\xfbl\xe9e&a[\xe9]=%C3%A9", headers))
    assert document["café"] == "crème brûlée"
    assert document["a"] == {"é": "Ã©"}


def test_a_form_keeps_its_created_field_but_not_its_correlation_id(client, store):
    document = stored(store, client.post("/", "created=5&correlationId=theirs", {**FORM, "x-correlation-id": "ours"}))
    assert document == {"created": "5", "correlationId": "ours"}


def test_json_may_have_a_charset_in_its_media_type(client, store):
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert stored(store, client.post("/", '{"a":"ü"}', headers))["a"] == "ü"


def test_a_stored_object_is_returned_with_its_key_added(client):
    key = client.post("/", {"hello": "world"}, {"x-correlation-id": "c-1"}).json()["key"]
    answer = client.get(f"/?key={key}")
    assert answer.status == 200
    assert answer.media_type == "application/json"
    document = answer.json()
    assert set(document) == {"hello", "created", "correlationId", "key"}
    assert document["key"] == key and document["hello"] == "world" and document["correlationId"] == "c-1"


def test_an_unknown_key_gets_404_and_the_program_keeps_running(client):
    assert_problem(client.get(f"/?key={ABSENT_KEY}"), 404)
    assert client.post("/", {"a": 1}).status == 200


def test_a_key_that_is_not_a_uuid_gets_404(client):
    assert_problem(client.get("/?key=nothing"), 404)
    assert_problem(client.get("/?key="), 404)


def test_a_stored_value_that_is_not_a_document_does_no_harm(client, store):
    store.lpush(ABSENT_KEY, "a list")
    answer = client.get(f"/?key={ABSENT_KEY}")
    store.delete(ABSENT_KEY)
    assert 400 <= answer.status < 600
    assert client.post("/", {"a": 1}).status == 200


def test_each_document_gets_a_different_key(client, store):
    keys = {client.post("/", {"n": n}).json()["key"] for n in range(200)}
    assert len(keys) == 200
    assert all(store.exists(key) for key in keys)


def test_the_first_log_line_names_the_port(collector):
    line = collector.wait_log("server.listening")
    assert line["port"] == collector.port
    assert str(collector.port) in collector.child.stdout[0] or any(
        str(collector.port) in text for text in collector.child.stdout[:5])


@pytest.fixture
def classic(request):
    """Collector started with only the classic variables."""
    started = []

    def start(**env):
        started.append(Collector(classic_port=True, env=env))
        return started[-1]
    yield start
    for program in started:
        program.close()


def test_the_classic_variables_set_port_and_redis(classic, start_redis):
    server, port = start_redis(), reserve_port()
    program = classic(COLLECTOR_PORT=port, COLLECTOR_DELEGATE_HOSTNAME="127.0.0.1",
                      COLLECTOR_DELEGATE_PORT=server.port)
    assert program.port == port
    with program.client() as client:
        key = client.post("/", {"a": 1}).json()["key"]
    assert server.client().exists(key)


def test_the_classic_port_accepts_connections_on_ipv6_too(classic, start_redis):
    server, port = start_redis(), reserve_port()
    program = classic(COLLECTOR_PORT=port, COLLECTOR_DELEGATE_HOSTNAME="localhost",
                      COLLECTOR_DELEGATE_PORT=server.port)
    program.host = "::1" if machine_has_ipv6() else "127.0.0.1"
    with program.client() as client:
        assert client.get("/healthz").status == 200


def test_without_any_setting_redis_is_localhost_6379(classic):
    program = classic(COLLECTOR_PORT=reserve_port())
    assert any("localhost:6379" in line or "127.0.0.1:6379" in line for line in program.child.stdout)
