"""Each kind of bad input gets the right response, and the program keeps running."""

import resource
import time

import pytest

from support.collector import Collector
from support.deadline import PATIENCE, SANITIZED, wait_until
from support.http_client import ConnectionEnded, request_bytes, timed
from support.matching import assert_problem

PATHS = ["/", "/v1/documents"]
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def place_of(problem):
    """Returns (line, column) of a problem, from its members or else from its text."""
    if "line" in problem:
        return problem["line"], problem["column"]
    words = problem["detail"].replace(",", " ").replace(":", " ").split()
    return int(words[words.index("line") + 1]), int(words[words.index("column") + 1])


@pytest.fixture(scope="module")
def hasty(redis_server):
    """A Collector with short timeouts."""
    program = Collector(redis_server, header_timeout="400ms", body_timeout="400ms", idle_timeout="1s")
    yield program
    program.close()


# --- Bodies --------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body, line, column", [
    (b'{"a":}', 1, 6),
    (b'{\n  "a": 1,\n  "b": tru\n}', 3, 8),
    (b'{"a":1', 1, 7),
    (b'{"a":1}x', 1, 8),
    (b"{'a':1}", 1, 2),
    (b'{"a":01}', 1, 7),
    (b'{"a":"\n"}', 1, 7),
    (b'{"a":"\xff"}', 1, 7),
    (b'{\n"\xc3\xbc":"\xc0\xaf"}', 2, 6),
    (b'{"a":"\xed\xa0\x80"}', 1, 7),
    (b'{"a":"\xf4\x90\x80\x80"}', 1, 7),
], ids=["no value", "third line", "cut off", "rest", "single quotes", "leading zero", "line end in a string",
        "no utf-8", "overlong", "surrogate", "beyond Unicode"])
def test_invalid_json_gets_400_with_line_and_column(client, path, body, line, column):
    problem = assert_problem(client.post(path, body, JSON), 400)
    found = place_of(problem)
    assert found[0] == line, problem
    assert abs(found[1] - column) <= 2, problem  # the end or the start of an invalid word


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"1", b'"a"', b"null", b"true", b"[1]"])
def test_json_that_is_not_an_object_gets_400(client, path, body):
    assert_problem(client.post(path, body, JSON), 400)


@pytest.mark.parametrize("body", [b"[]", b"[{}]"])
def test_the_classic_contract_rejects_an_array(client, body):
    assert_problem(client.post("/", body, JSON), 400)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t"])
def test_an_empty_body_gets_400(client, path, body):
    assert_problem(client.post(path, body, JSON), 400)


def test_a_byte_order_mark_gets_400(client):
    assert_problem(client.post("/", b"\xef\xbb\xbf{}", JSON), 400)


def test_nesting_up_to_128_is_accepted_and_deeper_gets_400(client):
    assert client.post("/", b'{"a":' + b"[" * 127 + b"]" * 127 + b"}", JSON).status == 200
    assert_problem(client.post("/", b'{"a":' + b"[" * 128 + b"]" * 128 + b"}", JSON), 400, "deep")
    assert_problem(client.post("/", b'{"a":' + b"[" * 500000, JSON), 400)
    assert_problem(client.post("/", b'{"a":' * 200000, JSON), 400)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "image/png",
                                        "application/jsonx", "garbage", "text/json/x"])
def test_another_media_type_gets_415(client, path, media_type):
    assert_problem(client.post(path, b"{}", {"Content-Type": media_type}), 415)


def test_put_of_another_media_type_gets_415(client):
    answer = client.put("/v1/documents/00000000-0000-4000-8000-000000000001", b"<a/>", {"Content-Type": "text/xml"})
    assert_problem(answer, 415)


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded"])
def test_an_unknown_coding_gets_415_with_the_supported_ones(client, media_type):
    for path, method in (("/", client.post), ("/v1/documents/00000000-0000-4000-8000-000000000001", client.put)):
        for body in (b"\x0b\x02\x80{}\x03", b'{"a":1}'):
            answer = method(path, body, {"Content-Type": media_type, "Content-Encoding": "br"})
            assert_problem(answer, 415)
            if path == "/":
                assert answer.header("Accept-Encoding") == "gzip"


