"""A Redis Cluster on this machine: masters, each with replicas if requested."""

import redis

from . import feed
from .deadline import DeadlineExceeded, wait_until
from .ports import reserve_port
from .sentinel import Server

SLOTS = 16384


class RedisCluster:
    """RedisCluster(masters=3, replicas=1): `replicas` is the number for each master. A node that is silent for
    `node_timeout_ms` counts as failed. With `names`, each node announces its name to clients instead of its address;
    the nodes take the addresses in `hosts` in turn. `tls`, `port` and `options` are as for Server."""

    def __init__(self, masters=3, replicas=0, node_timeout_ms=1500, hosts=("127.0.0.1",), names=(), tls=None, **options):
        self.nodes, self._by_id = [], {}
        if tls:
            options["tls_cluster"] = "yes"
        if names:
            options["cluster_preferred_endpoint_type"] = "hostname"
        try:
            for index in range(masters * (1 + replicas)):
                own = {"cluster_announce_hostname": names[index % len(names)]} if names else {}
                self.nodes.append(self._new_node(hosts[index % len(hosts)], node_timeout_ms, tls, **own, **options))
            for node in self.nodes:
                node.start()
            self._form(self.nodes[:masters], self.nodes[masters:])
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def _new_node(host="127.0.0.1", node_timeout_ms=1500, tls=None, **options):
        return Server(tls, start=False, host=host, cluster_announce_ip=host, cluster_enabled="yes",
                      cluster_node_timeout=node_timeout_ms, cluster_port=reserve_port(),
                      cluster_replica_validity_factor=0, repl_diskless_sync_delay=0, repl_ping_replica_period=1,
                      **options)

    def _form(self, masters, replicas):
        for index, node in enumerate(masters):
            begin, end = index * SLOTS // len(masters), (index + 1) * SLOTS // len(masters) - 1
            ask(node, "CLUSTER", "ADDSLOTSRANGE", begin, end)
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for index, node in enumerate(self.nodes):  # each pair at once, since gossip takes seconds
            for other in self.nodes[:index]:
                ask(node, "CLUSTER", "MEET", other.host, other.port, int(other.options["cluster-port"]))
        self._by_id = {self.id_of(node): node for node in self.nodes}
        wait_until(lambda: all(self._has_met_all(node) for node in self.nodes),
                   lambda: f"nodes that have met\n{self._describe()}")
        for index, replica in enumerate(replicas):
            ask(replica, "CLUSTER", "REPLICATE", self.id_of(masters[index % len(masters)]))
        self.wait_ok()
        for replica in replicas:
            wait_until(lambda r=replica: r.client().info("replication").get("master_link_status") == "up",
                       "a synced replica", 20)

    # --- Queries -----------------------------------------------------------------------------

    def _has_met_all(self, node):
        lines = ask(node, "CLUSTER", "NODES").decode().splitlines()
        return len(lines) == len(self.nodes) and not any("handshake" in line for line in lines)

    def running(self):
        return [node for node in self.nodes if node.running()]

    def wait_ok(self, seconds=20):
        """Waits until every running node sees all slots served, and all agree on the map and the epochs."""
        wait_until(self._is_ok, lambda: f"a Cluster that serves all slots\n{self._describe()}", seconds, 0.05)

    def _is_ok(self):
        views = set()
        for node in self.running():
            if b"cluster_state:ok" not in ask(node, "CLUSTER", "INFO"):
                return False
            views.add(tuple(sorted(self._view(node))))
        return len(views) == 1

    def _view(self, node):
        """Yields (id, epoch, slots) of each master with slots, as this node knows it."""
        for words in map(str.split, ask(node, "CLUSTER", "NODES").decode().splitlines()):
            slots = [word for word in words[8:] if not word.startswith("[")]
            if slots:
                yield words[0], words[6], tuple(slots)

    def _describe(self):
        return "\n".join(ask(node, "CLUSTER", "NODES").decode() for node in self.running())

    def id_of(self, node):
        return ask(node, "CLUSTER", "MYID").decode()

    def master_of(self, slot):
        """The server that owns the slot, according to the first running node."""
        for begin, end, master, *_ in ask(self.running()[0], "CLUSTER", "SLOTS"):
            if begin <= slot <= end:
                return self._node_of(master)
        raise AssertionError(f"nobody serves slot {slot}")

    def masters(self):
        owners = [self._node_of(entry[2]) for entry in ask(self.running()[0], "CLUSTER", "SLOTS")]
        return [node for node in self.nodes if node in owners]

    def _node_of(self, entry):
        """The server for an entry of CLUSTER SLOTS: [host, port, id, ...]."""
        return self._by_id[entry[2].decode()]

    def replica_of(self, master):
        ident = self.id_of(master)

        def found():
            lines = ask(master, "CLUSTER", "REPLICAS", ident)
            known = [self._by_id[line.split()[0].decode()] for line in lines]
            return next((node for node in known if node.running()), None)
        return wait_until(found, f"a replica of {master.address}")

    def clients(self):
        """One client for each master: together they hold all documents."""
        return [node.client() for node in self.masters()]

    def url(self):
        return self.nodes[0].url()

    @property
    def node_list(self):
        """The nodes in the form of the entry cluster.nodes."""
        return ",".join(node.address for node in self.nodes)

    # --- Changes -----------------------------------------------------------------------------

    def move_slots(self, slots):
        """Moves each of these slots with its keys to the next master, one receiver at a time.

        A receiver gives itself an epoch that is higher than all epochs it knows. If it does not know the latest one
        yet, a delayed message of the previous owner takes the slot away from it, and then no node owns it. So all nodes
        have to agree before the next receiver's turn."""
        masters = self.masters()
        after = dict(zip(masters, masters[1:] + masters[:1]))
        wanted = {slot: after[self.master_of(slot)] for slot in slots}
        for receiver in masters:
            self.wait_ok()
            for slot in (slot for slot in wanted if wanted[slot] is receiver):
                self._move_slot(slot, receiver)
        self.wait_ok()

    def _move_slot(self, slot, to):
        """Moves a slot in the same steps as redis-cli --cluster reshard."""
        source = self.master_of(slot)
        ask(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.id_of(source))
        ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.id_of(to))
        while True:
            keys = ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 50)
            if not keys:
                break
            ask(source, "MIGRATE", to.host, to.port, "", 0, 5000, "KEYS", *keys)
        for node in (to, source, *(node for node in self.masters() if node not in (to, source))):
            ask(node, "CLUSTER", "SETSLOT", slot, "NODE", self.id_of(to))

    def add_master(self, slots):
        """Adds another master, which takes these slots from their current owners. Only for a Cluster without
        options."""
        # Otherwise a master that loses its last slot becomes a replica.
        node, first = self._new_node(cluster_allow_replica_migration="no"), self.nodes[0]
        self.nodes.append(node)
        node.start()
        ask(node, "CLUSTER", "MEET", first.host, first.port, int(first.options["cluster-port"]))
        wait_until(lambda: all(self._has_met_all(other) for other in self.running()), "a node that all have met")
        self._by_id[self.id_of(node)] = node
        self.wait_ok()
        for slot in slots:
            self._move_slot(slot, node)
        self.wait_ok()
        return node

    def remove_master(self, node):
        """Gives the master's slots to the other masters in turn, then takes it out of the Cluster and stops it."""
        others = [master for master in self.masters() if master is not node]
        slots = [slot for begin, end, master, *_ in ask(others[0], "CLUSTER", "SLOTS") if self._node_of(master) is node
                 for slot in range(begin, end + 1)]
        for index, receiver in enumerate(others):
            self.wait_ok()
            for slot in slots[index::len(others)]:
                self._move_slot(slot, receiver)
        self.wait_ok()
        ident = self.id_of(node)
        node.stop()
        for other in self.running():
            ask(other, "CLUSTER", "FORGET", ident)

    def fail_over(self, master):
        """A coordinated failover: the replica takes over with everything that the master has acknowledged."""
        replica = self.replica_of(master)
        for left in reversed(range(4)):
            ask(replica, "CLUSTER", "FAILOVER")
            try:
                wait_until(lambda: "master" in str(replica.client().role()[0]), "the replica's promotion", 6)
                break
            except DeadlineExceeded:
                # Redis gives up after 5 s: within twice the node timeout, a master votes for only one replica of the
                # same master.
                if not left:
                    raise
        return replica

    def stop(self):
        for node in self.nodes:
            if hasattr(node, "asker"):
                node.asker.close()
            node.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def ask(node, *words):
    """Sends one command and returns the raw reply. The client of each node is kept, because preparing a client for TLS
    takes long."""
    if not hasattr(node, "asker"):
        node.asker = node.client()
        node.asker.response_callbacks.clear()
    return node.asker.execute_command(*words)


def slots_of_feed():
    """The slots of all partitions, if the key prefix has no hash tag."""
    return [slot_of(feed.stream_of(0, "", tag)) for tag in feed.TAGS[1:]]


def slot_of(key):
    """CRC16 of the key modulo 16384 (Redis Cluster specification, "Key distribution model")."""
    return redis.crc.key_slot(key.encode() if isinstance(key, str) else key)
