/* redis: a target, and a client that keeps connections to it. Knows nothing of HTTP or documents.
 *
 *     struct redis_target *target = redis_target_new(&(struct redis_target_options){ .host = "localhost" }, &err);
 *     redis_open(&loop, &(struct redis_options){ .hold_ms = 30000 }, target, &client, &err);
 *
 *     static void on_reply(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
 *     {
 *             struct job *job = CONTAINER_OF(command, struct job, set);
 *             if (!reply) ...                           // err says why: it was not acknowledged
 *             redis_command_fini(command);
 *     }
 *
 *     redis_command_init(&job->set, on_reply);
 *     redis_command_args(&job->set, 3, (const char *[]){ "SET", key, value }, (size_t[]){ 3, 36, length }, &err);
 *     redis_send(client, &job->set);                    // queued; on_reply comes later, exactly once
 *     redis_flush(client);                              // once, at the end of the loop's turn: one write
 *
 * The promise: a command that redis_send took is answered exactly once. While Redis is away, its commands are held and
 * sent when it is back, in order, until the hold time has passed. What was sent and not answered is sent again on a
 * new connection, until then, so a command must be one that may be done twice (SET of a key of one's own, XADD with a
 * mark set in on_resend, GET), or say that it may not. Error replies that mean "not now" (READONLY, LOADING, MASTERDOWN,
 * CLUSTERDOWN, TRYAGAIN, NOREPLICAS, BUSY, max clients, UNBLOCKED) are such a reason; all others reach on_reply as a
 * reply of type error. A command that ends the connection again and again, while others are answered, is sent apart from
 * them and fails alone. A reply that its command cannot have (nil for a SET without NX) ends the connection.
 *
 * What is spoken is RESP2 (redis.io, "Redis serialization protocol specification"); a Sentinel is asked as redis.io's
 * "Sentinel client spec" says, a Cluster as the "Redis cluster specification" does.
 *
 * Threads: a target is immutable and counted, any thread. A client: loop only. A struct redis_budget is
 * shared by the clients of a process. */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

/* --- Target: where a Redis is and how to enter it ---------------------------------------------------- */

struct redis_target; /* opaque, immutable, counted */

/* One address of several: of a Sentinel, or of a node of a Cluster. */
struct redis_node {
        const char *host; /* name or numeric; borrowed */
        uint16_t port;    /* 0 = the usual one         */
};

enum redis_tls_verify {
        REDIS_TLS_VERIFY_FULL, /* the chain of issuers and the name                                        */
        REDIS_TLS_VERIFY_CA,   /* the chain alone                                                          */
        REDIS_TLS_VERIFY_NONE, /* nothing: whoever answers gets the password. The caller warns             */
};

struct redis_target_options {
        const char *host;        /* name or numeric; NULL: "localhost". Not together with socket_path    */
        uint16_t port;           /* 0 = 6379                                                             */
        const char *socket_path; /* a unix socket                                                        */
        /* There is none yet, nor anything of what follows: nothing is tried, commands are held until redis_set_target. */
        bool is_nowhere;
        const char *username;    /* NULL: AUTH with the password alone                                   */
        struct secret password;  /* copied; empty: no AUTH                                               */
        unsigned database;       /* SELECT unless 0                                                      */
        const char *client_name; /* CLIENT SETNAME; NULL: none. Refusal of it is no failure              */
        const char *key_prefix;  /* of the caller's keys there; NULL: "". Used by redis_place and redis_probe */
        /* Tried where the first is refused; the one that was right is tried first from then on. Copied. */
        struct secret password_secondary;

        /* TLS 1.2 or 1.3. The texts are PEM, are parsed at once, and are not kept. */
        bool tls;
        const char *tls_server_name; /* to be in the certificate, and sent as SNI unless numeric; NULL: host  */
        enum redis_tls_verify tls_verify;
        struct secret ca;          /* one or more certificates; empty: those that the system trusts           */
        struct secret certificate; /* the client's, with its chain; empty: none                               */
        struct secret private_key; /* that belongs to it, without a passphrase                                */

