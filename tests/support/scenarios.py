"""Faults of a Redis in use. Each is a function that takes a Site, starts a fault, lets it last, and returns when it is
over.

    outcome = play(killed, times=3).assert_met()

A fault for one kind of Redis only (a password, TLS) uses methods that only this kind has."""

import secrets
import time

from .cluster import SLOTS, slots_of_feed
from .deadline import wait_until
from .places import DURABLE, Standalone
from .site import Site


def play(fault, *places, times=1, between=150, allowed=None, may_lose=False, **site):
    """Injects the fault `times` times under load, each time after `between` new documents. Returns the Outcome.

    `allowed` is a regular expression for permitted failures; without it no request may fail. `site` holds options of
    Site: load, and flags of Collector. The places are closed at the end; the default is one durable Redis."""
    with Site(*(places or [Standalone(**DURABLE)]), **site) as here:
        for _ in range(times):
            here.more(between)
            fault(here)
        here.more(between)
        outcome = here.finish(allowed)
    outcome.may_lose = may_lose
    return outcome


# --- The server ------------------------------------------------------------------------------------------

def killed(site):
    """kill -9, and a restart as soon as requests wait."""
    site.server.kill()
    site.wait_held()
    site.server.start()


def stopped(site, seconds=2.5):
    """SIGSTOP, then SIGCONT after a while."""
    site.server.pause()
    site.lasts(seconds)
    site.server.resume()


def loading(site, key_us=1500):
    """Killed and restarted; it loads its data slowly and replies LOADING in the meantime."""
    site.server.kill()
    site.server.options["key-load-delay"] = str(key_us)
    before = site.log_count("redis.not_writable")
    site.server.start(ready=False)
    wait_until(lambda: _says(site.server, "LOADING") or site.log_count("redis.not_writable") > before,
               "a server that loads", 30)
    del site.server.options["key-load-delay"]
    site.server.wait_ready(60)
    site.server.config(key_load_delay="0")


def _says(server, word):
    try:
        server.client().get("none")
    except Exception as error:  # pylint: disable=broad-except
        return word in str(error) or word in type(error).__name__.upper()
    return False


def demoted(site, seconds=1.0):
    """The primary becomes a read-only replica for a while, then is promoted again."""
    site.server.client().replicaof("127.0.0.1", 1)
    site.lasts(seconds)
    site.server.client().replicaof("NO", "ONE")


def handed_over(site):
    """FAILOVER: a replica takes over with all data of the primary; then the address leads to that replica."""
    old, replica = site.server, site.place.replica()
    site.more(100)
    with old.client() as client:
        client.execute_command("FAILOVER", "TO", replica.host, replica.port)
    wait_until(lambda: replica.client().info("replication")["role"] == "master", "the replica's promotion", 30)
    site.place.move_to(replica)


# The permitted responses in the meantime. If memory runs out between a document and its feed entry, Redis stores only
# the document.
OUT_OF_MEMORY = "^507 .*memory|^503 .*stored, but not yet safe: .*OOM"


def out_of_memory(site, seconds=1.0):
    """Redis is at maxmemory for a while."""
    site.server.config(maxmemory="1", maxmemory_policy="noeviction")
    site.lasts(seconds)
    site.server.config(maxmemory="0")


def failed_over(site):
    """SENTINEL FAILOVER, as an operator would request it."""
    site.place.group.wait_settled()
    site.place.group.fail_over()


def failed_over_unheard(site):
    """Like failed_over, but the subscriptions to all Sentinels are cut at that moment."""
    site.place.group.wait_settled()
    site.place.group.fail_over(silenced=True)


def primary_killed(site, cut_off=0.0):
    """kill -9 of the primary; the Sentinels promote a replica, and the killed server returns as a replica. With
    `cut_off`, its replicas have received nothing for that many seconds."""
    old = site.server
    _kill_ahead(site, old, [server for server in site.place.group.servers if server is not old], cut_off)
    site.place.group.wait_primary_other_than(old)
    site.more(50)
    old.start()


def _kill_ahead(site, server, replicas, seconds):
    if seconds:
        # Stopped replicas cannot reconnect. Without the cut, data in transit to them would survive the primary.
        for replica in replicas:
            replica.pause()
        with server.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "replica")
        site.lasts(seconds)
    server.kill()
    for replica in replicas:
        replica.resume()