@pytest.mark.parametrize("path", PATHS)
def test_a_body_over_the_limit_gets_413_which_the_client_can_read(collector, path):
    body = b'{"a":"' + b"x" * (1024 * 1024) + b'"}'
    with collector.client() as client:
        assert_problem(client.post(path, body, JSON), 413, "1048576 bytes")


def test_a_content_length_over_the_limit_gets_413_before_the_body_is_sent(collector):
    with collector.connect() as raw:
        raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
        took, answer = timed(raw.read_answer)
        assert_problem(answer, 413)
        assert took < 5 * PATIENCE


@pytest.mark.parametrize("method, path, fields, status", [
    ("POST", "/v1/document", {}, 404),
    ("PUT", "/v1/documents/1234", {}, 404),
    ("DELETE", "/v1/documents", {}, 405),
    ("POST", "/", {"Content-Length": 1 << 21}, 413),
    ("PUT", "/v1/documents/0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10", {"Content-Length": 1 << 21}, 413),
    ("POST", "/v1/documents", {"Content-Type": "text/plain"}, 415),
    ("POST", "/", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-16"}, 415),
    ("POST", "/v1/documents", {"Idempotency-Key": ""}, 400),
    ("POST", "/v1/documents", {"Host": "a b"}, 400),
])
def test_errors_known_from_the_head_are_sent_without_100_continue(collector, method, path, fields, status):
    fields = {"Content-Type": "application/json", "Content-Length": 7, "Expect": "100-continue", **fields}
    with collector.connect() as raw:
        raw.send(request_bytes(method, path, headers=fields))
        answer = raw.read_answer()
        assert raw.ended()
    assert_problem(answer, status)
    assert answer.interim == [] and answer.header("connection") == "close"


def test_a_chunked_body_over_the_limit_gets_413(collector):
    with collector.connect() as raw:
        raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        try:
            for _ in range(17):
                raw.send(chunk)
        except OSError:
            pass  # rejected before everything was sent
        assert_problem(raw.read_answer(), 413)


def test_a_configured_body_limit_applies(start_redis, start_collector):
    with start_collector(start_redis(), body_max="2KiB").client() as client:
        assert client.post("/", b'{"a":"' + b"x" * 2040 + b'"}', JSON).status == 200
        assert_problem(client.post("/", b'{"a":"' + b"x" * 2041 + b'"}', JSON), 413)


def test_a_form_that_grows_beyond_the_limit_as_json_gets_413(client):
    problem = assert_problem(client.post("/", b"a=" + b"\x01" * (1024 * 1024 - 2), FORM), 413)
    assert problem["detail"] == "form: more than 4194304 bytes of JSON"


def test_a_form_has_up_to_1000_fields_and_one_more_gets_413(client):
    answer = client.post("/", b"&".join(b"f%d=%d" % (n, n) for n in range(1000)), FORM)
    document = client.get(f"/?key={answer.json()['key']}").json()
    assert {f"f{n}": str(n) for n in range(1000)}.items() <= document.items()
    problem = assert_problem(client.post("/", b"&".join(b"f%d=%d" % (n, n) for n in range(1001)), FORM), 413)
    assert problem["detail"] == "form: more than 1000 fields"


def test_a_name_has_up_to_32_brackets_and_one_more_gets_400(client):
    assert client.post("/", b"a" + b"[b]" * 32 + b"=1", FORM).status == 200
    problem = assert_problem(client.post("/", b"a" + b"[b]" * 33 + b"=1", FORM), 400)
    assert "more than 32 brackets" in problem["detail"]


@pytest.mark.parametrize("body", [b"a=\xff", b"a=1&\xc3=2", b"a=\xed\xa0\x80"])
def test_a_form_of_bytes_that_are_not_utf_8_gets_400(client, body):
    problem = assert_problem(client.post("/", body, FORM), 400)
    assert "invalid UTF-8" in problem["detail"]


@pytest.mark.parametrize("charset", ["utf-16", "windows-1251", "iso-8859-15", "koi8-r", '"shift_jis"', "utf-8; charset=utf-16",
                                     "x" * 200, '"utf-8', "utf-8x"])
def test_a_form_in_another_charset_gets_415_with_the_reason(client, charset):
    answer = client.post("/", b"a=%E9", {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"})
    problem = assert_problem(answer, 415)
    assert "UTF-8 or ISO-8859-1" in problem["detail"]
    assert "application/x-www-form-urlencoded" in answer.header("Accept-Post")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "windows-1252", '"utf-8'])
def test_json_in_another_charset_gets_415_if_it_would_be_garbled(client, path, charset):
    headers = {"Content-Type": f"application/json; charset={charset}"}
    assert_problem(client.post(path, '{"a":"Ã©"}'.encode(), headers), 415, "JSON must be sent in UTF-8")
    assert client.post(path, b'{"a":"\\u00e9"}', headers).status in (200, 201)  # ASCII is accepted


def test_a_form_that_exhausts_memory_gets_503(start_redis, start_collector):
    program = start_collector(start_redis(), workers=1)
    with program.client() as client:
        assert client.post("/", b"a=1", FORM).status == 200
        if not SANITIZED:  # a sanitizer ends the program instead
            resource.prlimit(program.child.pid, resource.RLIMIT_DATA, (program.data_size() + (3 << 20), -1))
        body = b"a=" + b"\x01" * 650000  # JSON takes six times as many bytes
        answer = client.post("/", body, FORM)
        assert answer.status == (200 if SANITIZED else 503), answer
        assert SANITIZED or assert_problem(answer, 503)["detail"] == "form: out of memory"
        assert client.post("/", b"a=1", FORM).status == 200


@pytest.mark.parametrize("body", [b"%", b"%zz=%f", b"=", b"&&&", b"a[=1", b"a]=1", b"[]=1", b"__proto__[x]=1", b"%ff=%ff",
                                  b"a" + b"[b]" * 3000 + b"=1", b"a[99999999999]=1", b"%00=%00"])
def test_an_odd_form_does_no_harm(client, body):
    answer = client.post("/", body, FORM)
    assert answer.status in (200, 400), answer
    if answer.status == 200:
        assert client.get(f"/?key={answer.json()['key']}").json()["created"]


# --- Paths and methods ---------------------------------------------------------------------------

@pytest.mark.parametrize("method, path, allowed", [
    ("PATCH", "/v1/documents", {"GET", "POST", "PUT"}), ("DELETE", "/v1/documents", {"GET", "POST", "PUT"}),
    ("PUT", "/", {"GET", "POST"}), ("POST", "/healthz", {"GET"}), ("DELETE", "/metrics", {"GET"}),
    ("POST", "/v1/documents/00000000-0000-4000-8000-000000000001", {"GET", "PUT", "DELETE"}),
    ("BREW", "/", {"GET", "POST"})])
def test_an_unsupported_method_gets_405_with_allow(client, method, path, allowed):
    answer = client.request(method, path)
    assert_problem(answer, 405)
    named = {word.strip() for word in answer.header("allow").split(",")}
    assert allowed <= named <= allowed | {"HEAD", "OPTIONS"}


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/", "/v2/documents", "/v1/documents/a/b", "//", "/healthz/",
                                  "/%2e%2e/etc/passwd", "/V1/documents", "/v1/documents/"])