        /* Sentinel, in place of host and socket_path: where the primary is, is asked anew for each connection, of the
         * Sentinel that was right last time first, of the next one when it fails or after 250 ms; what it names must
         * say itself that it is the primary. Sentinels that tell of a failover are listened to, before the first
         * command goes out (one that hangs is waited for 0.5 s): commands are held, for 5 s at most, while a replica
         * is promoted, and go to it when it is. A primary that stays silent for 1 s is left when they name another.
         * User, password and database above are for the primary, TLS is for all: each certificate must be for what was
         * connected to, the Sentinel's host below or the address that it names (a name with its `resolve-hostnames`
         * and `announce-hostnames`), or all for tls_server_name. */
        const char *sentinel_master;             /* the name that the Sentinels know it by; NULL: no Sentinel */
        const struct redis_node *sentinel_nodes; /* at least one, at most 64; port 0 = 26379                  */
        size_t sentinel_count;
        const char *sentinel_username;   /* of the Sentinels themselves; NULL: the password alone */
        struct secret sentinel_password; /* copied; empty: no AUTH there                          */

        /* Cluster. A server that says that it is part of one is taken for one in any case. What is said above is for
         * every node; a database other than 0 is not possible. */
        bool cluster;                           /* it must be one: else connecting fails                      */
        const struct redis_node *cluster_nodes; /* where to ask for the others, in place of host; at most 64;
                                                   port 0 = 6379                                              */
        size_t cluster_node_count;
};

/* NULL with `err` set: ERR_INVALID for options that contradict each other and for PEM texts that are none, by their
 * part ("CA", "client certificate", "client key"); ERR_NOMEM. */
struct redis_target *redis_target_new(const struct redis_target_options *options, struct err *err);
struct redis_target *redis_target_ref(struct redis_target *target); /* one reference more; the same target */
void redis_target_unref(struct redis_target *target);               /* NULL is fine; the last one wipes the secrets */
/* The same place, entered the same way. */
bool redis_target_equal(const struct redis_target *a, const struct redis_target *b);
/* "10.0.0.9:6379", "[::1]:6379", "unix:/path" or "sentinel:mymaster@10.0.0.1:26379,10.0.0.2:26379": for logs and
 * pages, never with a secret. Borrowed; NULL for one that is nowhere. */
const char *redis_target_address(const struct redis_target *target);
const char *redis_target_username(const struct redis_target *target); /* NULL: none; borrowed */
bool redis_target_has_password(const struct redis_target *target);
unsigned redis_target_database(const struct redis_target *target);
bool redis_target_tls(const struct redis_target *target);

/* --- Replies: a view on what Redis said, borrowed during on_reply -------------------------------------- */

struct redis_reply; /* opaque */
enum redis_reply_type { REDIS_NIL, REDIS_STATUS, REDIS_ERROR, REDIS_INTEGER, REDIS_STRING, REDIS_ARRAY };

enum redis_reply_type redis_reply_type(const struct redis_reply *reply);
/* Bytes of a status, error or string, followed by a NUL; NULL for the others. `length` may be NULL. */
const char *redis_reply_text(const struct redis_reply *reply, size_t *length);
int64_t redis_reply_integer(const struct redis_reply *reply);                            /* 0 for what is no integer */
size_t redis_reply_count(const struct redis_reply *reply);                               /* elements of an array; 0  */
const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index); /* NULL from the count on */
/* True for an error reply whose first word is `code`: redis_reply_is_error(r, "OOM"). */
bool redis_reply_is_error(const struct redis_reply *reply, const char *code);
/* What an error reply says, fit for logs: at most 120 printable characters, cut before anything that Redis
 * repeats of the command's arguments. ERR_LIMIT for OOM, ERR_DENIED for NOPERM and NOAUTH, ERR_UNAVAILABLE
 * for all else. */
int redis_reply_error(const struct redis_reply *reply, struct err *err);

/* --- Commands: memory of the caller, one struct for each command in flight ------------------------------ */

/* Where commands of a client go. Keys differ between places, and in a Cluster two commands of one write may go to
 * different servers, so a command is made for one place. */
struct redis_place {
        const char *key_prefix; /* of the target; never NULL; borrowed until the client goes to another place */
        bool is_cluster;
        unsigned generation; /* of the target                                                               */
        unsigned number;     /* tells places of clients with the same targets apart: generation and kind     */
};