def primary_hangs(site):
    """SIGSTOP until the Sentinels have promoted a replica, then SIGCONT."""
    old = site.server
    old.pause()
    site.place.group.wait_primary_other_than(old)
    site.more(50)
    old.resume()


def master_killed(site, cut_off=0.0):
    """kill -9 of a master; its replica takes over, and the killed server returns as a replica.
    With `cut_off`, its replicas have received nothing for that many seconds."""
    cluster, master = site.place.cluster, site.server
    masters = cluster.masters()
    _kill_ahead(site, master, [node for node in cluster.nodes if node not in masters], cut_off)
    wait_until(lambda: master not in cluster.masters(), "the replica's promotion", 30, 0.05)
    site.more(50)
    master.start()
    cluster.wait_ok()


def masters_relieved(site):
    """CLUSTER FAILOVER of each master: its replica takes over with all its data."""
    for master in site.place.cluster.masters():
        site.place.cluster.fail_over(master)
        site.more(50)
        site.place.cluster.wait_ok()


def resharded(site, step=163):
    """Moves the slots of the feed's partitions, and one in `step` of the others, to another master with their keys."""
    site.may_list_twice = True
    site.place.cluster.move_slots([*slots_of_feed(), *range(0, SLOTS, step)])


def master_added_and_removed(site):
    """A new master takes some slots, half of the feed's partitions among them, and gives them back before it leaves."""
    site.may_list_twice = True
    node = site.place.cluster.add_master([*slots_of_feed()[::2], *range(1, SLOTS, 163)])
    site.more(200)
    site.place.cluster.remove_master(node)


# --- Connections -----------------------------------------------------------------------------------------

def clients_killed(site):
    """CLIENT KILL TYPE normal for all connections except the one that sends it."""
    with site.server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def clients_full(site, seconds=1.5):
    """Closes all connections and reaches maxclients: for a while no client can connect."""
    with site.server.client() as client:
        client.config_set("maxclients", 1)
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        site.lasts(seconds)
        client.config_set("maxclients", 10000)


def slow(site, seconds=2.0, delay=0.1):
    """Delays every piece of data, in both directions."""
    site.proxy.delay(delay)
    site.lasts(seconds)
    site.proxy.heal()


def black_hole(site, seconds=1.0):
    """Discards all data; connections stay open but are useless."""
    site.proxy.black_hole()
    site.lasts(seconds)
    site.proxy.heal()


def network_paused(site, seconds=1.0):
    """Holds all data for a while, then delivers it."""
    site.proxy.pause()
    site.lasts(seconds)
    site.proxy.heal()


def reset(site):
    """Resets both sides of each connection."""
    site.proxy.reset()


def refused(site, seconds=1.0):
    """Nothing listens for a while."""
    site.proxy.refuse()
    site.wait_held()
    site.lasts(seconds)
    site.proxy.heal()


def cut(site, count, direction="to_client", times=1):
    """Connections close after a number of bytes of replies (to_client) or commands (to_server)."""
    site.proxy.cut_after(count, direction, times=times)
    wait_until(lambda: site.proxy.cuts_left() == 0, f"{times} cuts", 60)


def reply_lost(site, command="SET"):
    """Redis executes a command, and the connection breaks before the reply."""
    before = site.proxy.scripted_replies
    site.proxy.lose_replies([command])
    wait_until(lambda: site.proxy.scripted_replies > before, "a lost reply", 60)
    site.proxy.heal()


# None of these is a valid reply to a SET without NX or to an XADD.
IMPOSSIBLE = (b"$-1\r\n", b":-7\r\n", b"*2\r\n+OK\r\n$-1\r\n", b"+QUEUED\r\n", b"*1\r\n" * 5000, b"*999999999999\r\n",
              b"$-2\r\n", b"%1\r\n+a\r\n+b\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\xff\r\n")


def replies_impossible(site, replies=IMPOSSIBLE):
    """Redis executes a command, and the proxy replaces the reply with an invalid one."""
    for reply in replies:
        site.proxy.reply_instead(reply)
        wait_until(lambda: site.proxy.instead_left() == 0, "a reply that is replaced", 60)
        site.more(20)


