"""The feed in Redis, as docs/storage.md describes it: a stream for each day (in a Cluster, for each day and tag), whose
entries contain the keys of one or more documents. redis-py would turn an entry into a dict and keep only one of its
keys."""

import time
import uuid
from typing import NamedTuple

STREAMS = "collector:feed:[0-9]*"
# "": the stream without a tag, the only one outside a Cluster.
TAGS = ("", "0ax", "1oy", "2cx", "3r", "4ex", "5zz", "6yz", "7xz", "8u", "9vz", "aoo", "bed", "cli", "dcd", "eko", "fad")
DAY_MS = 24 * 3600 * 1000
DOCUMENT = '{"a":1,"created":1,"correlationId":"x"}'
FILL = """
for i = tonumber(ARGV[2]), tonumber(ARGV[3]) do
    local key = string.format('%08x-0000-7000-8000-000000000000', i)
    redis.call('SET', key, '{"n":' .. i .. ',"text":"' .. string.rep('x', tonumber(ARGV[4])) .. '"}')
    redis.call('XADD', ARGV[1], '*', 'k', key)
end
"""


class Entry(NamedTuple):
    """An entry of a stream."""
    id: str
    keys: list
    mark: int  # None if there is no mark


def entries(store, stream):
    """All entries of a stream, in order."""
    found = store.eval("return redis.call('XRANGE', KEYS[1], '-', '+')", 1, stream)
    return [_entry(name.decode(), [field.decode() for field in fields]) for name, fields in found]


def _entry(name, fields):
    pairs = list(zip(fields[::2], fields[1::2]))
    marks = [int(value) for field, value in pairs if field == "m"]
    return Entry(name, [value for field, value in pairs if field == "k"], marks[0] if marks else None)


def stream_of(milliseconds, prefix="", tag=""):
    """The name of the stream of that Unix time's day."""
    day = time.strftime("%Y-%m-%d", time.gmtime(milliseconds // 1000))
    return f"{prefix}collector:feed:{day}" + (f":{{{tag}}}" if tag else "")


def fields_of(keys, mark=None):
    """The fields of an entry."""
    return [word for key in keys for word in ("k", key)] + ([] if mark is None else ["m", mark])


def put(store, count):
    """Stores documents directly in Redis, without an entry. Returns their keys."""
    found = [str(uuid.uuid4()) for _ in range(count)]
    with store.pipeline(transaction=False) as pipe:
        for key in found:
            pipe.set(key, DOCUMENT)
        pipe.execute()
    return found


def add(store, of, at=None, mark=None):
    """Adds an entry of these keys, with the id `at` in milliseconds (default: now)."""
    stream = stream_of(at or int(time.time() * 1000))
    return store.execute_command("XADD", stream, f"{at}-*" if at else "*", *fields_of(of, mark))


def streams(store, prefix=""):
    """The names of the streams, oldest day first."""
    return sorted(name.decode() for name in store.scan_iter(prefix + STREAMS))


def keys(store, prefix=""):
    """The keys of all streams, in order."""
    return [key for stream in streams(store, prefix) for entry in entries(store, stream) for key in entry.keys]


def put_on_day(store, key, days):
    """Moves a document's entry from today's stream to the stream of an earlier day, as Collector would have written it
    on that day."""
    now = int(time.time() * 1000)
    moment = now - days * DAY_MS
    store.xadd(stream_of(moment), {"k": key}, id=f"{moment}-*")
    for entry in entries(store, stream_of(now)):
        if entry.keys == [key]:
            store.xdel(stream_of(now), entry.id)


def add_dead(store, count, begin, per_ms=20):
    """Adds `count` entries without a document to the stream of a day, starting at the Unix time `begin` in
    milliseconds."""
    add = store.register_script("""
        for i = 0, ARGV[2] - 1 do
            local n = string.format('%012x', ARGV[4] + i)
            redis.call('XADD', KEYS[1], (ARGV[1] + math.floor(i / ARGV[3])) .. '-*',
                       'k', 'dead0000-0000-4000-8000-' .. n)
        end""")
    step = 20_000
    for done in range(0, count, step):
        add(keys=[stream_of(begin)], args=[begin + done // per_ms, min(step, count - done), per_ms, done])


def minutes_ago(minutes):
    """The time that many minutes ago, in Unix milliseconds. It is on this day unless the day has only just begun."""
    return int(time.time() * 1000) - minutes * 60_000


def entries_of(store, key):
    """Returns (stream, entry) of each entry with the key."""
    return [(stream, entry) for stream in streams(store) for entry in entries(store, stream) if key in entry.keys]


def fill(server, count, size=190):
    """Stores documents 1 to `count` as Collector does, but faster."""
    stream = time.strftime("collector:feed:%Y-%m-%d", time.gmtime())
    with server.client() as store:
        for first in range(1, count + 1, 5000):
            store.eval(FILL, 0, stream, first, min(count, first + 4999), size)