/* What redis_command.on_place has done. */
enum redis_made {
        REDIS_MADE,      /* it is for the new place now                                                    */
        REDIS_NOT_MADE,  /* it fails: ERR_UNAVAILABLE, or ERR_TIMEOUT where it may have been done elsewhere */
        REDIS_WITHDRAWN, /* it is the caller's again, and on_reply does not come                           */
};

struct redis_command;
typedef void redis_reply_fn(struct redis_command *command, const struct redis_reply *reply, const struct err *err);

struct redis_command {
        /* Set by redis_command_init and the caller before redis_send. */
        redis_reply_fn *on_reply; /* exactly once. Either reply, or NULL and err: ERR_UNAVAILABLE (hold time
                                     passed, queue full, client closed; certainly not done, or a read), ERR_TIMEOUT
                                     (may have been done), ERR_DENIED (credentials refused until the hold time),
                                     ERR_LIMIT (Redis ends the connection at this one, again and again, and
                                     serves others: it is too large; perhaps it was done) */
        void (*on_resend)(struct redis_command *command); /* NULL, or called before it is sent once more after
                                     it may have been done: may call redis_command_args on it, and
                                     nothing else of this header                                 */
        /* NULL, or called before it is written to another place than the one with the number `made_for`, which the
         * caller sets together with it. May call redis_command_args and redis_command_set_key on it, and nothing
         * else of this header. The command may have been done in the former place. */
        enum redis_made (*on_place)(struct redis_command *command, const struct redis_place *place);
        unsigned made_for;
        bool once;          /* never send it again when it may have been done: fail with ERR_TIMEOUT */
        bool must_not_hold; /* fail at once with ERR_UNAVAILABLE instead of waiting for a connection */
        /* Another one that was sent behind it and must never overtake it, as long as both are the client's. NULL: none. */
        struct redis_command *follower;
        int64_t sent_first_ms; /* clock_realtime_ms when it was first written; 0 before */
        unsigned attempts;     /* how many times it was written, but for what a Cluster's node sent elsewhere */
        /* The client's connection that it was last written on, counted from 1; 0: none. Two commands with the same one
         * were done by the same server, in the order in which they were sent: what WAIT needs to know. */
        unsigned connection;
        unsigned generation; /* of the target that it was last written to */
        uint64_t order;      /* of all that the client has written, the number of its last writing; 0: none */

        /* Private to pkg/redis. */
        struct redis_link {
                struct redis_link *next, *previous;
        } link;
        char *bytes; /* in `room`, or owned */
        size_t length;
        char *room; /* redis_command_room; NULL: none */
        size_t room_size;
        int64_t deadline_ms; /* of the loop's clock                                         */
        int64_t batch_us;    /* when its batch was written, for the first of a batch; else 0 */
        unsigned losses;     /* connections that ended with it under way (suspects.c)       */
        unsigned strikes;    /* of those, when it was to blame                              */
        uint64_t seen;       /* what had been answered at the last one                      */
        int64_t alone_ms;    /* when it may be sent again, alone                            */
        unsigned doubts;     /* attempts that may have been done                            */
        int state, reason;
        struct redis *home;            /* whose queue it is in                                      */
        size_t key_offset, key_length; /* in bytes: the argument that a Cluster goes by; 0: none    */
        int slot;                      /* of the key; SLOT_UNKNOWN until it is asked for            */
        unsigned char redirects;       /* one after the other                                       */
        unsigned char row, shape;      /* expect.c: what it is, and which replies fit               */
        size_t most;                   /* ... and how much of them                                  */
        bool is_parked;                /* in `aside` behind the one that it follows                 */
        bool is_asking;                /* ASKING stands before it in its bytes ...                  */
        bool has_asked;                /* ... and the answer to that is still to come               */
};

void redis_command_init(struct redis_command *command, redis_reply_fn *on_reply);
/* Memory for the formatted command, where it fits; else it is allocated, as it is without a room. Borrowed until
 * redis_command_fini or the next redis_command_init. After redis_command_init, before redis_command_args. */