def writes_paused(site, seconds=2.5):
    """CLIENT PAUSE WRITE: connections stay open and reads are answered, but writes are not."""
    with site.server.client() as client:
        client.execute_command("CLIENT", "PAUSE", int(seconds * 1000), "WRITE")
    site.lasts(seconds)


def closed_at_writes(site, seconds=2.0):
    """Each connection is closed at its first write, whose reply is lost. Not with TLS."""
    site.proxy.close_at(b"\r\nSET\r\n", b"\r\nXADD\r\n")
    site.lasts(seconds)
    site.proxy.heal()


# --- Limits ----------------------------------------------------------------------------------------------

LARGE = 3 << 20


def _answered(site, status, method, *words):
    with site.collector.client(timeout=60) as client:
        answer = getattr(client, method)(*words)
    assert answer.status == status, answer
    return answer


def large_document(site, **limit):
    """A document over a limit of the server (CONFIG SET) is refused, and no other request fails with it."""
    before = {name: site.server.client().config_get(name.replace("_", "-")) for name in limit}
    site.server.config(**limit)
    _answered(site, 507, "post", "/v1/documents", {"large": "x" * LARGE})
    for values in before.values():
        for name, value in values.items():
            site.server.client().config_set(name, value)
    _answered(site, 201, "post", "/v1/documents", {"large": "x" * LARGE})


def large_reply(site):
    """Reading a document over client-output-buffer-limit is refused, and no other request fails with it."""
    key = _answered(site, 201, "post", "/v1/documents", {"large": "x" * 3 * LARGE}).json()["key"]
    site.server.config(client_output_buffer_limit="normal 1mb 0 0")
    _answered(site, 507, "get", f"/v1/documents/{key}")
    site.server.config(client_output_buffer_limit="normal 0 0 0")
    _answered(site, 200, "get", f"/v1/documents/{key}")


def moved(site):
    """The address leads to another server, and connections to the old server are reset."""
    standby = next(server for server in site.place.servers if server is not site.server)
    site.place.move_to(standby)
    site.proxy.reset()


def renamed(site):
    """The host name resolves to another server; the old server closes its connections and accepts no new ones."""
    old = site.server
    site.place.lead_to(next(server for server in site.place.servers if server is not old))
    old.kill()
    site.more(100)
    old.start()


# --- Passwords -------------------------------------------------------------------------------------------

def password_in_server_first(site, seconds=2.0):
    """The server's password changes and connections are lost; the Secret follows after a while."""
    site.place.change_password(secrets.token_hex(8))
    clients_killed(site)
    site.lasts(seconds)
    _secret_follows(site)


def password_in_secret_first(site, seconds=2.0):
    """The Secret changes before the server does; connections are lost when it does."""
    password = secrets.token_hex(8)
    refused_before = site.log_count("binding.reload_failed")
    site.place.bound_password = password
    generation = site.generation()
    site.bind()
    site.log_since("binding.reload_failed", refused_before, "a binding that is refused")
    site.lasts(seconds)
    site.place.change_password(password)
    clients_killed(site)
    site.wait_switched(generation)


def password_never_follows(site, answers=20):
    """The server's password changes and connections are lost; the Secret follows only after requests have failed."""
    site.place.change_password(secrets.token_hex(8))
    clients_killed(site)
    wait_until(lambda: len(site.load.failed) >= answers, f"{answers} refused requests", 60)
    _secret_follows(site)


def _secret_follows(site):
    generation = site.generation()
    site.place.bound_password = site.place.server.options["requirepass"]
    site.bind()
    site.wait_switched(generation)


# --- TLS -------------------------------------------------------------------------------------------------

def certificate_replaced(site):
    """The server presents another certificate of the same CA; connections are lost."""
    site.place.show(site.place.authority, "next" if site.place.shown == "server" else "server")
    clients_killed(site)


def authority_replaced(site):
    """The Secret adds a new CA to the old one, the server switches, then the Secret drops the old one."""
    new = site.place.make_authority()
    fresh = new.text("ca.crt")
    _trust(site, site.place.trusted + fresh)
    site.place.show(new)
    clients_killed(site)
    site.more(50)
    _trust(site, fresh)