def test_an_unknown_path_gets_404(client, path):
    assert_problem(client.get(path), 404)


def test_errors_carry_the_correlation_id_of_the_request(client):
    answer = client.get("/nothing", {"x-correlation-id": "mine"})
    assert_problem(answer, 404)
    assert answer.header("x-correlation-id") == "mine"


@pytest.mark.parametrize("sent", ["", "x" * 129, "a\tb", 'quote"and\\', "\u00fc".encode().decode("latin-1")])
def test_an_odd_correlation_id_does_not_break_the_document(client, sent):
    answer = client.post("/v1/documents", {"a": 1}, {"x-correlation-id": sent})
    assert answer.status == 201, answer
    document = client.get(f"/v1/documents/{answer.json()['key']}").json()
    assert document["correlationId"] == answer.json()["correlationId"] == answer.header("x-correlation-id")


def test_each_successful_response_has_its_own_correlation_id(client):
    ids = {client.get(path).header("x-correlation-id") for path in ("/", "/healthz", "/readyz", "/version", "/metrics")}
    assert len(ids) == 5 and None not in ids


# --- Heads ---------------------------------------------------------------------------------------

TOO_LARGE = {
    "one header": (request_bytes("GET", "/healthz", headers={"X-Large": "x" * 20000}), {431}),
    "many headers": (request_bytes("GET", "/healthz", headers={f"X-{n}": "y" * 50 for n in range(400)}), {431}),
    "the target": (request_bytes("GET", "/?key=" + "x" * 20000), {414, 431}),
}