void redis_command_room(struct redis_command *command, char *room, size_t size);
/* Formats the command (RESP2 array of bulk strings), replacing what was formatted before. ERR_NOMEM. */
int redis_command_args(struct redis_command *command, size_t argc, const char *const argv[], const size_t lengths[],
                       struct err *err) NODISCARD;
/* Replaces the first argument after the name, and keeps all else. ERR_NOMEM: it is as it was. */
int redis_command_set_key(struct redis_command *command, const char *key, size_t length) NODISCARD;
/* In a Cluster a formatted command without a key goes to any node; this one goes to the master that `other` goes to. Where
 * both have the same `connection` afterwards, they met the same one. */
void redis_command_go_with(struct redis_command *command, struct redis_command *other);
void redis_command_fini(struct redis_command *command); /* frees the bytes; not while it is queued */

/* --- Client ------------------------------------------------------------------------------------------- */

struct redis; /* opaque: one loop's connections to a target */

/* Held and in flight together, over all clients that share it. */
struct redis_budget {
        atomic_size_t commands, bytes;
        size_t commands_max, bytes_max; /* 0 = 20000 (two commands a document), 64 MiB */
};

enum redis_state {
        REDIS_CONNECTING, /* never connected yet, or away: commands are held */
        REDIS_READY,      /* commands go out with the next flush             */
};

/* What happened, for logs and metrics; borrowed during the call. */
struct redis_event {
        enum {
                REDIS_EVENT_CONNECTED,      /* address, waited_ms since it was lost or opened                  */
                REDIS_EVENT_DISCONNECTED,   /* err; in_flight commands will be sent again                     */
                REDIS_EVENT_CONNECT_FAILED, /* err; retry_ms until the next attempt                            */
                REDIS_EVENT_DENIED,         /* err: WRONGPASS, NOAUTH, NOPERM on a new connection; retry_ms   */
                REDIS_EVENT_NOT_WRITABLE,   /* err: READONLY, LOADING, ...: the connection is looked up again */
                REDIS_EVENT_SWITCHED,       /* a new target is in use; generation                             */
                REDIS_EVENT_DRAINED,        /* the old generation's connection is closed; generation          */
                /* err: `sentinel` does not let itself be listened to or asked how far a failover is, so that one is noticed
                 * only when the connection breaks, Redis is silent or refuses a write; once for a target; generation */
                REDIS_EVENT_SENTINEL_REFUSED,
        } kind;
        const char *address;  /* of the server, once it is known; with Sentinel that of the primary in use */
        const char *sentinel; /* the Sentinel that named it, "10.0.0.1:26379"; NULL: none was asked       */
        const struct err *err;
        int64_t waited_ms, retry_ms;
        size_t in_flight, held;
        unsigned generation;
        unsigned attempt;
        bool is_renewal;       /* CONNECTED, DRAINED: of a successor to one that was old, of that one            */
        unsigned password_now; /* CONNECTED: 1 or 2, the one that is right, where the other was tried first; 0    */
};

struct redis_options {
        int64_t hold_ms;             /* how long a command may wait in all; 0 = 30000                    */
        int64_t connect_timeout_ms;  /* look-up, connect and AUTH of one attempt; 0 = 3000               */
        int64_t stall_ms;            /* without a byte while something is in flight; 0 = 5000            */
        int64_t backoff_min_ms;      /* 0 = 50; doubles, with full jitter ...                            */
        int64_t backoff_max_ms;      /* 0 = 1000                                                         */
        int64_t idle_ping_ms;        /* PING after this long without a byte; 0 = 30000                   */
        int64_t max_age_ms;          /* then, give or take a tenth, a connection is replaced; 0 = never  */
        size_t reply_max_bytes;      /* a longer one breaks the protocol; 0 = 256 MiB                    */
        struct redis_budget *budget; /* NULL: one of its own                                            */
        void (*on_event)(struct redis *client, const struct redis_event *event, void *data);
        /* Formats a SET that does no harm into `command`, of a key that has `tag` in braces unless that is NULL: sent now and
         * then to learn whether Redis does writes, when nothing else can tell. Less than 0: not now. NULL: never. */
        int (*format_trial)(struct redis_command *command, const char *tag, void *data);
        void *data;
};

/* Connects in the background; never waits. The target is referenced. The client is owned: give it to redis_close.
 * ERR_NOMEM. */
