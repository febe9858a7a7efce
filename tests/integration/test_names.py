"""Host names of Redis that resolve slowly or have many addresses."""

from support.elsewhere import elsewhere


def test_a_name_server_slower_than_the_connect_timeout_is_of_use(start_redis, start_collector, tmp_path):
    redis = start_redis()
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 redis.test\n", encoding="ascii")
    collector = start_collector(f"redis://redis.test:{redis.port}", env=elsewhere(hosts=hosts, lookup_seconds=3),
                                connect_timeout="1s", workers=1)
    collector.wait_connected(40)


def test_an_address_beyond_the_sixteenth_is_tried_too(start_redis, start_collector, tmp_path):
    redis = start_redis()
    hosts = tmp_path / "hosts"
    dead = "".join(f"127.0.7.{i} redis.test\n" for i in range(1, 40))
    hosts.write_text(f"{dead}127.0.0.1 redis.test\n", encoding="ascii")
    collector = start_collector(f"redis://redis.test:{redis.port}", env=elsewhere(hosts=hosts), workers=1)
    collector.wait_connected(60)
