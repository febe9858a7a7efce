"""What is reported about a binding and what is not: --check, metrics, log, memory."""

import json


from support.collector import check, metric_sum
from support.deadline import wait_until
from support.ports import reserve_port


def test_check_shows_the_binding_and_hides_its_secrets(start_redis, bindings):
    server = start_redis(requirepass="s3cr3t")
    bindings.redis("orders-db", server, password="s3cr3t")
    status, out, err = check(env=bindings.environment())
    assert status == 0, out + err
    assert "orders-db" in out and str(server.port) in out and "s3cr3t" not in out + err


def test_check_warns_if_documents_could_be_lost(start_redis, bindings):
    bindings.redis("db", start_redis(maxmemory_policy="allkeys-lru"))
    status, out, err = check(env=bindings.environment())
    assert status == 0, out + err
    assert "warning: with this policy Redis may drop documents when its memory is full" in out
    assert "persistence off\n  warning: a restart of this Redis loses every document" in out
    for options in ({"appendonly": "yes"}, {"save": "3600 1"}):
        bindings.redis("db", start_redis(**options))
        status, out, err = check(env=bindings.environment())
        assert status == 0 and "persistence on" in out and "warning" not in out, out + err


def test_check_works_without_permission_to_query_the_server(start_redis, bindings):
    server = start_redis()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-info", "-config", "-role", "-cluster")
    bindings.redis("db", server, username="app", password="pw")
    status, out, err = check(env=bindings.environment())
    assert status == 0 and "a write and a read have worked" in out and "persistence" not in out, out + err


def count_in_memory(pid, text):
    """How many times the text occurs in the process's writable memory: heap, stacks, data."""
    found = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end = (int(word, 16) for word in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and end - begin <= 256 << 20:  # larger mappings belong to a sanitizer
                memory.seek(begin)
                try:
                    found += memory.read(end - begin).count(text.encode())
                except OSError:
                    pass  # unmapped meanwhile, or never backed by memory
    return found


def test_after_a_change_the_old_password_is_no_longer_in_memory(start_redis, start_bound, bindings):
    one, two = start_redis(requirepass="the-old-Secret-7f3a91"), start_redis(requirepass="the-new-Secret-0c55d2")
    bindings.redis("db", one, password="the-old-Secret-7f3a91")
    program = start_bound()
    assert program.stores_in(one, password="the-old-Secret-7f3a91")
    assert count_in_memory(program.pid, "the-old-Secret-7f3a91") > 0
    bindings.redis("db", two, password="the-new-Secret-0c55d2")
    wait_until(lambda: program.stores_in(two, password="the-new-Secret-0c55d2"), "documents in the new Redis", 10)
    assert count_in_memory(program.pid, "the-new-Secret-0c55d2") > 0
    wait_until(lambda: count_in_memory(program.pid, "the-old-Secret-7f3a91") == 0,
               lambda: f"{count_in_memory(program.pid, 'the-old-Secret-7f3a91')} copies are gone", 10)


def test_metrics_name_the_binding_and_its_generation(start_redis, start_bound, bindings):
    one, two = start_redis(), start_redis(requirepass="s3cr3t")
    bindings.redis("db", one)
    program = start_bound()

    def of(family):
        return {name: value for name, value in program.metrics().items() if name.startswith(family)}
    info = json.dumps(of("collector_binding_info"))
    assert 'binding=\\"db\\"' in info and str(one.port) in info
    assert list(of("collector_binding_generation").values()) == [1]
    bindings.redis("db", two, password="s3cr3t")
    wait_until(lambda: list(of("collector_binding_generation").values()) == [2], "generation 2", 10)
    info = json.dumps(of("collector_binding_info"))
    assert str(two.port) in info and str(one.port) not in info and "s3cr3t" not in info
    assert len(of("collector_binding_info")) == 1


def test_metrics_show_the_result_of_each_change_and_its_age(start_redis, start_bound, bindings):
    one, two = start_redis(), start_redis()
    bindings.redis("db", one)
    program = start_bound()

    def metric(name, **labels):
        return metric_sum(program.metrics(), f"collector_binding_{name}", **labels)

    def counted(result, at_least=1):
        wait_until(lambda: metric("reloads_total", result=result) >= at_least, f"a reload that is {result}")
    wait_until(lambda: metric("age_seconds") > 1, "an age")
    bindings.redis("db", two)
    counted("switched")
    assert metric("age_seconds") < 1
    bindings.redis("db", two, note="of no meaning")
    counted("unchanged")
    bindings.write("db", type="redis", host="127.0.0.1", port=reserve_port())
    counted("failed")
    assert metric("current") == 0
    bindings.remove("db")
    counted("vanished")
    assert metric("generation") == 2 and metric("current") == 0
    bindings.redis("db", two)
    counted("unchanged", at_least=2)
    assert metric("current") == 1


def test_the_log_says_where_the_address_of_redis_comes_from(start_redis, start_bound, bindings):
    server = start_redis()
    bindings.redis("orders-db", server)
    program = start_bound()
    wait_until(lambda: "orders-db" in program.log_text() and str(server.port) in program.log_text(),
               lambda: f"a line with the binding's name\n{program.child.tail()}")


def test_each_step_of_a_swap_is_one_line_of_the_log(start_redis, start_bound, bindings):
    one, two = start_redis(), start_redis()
    bindings.redis("db", one)
    program = start_bound(workers=2).wait_connected()
    bindings.redis("db", two)
    wait_until(lambda: program.log_text().count('"redis.drained"') == 2, lambda: f"both drained\n{program.child.tail()}")
    lines = [line for line in program.log() if line["event"].split(".")[0] in ("binding", "redis")]
    steps = [line["event"] for line in lines]
    assert steps[:3] == ["binding.found", "redis.connected", "redis.connected"]
    assert steps[3:5] == ["binding.changed", "binding.switched"]
    assert sorted(steps[5:]) == sorted(2 * ["redis.connected", "redis.switched", "redis.drained"])
    for worker in (0, 1):
        own = [line["event"] for line in lines[5:] if line["worker"] == worker]
        assert own == ["redis.connected", "redis.switched", "redis.drained"]
    assert lines[3]["address"] == lines[4]["address"] == two.address and lines[4]["generation"] == 2
    assert {line["generation"] for line in lines[5:] if line["event"] == "redis.drained"} == {1}