int redis_open(uv_loop_t *loop, const struct redis_options *options, struct redis_target *target, unsigned generation,
               struct redis **out, struct err *err) NODISCARD;

/* Switches to another target: new commands go to it once it is connected (the old connection works until then, unless
 * it is dead). Commands in flight on the old connection drain, then it closes; those without an answer in time are sent
 * again on the new one. A second call overrides the first. */
void redis_set_target(struct redis *client, struct redis_target *target, unsigned generation);

/* Queues a command; it must not be queued already. on_reply never comes from inside: a command that is refused (budget
 * used up, must_not_hold) is answered by the next redis_flush. So is one that could not be formatted, and has no bytes:
 * with ERR_NOMEM. */
void redis_send(struct redis *client, struct redis_command *command);

/* Writes what redis_send queued since the last call: one write for every 1024 commands; what the socket does not
 * take stays held and follows when it is writable. Answers what redis_send refused. Call it last in each turn
 * of the loop. */
void redis_flush(struct redis *client);

/* Cancels a command: true if it was only held and is now out of the queue (on_reply will not be called); false if it is
 * in flight and on_reply will still be called. */
bool redis_cancel(struct redis *client, struct redis_command *command);

/* REDIS_READY: commands go out. In a Cluster: every slot is served, and the connection to each master stands. */
enum redis_state redis_state(const struct redis *client);
/* The server in use is part of a Cluster, or the target says that it must be: commands on different keys may be done in
 * another order than they were sent in. A command goes by its first argument after the name. */
bool redis_is_cluster(const struct redis *client);
bool redis_is_nowhere(const struct redis *client);     /* its target is */
unsigned redis_generation(const struct redis *client); /* of the connection in use */
/* The place in use; while there was none yet, what the target says. Borrowed. A command that is made for it may be
 * written to another one all the same: redis_command.on_place. */
const struct redis_place *redis_place(const struct redis *client);
/* Milliseconds since Redis was last usable; 0 while it is. In a Cluster: since some slot was last usable, the longest
 * of them. */
int64_t redis_away_ms(const struct redis *client);
size_t redis_in_flight(const struct redis *client);
size_t redis_held(const struct redis *client);
/* How many descriptors it may have at most, with all that it knows now of Cluster and Sentinels: a connection may be
 * there twice, when it is replaced. */
size_t redis_descriptors(const struct redis *client);
/* Counters since redis_open. */
struct redis_counters {
        uint64_t commands; /* written, repeats included                       */
        uint64_t batches;  /* writes that carried commands: round trips       */
        uint64_t batch_commands_max;
        uint64_t resent; /* written again after they may have been done     */
        uint64_t failed; /* answered without a reply                        */
        uint64_t connects;
        uint64_t protocol_errors; /* connections ended by what is no reply, or none to that command */
        uint64_t bytes_out, bytes_in;
};
struct redis_counters redis_counters(const struct redis *client);
/* Called for every written batch with the number of commands in it, for a histogram. NULL: none. */
void redis_on_batch(struct redis *client, void (*on_batch)(size_t commands, void *data), void *data);
/* Called with the round trip time of each batch's first reply. NULL: none. */
void redis_on_round_trip(struct redis *client, void (*on_round_trip)(int64_t us, void *data), void *data);

/* Fails every command that is held or in flight (ERR_UNAVAILABLE or ERR_TIMEOUT; on_reply comes from inside),
 * closes everything; the loop must run until the handles are closed; `on_closed` may be NULL. NULL client is
 * fine. Any callback may call it; afterwards no function of the client may be called, but for redis_send inside
 * those last on_reply, which is refused. */
void redis_close(struct redis *client, void (*on_closed)(void *data), void *data);

/* --- Probe: is this target one that can be used? ------------------------------------------------------- */

