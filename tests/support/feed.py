"""The feed in Redis, as docs/storage.md describes it: one stream for each day, and in each entry the keys of one or more
documents. redis-py would make a dict of an entry, and keep one key of many."""

from typing import NamedTuple

STREAMS = "collector:feed:[0-9]*"


class Entry(NamedTuple):
    """An entry of a stream."""
    id: str
    keys: list
    mark: int  # None: no mark


def entries(store, stream):
    """All entries of a stream, in order."""
    found = store.eval("return redis.call('XRANGE', KEYS[1], '-', '+')", 1, stream)
    return [_entry(name.decode(), [field.decode() for field in fields]) for name, fields in found]


def _entry(name, fields):
    pairs = list(zip(fields[::2], fields[1::2]))
    marks = [int(value) for field, value in pairs if field == "m"]
    return Entry(name, [value for field, value in pairs if field == "k"], marks[0] if marks else None)


def streams(store, prefix=""):
    """The names of the streams, oldest day first."""
    return sorted(name.decode() for name in store.scan_iter(prefix + STREAMS))


def keys(store, prefix=""):
    """The keys of all streams, in order."""
    return [key for stream in streams(store, prefix) for entry in entries(store, stream) for key in entry.keys]
