"""How long requests wait for Redis, and how many."""



from support.background import post_later
from support.deadline import PATIENCE, SANITIZED, wait_until
from support.http_client import request_bytes, timed
from support.load import Load
from support.matching import assert_problem, is_uuid
from support.ports import reserve_port


def test_an_outage_longer_than_the_hold_time_gives_503_and_nothing_is_stored(start_redis, start_collector):
    server = start_redis()
    program = start_collector(server, hold_time="600ms")
    program.wait_connected()
    server.kill()
    with program.client() as client:
        for method, path, body in (("POST", "/", {"a": 1}), ("POST", "/v1/documents", {"a": 1}),
                                   ("GET", "/v1/documents", None),
                                   ("PUT", "/v1/documents/11111111-1111-4111-8111-111111111111", {"a": 1}),
                                   ("GET", "/v1/documents/11111111-1111-4111-8111-111111111111", None),
                                   ("DELETE", "/v1/documents/11111111-1111-4111-8111-111111111111", None)):
            took, answer = timed(client.request, method, path, body)
            assert_problem(answer, 503)
            assert int(answer.header("retry-after")) >= 0
            assert 0.3 < took < 3 * PATIENCE, (method, path, took)
    server.start()
    wait_until(lambda: program.readyz() == 200, "ready again")
    with program.client() as client:
        # The other worker may still be waiting between two attempts, for longer than this hold time.
        wait_until(lambda: client.post("/", {"a": 1}).status == 200, "stored again")
    assert server.client().dbsize() <= 2  # this document and its feed


def test_no_more_requests_are_held_than_allowed(start_redis, start_collector):
    port = reserve_port()
    program = start_collector(f"redis://127.0.0.1:{port}", held_max=5, workers=1)
    answers = [post_later(program, {"n": n}) for n in range(12)]
    wait_until(lambda: sum(answer.done() for answer in answers) >= 6, "refused requests at once", 5)
    refused = [answer.result() for answer in answers if answer.done()]
    for answer in refused:
        assert_problem(answer, 503)
        assert answer.header("retry-after")
    start_redis(port=port)
    statuses = sorted(answer.result().status for answer in answers)
    assert statuses.count(201) + statuses.count(503) == 12
    assert 1 <= statuses.count(201) <= 6


def test_held_bytes_are_bounded(start_redis, start_collector):
    port = reserve_port()
    program = start_collector(f"redis://127.0.0.1:{port}", held_bytes_max="1MiB", workers=1)
    answers = [post_later(program, {"pad": "x" * 300000}) for n in range(8)]
    wait_until(lambda: sum(answer.done() for answer in answers) >= 4, "refused requests at once", 5)
    assert {answer.result().status for answer in answers if answer.done()} == {503}
    start_redis(port=port)
    assert sum(answer.result().status == 201 for answer in answers) >= 1


def test_a_held_request_is_not_stored_if_its_client_has_disconnected(start_redis, start_collector):
    port = reserve_port()
    program = start_collector(f"redis://127.0.0.1:{port}")
    gone = [program.connect() for _ in range(5)]
    for raw in gone:
        raw.send(request_bytes("POST", "/", {"marker": "gone"}))
    wait_until(lambda: program.held() >= 5, "held requests")
    for raw in gone:
        raw.close()
    stayed = post_later(program, {"marker": "stayed"})
    wait_until(lambda: program.held() <= 2, lambda: f"requests without a client dropped; held {program.held()}", 10)
    server = start_redis(port=port)
    key = stayed.result().json()["key"]
    documents = [name for name in server.client().scan_iter() if is_uuid(name.decode())]
    assert documents == [key.encode()]


def test_memory_is_bounded_when_redis_is_unreachable_and_clients_keep_sending(start_redis, start_collector):
    port = reserve_port()
    program = start_collector(f"redis://127.0.0.1:{port}", hold_time="100ms", held_max=8)
    load = Load(program, connections=16, rate=2000, requests=2000, pad=4000).start()
    load.join(60)
    assert len(load.failed) == 2000 and not load.acknowledged
    assert {status for _, status, _ in load.failed} == {503}
    assert SANITIZED or program.peak_memory() < 64 << 20
    start_redis(port=port)
    wait_until(lambda: program.readyz() == 200, "ready")
    wait_until(lambda: program.held() == 0, "nothing held anymore")