def authority_replaced_in_server_first(site, seconds=2.0):
    """The server presents a certificate of a CA that the Secret does not contain yet; the Secret follows."""
    new = site.place.make_authority()
    site.place.show(new)
    clients_killed(site)
    site.lasts(seconds)
    _trust(site, new.text("ca.crt"))


def _trust(site, text):
    generation = site.generation()
    site.place.trusted = text
    site.bind()
    site.wait_switched(generation)


# --- The binding -----------------------------------------------------------------------------------------

def swapped(site, further=1):
    """The Secret changes to the Redis that is `further` positions later in the list."""
    generation = site.generation()
    site.bind(site.other(further))
    site.wait_switched(generation)


def swapped_slowly(site, delay=0.1, further=1):
    """The same, but both Redis servers delay all data, so that much is in flight when the binding changes."""
    proxies = {place.proxy for place in (site.place, site.other(further)) if hasattr(place, "proxy")}
    for proxy in proxies:
        proxy.delay(delay)
    site.more(20)
    swapped(site, further)
    site.more(20)
    for proxy in proxies:
        proxy.heal()


def swapped_one_by_one(site, further=1, admitted=2, seconds=1.0):
    """The same, but the new Redis first accepts only some connections, and as many more each time a trial times out."""
    new, failed = site.other(further), site.log_count("binding.reload_failed")
    generation = site.generation()

    def switched():
        nonlocal failed
        if site.log_count("binding.reload_failed") > failed:
            failed = site.log_count("binding.reload_failed")
            new.proxy.admit(admitted)
        return site.generation() > generation

    if hasattr(new, "proxy"):
        new.proxy.admit(admitted)
        site.bind(new)
        wait_until(switched, lambda: f"a switch\n{site.collector.child.tail()}", 60)
    else:
        swapped(site, further)
    site.lasts(seconds)
    if hasattr(new, "proxy"):
        new.proxy.heal()


def swapped_when_gone(site):
    """The old Redis is killed when the binding changes to another server, and restarted to count its documents."""
    old = site.server
    further = next(far for far in range(1, len(site.places)) if site.other(far).server is not old)
    old.kill()
    swapped(site, further)
    site.more(50)
    old.start()


def swapped_to_slow(site, seconds=2.0, delay=0.1):
    """The Secret names another Redis, which delays all data in both directions."""
    new = site.other()
    new.proxy.delay(delay)
    swapped(site)
    site.lasts(seconds)
    new.proxy.heal()


def swapped_thrice(site):
    """The Secret changes three times within a second: there, back, there."""
    generation, old, new = site.generation(), site.place, site.other()
    for _ in range(10):
        begin = time.monotonic()
        for place in (new, old, new):
            site.bind(place)
            site.lasts(0.2)
        if time.monotonic() - begin < 1.2:
            site.wait_switched(generation)
            return
    raise AssertionError("the machine is too slow for three times in a second")


def secret_gone(site, seconds=1.5):
    """The Secret disappears and returns with the address of another Redis."""
    site.bindings.remove("db")
    site.lasts(seconds)
    swapped(site)


def rights_missing(site, right="xadd", seconds=2.0):
    """The Secret names a user without permission for one of the commands that Collector sends; then the user gets
    it."""
    def refusals():
        return site.log_count("binding.reload_failed", f"(refused: {right.upper()})")

    refused_before = refusals()
    admin = site.place.server.client()
    admin.execute_command("ACL", "SETUSER", "limited", "on", ">limited", "~*", "+@all", f"-{right}")
    site.bindings.write("db", **{**site.place.entries(), "username": "limited", "password": "limited"})
    wait_until(lambda: refusals() > refused_before, lambda: f"a refusal\n{site.collector.child.tail()}", 30)
    site.lasts(seconds)
    switched_before = site.log_count("binding.switched")
    admin.execute_command("ACL", "SETUSER", "limited", f"+{right}")
    site.log_since("binding.switched", switched_before, "the binding in use, now that its user may")
    generation = site.generation()
    site.bind()
    site.wait_switched(generation)


def wrong_secret(site, seconds=2.0):
    """For a while the Secret names an address where nothing listens."""
    refused_before = site.log_count("binding.reload_failed")
    site.bindings.write("db", type="redis", host="127.0.0.1", port=1)
    site.log_since("binding.reload_failed", refused_before, "a binding that is refused")
    site.lasts(seconds)
    site.bind()