@pytest.mark.parametrize("what", TOO_LARGE)
def test_a_head_that_is_too_large_gets_431_or_414_and_closes_the_connection(collector, client, what):
    data, statuses = TOO_LARGE[what]
    with collector.connect() as raw:
        raw.send(data)
        assert raw.read_answer().status in statuses
        assert raw.ended()
    assert client.get("/healthz").status == 200


@pytest.mark.parametrize("data", [
    b"\r\n\r\n\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"*1\r\n$4\r\nPING\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    b"GET / HTTP/1.1\r\n\r\n"])
def test_input_that_is_not_http_is_rejected_and_others_are_served(hasty, client, data):
    with hasty.connect() as raw:
        raw.send(data).half_close()
        try:
            answer = raw.read_answer()
            assert answer.status >= 400 or data == b"GET / HTTP/1.1\r\n\r\n", answer
        except ConnectionEnded:
            pass
    assert client.get("/healthz").status == 200


def test_content_length_with_chunked_coding_is_not_read_as_two_requests(collector):
    with collector.connect() as raw:
        raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            first = raw.read_answer()
            assert first.status in (200, 400), first
            second = raw.read_answer()
            assert first.status == 200 and second.status == 404, second
        except ConnectionEnded:
            pass


# --- Pace ----------------------------------------------------------------------------------------

def test_a_head_that_arrives_too_slowly_gets_408(hasty):
    with hasty.connect() as raw:
        took, _ = timed(raw.send_slowly, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"y" * 500, 1, 0.05)
        assert took < 8 * PATIENCE
        assert_problem(raw.read_answer(), 408)
        assert raw.ended()


def test_a_body_that_arrives_too_slowly_gets_408(hasty):
    with hasty.connect() as raw:
        raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n")
        took, _ = timed(raw.send_slowly, b"x" * 500, 1, 0.05)
        assert took < 8 * PATIENCE
        assert_problem(raw.read_answer(), 408)


def test_a_client_that_is_slow_but_in_time_is_served(collector):
    with collector.connect() as raw:
        raw.send_slowly(request_bytes("POST", "/", {"a": 1}), size=7, pause=0.01)
        assert raw.read_answer().status == 200


def test_a_connection_without_a_request_is_closed(hasty):
    with hasty.connect() as raw:
        assert raw.ended(8)
    with hasty.connect() as raw:
        raw.send(request_bytes("GET", "/healthz"))
        assert raw.read_answer().status == 200
        assert raw.ended(8)


def test_slow_clients_delay_no_others(hasty):
    slow = [hasty.connect() for _ in range(20)]
    for raw in slow:
        raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n")
    with hasty.client() as client:
        took, answer = timed(client.post, "/", {"a": 1})
    assert answer.status == 200 and took < 2 * PATIENCE
    for raw in slow:
        raw.close()


@pytest.mark.parametrize("left_after", [10, 60, 140, None])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_disconnects_does_no_harm(collector, client, left_after, how):
    data = request_bytes("POST", "/", {"a": "x" * 100})
    for _ in range(10):
        raw = collector.connect()
        raw.send(data[:left_after])
        getattr(raw, how)()
    assert client.post("/", {"a": 1}).status == 200


@pytest.mark.parametrize("how", ["close", "reset"])
def test_clients_that_disconnected_during_a_body_do_not_delay_the_stop(start_redis, start_collector, how):
    data = request_bytes("POST", "/", {"a": "x" * 100})
    program = start_collector(start_redis())
    for _ in range(10):
        raw = program.connect()
        raw.send(data[:-50])
        getattr(raw, how)()
    with program.client() as client:
        assert client.post("/", {"a": 1}).status == 200
    took, _ = timed(program.stop)
    assert took < 3 * PATIENCE


