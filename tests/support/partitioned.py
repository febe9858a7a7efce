"""A Collector that uses a Cluster, with documents and entries that a test puts into its partitions."""

import urllib.parse
import uuid

from . import feed
from .cluster import slot_of


class Place:
    """A separate prefix in the Cluster, with a Collector of one worker. `query` is added to each list's."""

    def __init__(self, cluster, start_collector, prefix=None, query=None, **flags):
        self.cluster, self.prefix, self.query = cluster, prefix or f"p{uuid.uuid4().hex[:8]}:", query or {}
        self.stores = {node: node.client() for node in cluster.masters()}
        self.program = start_collector(cluster.url(), key_prefix=self.prefix, workers=1, **flags).wait_connected()
        self.client = self.program.client()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        for store in self.stores.values():
            store.close()

    def store_of(self, key):
        """A client of the master that owns the key."""
        return self.stores[self.cluster.master_of(slot_of(key))]

    def put(self, count):
        """Stores documents directly in Redis, without an entry."""
        keys = [str(uuid.uuid4()) for _ in range(count)]
        for key in keys:
            self.store_of(self.prefix + key).set(self.prefix + key, feed.DOCUMENT)
        return keys

    def add(self, tag, keys, at, mark=None, stream_at=None):
        """Adds an entry with the id `at` milliseconds to a partition; an empty tag stands for the stream without a
        tag. `stream_at`: a time of the stream's day, if that is another one."""
        stream = feed.stream_of(stream_at or at, self.prefix, tag)
        return self.store_of(stream).execute_command("XADD", stream, f"{at}-*", *feed.fields_of(keys, mark))

    def page(self, **query):
        """Returns (keys, cursor, more)."""
        answer = self.client.get("/v1/documents?" + urllib.parse.urlencode({**self.query, **query}))
        assert answer.status == 200, answer
        body = answer.json()
        assert len(body["next"]) < 256
        return [entry["key"] for entry in body["documents"]], body["next"], body["more"]

    def all(self, **query):
        keys, more = [], True
        while more:
            found, query["cursor"], more = self.page(**query)
            keys += found
        return keys

    def write(self, begin, sizes=(1, 3, 60, 2, 64)):
        """Adds entries of many sizes, in each partition in turn. Returns the keys in the order of the ids."""
        expected = []
        for n in range(60):
            keys = self.put(sizes[n % len(sizes)] if n % 7 else 1)
            self.add(feed.TAGS[n * 5 % len(feed.TAGS)], keys, begin + n)
            expected += keys
        return expected