struct redis_probe_result {
        char address[280];  /* of the server that was reached, "10.0.0.5:6379"              */
        char sentinel[280]; /* the Sentinel that named it, "10.0.0.1:26379"; "": none       */
        char server[64];    /* "redis 7.0.15", "valkey 8.1.1"; "" where INFO is not allowed */
        char role[16];      /* "master", "slave", ...; "" unknown */
        char mode[16];      /* "standalone", "cluster", "sentinel"; "" */
        char maxmemory_policy[32];
        bool persistence; /* append-only file or snapshots are on; only where known */
        bool persistence_known;
        size_t masters;   /* of a Cluster, each of them reached; 0: it is none */
        bool append_only; /* the append-only file is on; only where known */
        bool append_only_known;
        int64_t replicas;          /* connected; -1 where that is not known */
        char tls_version[8];       /* "TLS 1.3"; "": plain, and the next two say nothing */
        char peer_name[256];       /* the first name in the server's certificate         */
        int64_t peer_not_after_ms; /* Unix time: its last moment                         */
        int64_t connect_ms;
        char tried[160]; /* the commands of the trial: "SET, GET, XADD"                                  */
        char lacks[64];  /* those of them that the user may not send and that can be done without: "XDEL" */
};

/* What a program does with a Redis, tried on keys of its own before it is used. */

enum { REDIS_TRIAL_ARGS = 8 };

struct redis_trial_command {
        const char *step;                   /* for errors, "write"; static                                       */
        const char *expects;                /* what a reply has to say; NULL: anything but an error; static      */
        bool is_optional;                   /* that its user may not send it is only told (`lacks`)              */
        bool has_no_key;                    /* it goes to the master of the one that was added first             */
        const char *argv[REDIS_TRIAL_ARGS]; /* the name, the key, ...; NULL behind the last                    */
};

struct redis_trial_plan; /* opaque: being made */
/* One command more, behind the others; all of it but `step` and `expects` is copied. ERR_NOMEM. */
int redis_trial_add(struct redis_trial_plan *plan, const struct redis_trial_command *command,
                    struct err *err) NODISCARD;

struct redis_trial {
        const char *key; /* behind the key prefix, the begin of the trial's own keys */
        /* Adds the commands for one master; called for each master of a Cluster. Keys that begin with `key` are on that
         * master, and nobody else's. What is written there should expire, as the trial may be cut off at any point. */
        int (*plan)(struct redis_trial_plan *plan, const char *prefix, const char *key, void *data, struct err *err);
        void *data;
};

struct redis_probe; /* opaque: one that is under way */

/* Connects with the target (and to each master of a Cluster), checks that its role may write (ROLE where allowed), sends
 * what `trial` says to each master (NULL: a SET with a short time to live, and a GET), then closes. `done` comes exactly
 * once: rc 0, or ERR_* with a text that names the step: look-up, connect, TLS, authentication, role, or the trial's own;
 * with ERR_DENIED it names all commands that were refused. The trial is borrowed until then. ERR_UNAVAILABLE at once for
 * a target that is nowhere. *out, unless `out` is NULL, is for redis_probe_cancel. */
int redis_probe(uv_loop_t *loop, struct redis_target *target, const struct redis_trial *trial, int64_t timeout_ms,
                void (*done)(const struct redis_probe_result *result, int rc, const struct err *err, void *data),
                void *data, struct redis_probe **out, struct err *err) NODISCARD;
/* `done` does not come any more; the loop must run once or twice until the handles are closed. Only until `done` has
 * come. NULL is fine. */
void redis_probe_cancel(struct redis_probe *probe);

/* --- Sentinels: may each of them be listened to? ---------------------------------------------------------- */

/* The least that a user of the Sentinels needs, as words of ACL SETUSER (Redis 6.2 and later). */
extern const char redis_sentinel_rights[];

struct redis_sentinel_found {
        const char *address; /* "10.0.0.1:26379"; borrowed from the target                                    */
        bool is_refusal;     /* it was reached, and does not let its user do what is asked                    */
        struct err err;      /* what is wrong with it, from the command on; code 0: it can be asked and heard */
};

/* Asks each Sentinel of the target, all at once, what a client in use asks and subscribes to. `done` comes exactly once,
 * with one `found` for each, borrowed. ERR_NOMEM; ERR_INVALID for a target without Sentinels. */
int redis_sentinels_check(uv_loop_t *loop, struct redis_target *target, int64_t timeout_ms,
                          void (*done)(const struct redis_sentinel_found *found, size_t count, void *data), void *data,
                          struct err *err) NODISCARD;

#endif