@pytest.mark.parametrize("sent", [b"", b'{"a":'])
def test_a_body_that_never_arrives_does_not_delay_the_stop(start_redis, start_collector, sent):
    program = start_collector(start_redis(), body_timeout="60s", grace="60s")
    with program.connect() as raw:
        raw.send(request_bytes("POST", "/v1/documents", headers={**JSON, "Content-Length": 7, "Expect": "100-continue"}))
        assert raw.read_head()[0] == 100  # the request has begun
        raw.send(sent)
        program.terminate()
        answer = raw.read_answer()
        assert_problem(answer, 503)
        assert answer.header("retry-after") == "1" and answer.header("connection") == "close"
    assert program.wait() == 0


def test_a_client_that_half_closes_after_its_request_gets_the_response(collector):
    with collector.connect() as raw:
        raw.send(request_bytes("POST", "/", {"a": 1})).half_close()
        assert raw.read_answer().status == 200


def test_a_client_that_reads_nothing_delays_no_others(collector, client):
    client.post("/v1/documents", {"a": "x" * 900000})
    with collector.connect() as raw:
        raw.send(request_bytes("GET", "/v1/documents?limit=1000") * 20)
        took, answer = timed(client.get, "/healthz")
        assert answer.status == 200 and took < 3 * PATIENCE


# --- Pipelining ------------------------------------------------------------------------------------

def test_pipelined_requests_are_answered_in_order(collector, store):
    with collector.connect() as raw:
        raw.send(b"".join(request_bytes("POST", "/v1/documents", {"n": n}, {"x-correlation-id": f"c-{n}"})
                          for n in range(100)))
        for n in range(100):
            answer = raw.read_answer()
            assert answer.status == 201 and answer.json()["correlationId"] == f"c-{n}"
            assert f'"n": {n}'.encode() in store.get(answer.json()["key"])


def test_pipelined_requests_of_many_kinds_are_answered_in_order(collector):
    requests = [("POST", "/", {"a": 1}, 200), ("GET", "/nothing", None, 404), ("HEAD", "/healthz", None, 200),
                ("POST", "/v1/documents", b"no json", 400), ("GET", "/version", None, 200),
                ("PATCH", "/v1/documents", b"{}", 405), ("POST", "/v1/documents", {"b": 2}, 201)] * 10
    with collector.connect() as raw:
        raw.send(b"".join(request_bytes(method, path, body) for method, path, body, _ in requests))
        for number, (method, path, _, status) in enumerate(requests):
            answer = raw.read_answer(method)
            assert answer.status == status, (number, method, path, answer)


def test_a_response_says_close_if_the_request_does(collector):
    with collector.connect() as raw:
        raw.send(request_bytes("POST", "/", {"a": 1}, {"Connection": "close"}))
        answer = raw.read_answer()
        assert answer.status == 200 and answer.header("connection").lower() == "close"
        assert raw.ended()


def test_http_1_0_is_answered_and_closed(collector):
    with collector.connect() as raw:
        raw.send("GET /healthz HTTP/1.0\r\n\r\n")
        assert raw.read_answer().status == 200
        assert raw.ended()


def test_a_connection_over_the_limit_gets_503_or_is_closed(start_redis, start_collector):
    program = start_collector(start_redis(), connections_max=5)
    kept = [program.connect() for _ in range(5)]
    for raw in kept:
        raw.send(request_bytes("GET", "/healthz"))
        assert raw.read_answer().status == 200
    with program.connect() as raw:
        try:
            raw.send(request_bytes("GET", "/healthz"))
            assert_problem(raw.read_answer(), 503)
        except (ConnectionEnded, OSError):
            pass
    for raw in kept:
        raw.close()

    def served_again():
        try:
            with program.client() as client:
                return client.get("/healthz").status == 200
        except (ConnectionEnded, OSError):
            return False
    wait_until(served_again, "an answer after the others have left")


def test_a_client_that_pauses_for_the_announced_time_loses_nothing(hasty):
    connections = [hasty.connect() for _ in range(50)]
    for _ in range(2):
        for connection in connections:
            connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = connection.read_answer()
            assert (answer.status, answer.header("Keep-Alive")) == (200, "timeout=1")
        time.sleep(1.0)  # the announced idle time, which is what this test is about
    for connection in connections:
        connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.read_answer().status == 200
        connection.close()
