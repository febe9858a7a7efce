/* redis, inside: what the files of this folder share. From the outside in: client.c keeps one connection in
 * use, one on its way and old ones that drain (reconnect.c), and a queue of held commands (queue.c); a
 * connection (conn.c) asks locate.c where the primary is, opens a channel (transport.c), introduces itself
 * (handshake.c), writes commands and reads replies (flow.c, reply.c), which failure.c judges.
 *
 * Threads: loop only, but for the target. */
#ifndef REDIS_INTERNAL_H
#define REDIS_INTERNAL_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "redis/command_private.h"
#include "redis/failure.h"
#include "redis/handshake.h"
#include "redis/probe.h"
#include "redis/reader.h"
#include "redis/redis.h"
#include "redis/sentinel_check.h"
#include "redis/slots.h"
#include "redis/target_private.h"

/* Why a command fails; queue.c has the code and the words. */
enum redis_reason {
        REASON_AWAY,     /* its hold time passed                          */
        REASON_FULL,     /* the budget is used up                         */
        REASON_NOT_HELD, /* must_not_hold, and no connection              */
        REASON_CLOSED,   /* redis_close                                   */
        REASON_ONCE,     /* may have been done and must not be sent again */
        REASON_SLOW,     /* in flight when its hold time passed           */
        REASON_GUILTY,   /* it ends connections                           */
        REASON_NOMEM,    /* it was sent without bytes                     */
        REASON_PLACE,    /* on_place has not made it for another place    */
};

/* --- Targets ------------------------------------------------------------------------------------------- */

enum { REDIS_ADDRESSES_MAX = 16 };

struct redis_address {
        struct sockaddr_storage storage;
        socklen_t length;
};

struct redis_addresses {
        struct redis_address list[REDIS_ADDRESSES_MAX];
        size_t count;
};

/* --- TLS (tls_target.c, tls_words.c; tls.c has the transport) -------------------------------------------- */

struct redis_tls; /* what the connections of a target share */
struct redis_channel;
struct redis_tls_session;

int redis_tls_new(const struct redis_target_options *options, struct redis_tls **out, struct err *err) NODISCARD;
void redis_tls_free(struct redis_tls *tls); /* NULL is fine */
bool redis_tls_equal(const struct redis_tls *a, const struct redis_tls *b);
/* Fills the fields about TLS; nothing for a plain channel. */
void redis_tls_describe(const struct redis_channel *channel, struct redis_probe_result *out);

/* --- Where the primary is (locate.c): the one place that asks a name server or a Sentinel ---------------- */

struct redis_locate; /* a look-up under way */
/* `at` is the target itself, or a view on it with the place that a Sentinel named; borrowed. Without it, `err`. */
typedef void redis_located_fn(struct redis_target *at, const struct redis_addresses *found, const struct err *err,
                              void *data);

/* 1: `now` is filled (a numeric address or a path). 0: `done` comes later, unless *out is cancelled. */
int redis_locate(struct redis *client, struct redis_target *target, struct redis_addresses *now, redis_located_fn *done,
                 void *data, struct redis_locate **out, struct err *err) NODISCARD;
void redis_locate_cancel(struct redis_locate *locate); /* NULL is fine; `done` never comes */
/* When the client closes, and when its last look-up has ended. */
void redis_lookups_cancel(struct redis *client);
void redis_lookups_free(struct redis *client);

/* --- Sentinel (sentinel.c) ------------------------------------------------------------------------------- */

struct redis_sentinels; /* a question to the Sentinels of a target, under way */
/* A view on the target, borrowed, or NULL and `err`. */
typedef void redis_primary_fn(struct redis_target *primary, const struct err *err, void *data);

/* Asks who is the primary; `done` comes later, unless it is cancelled. */
int redis_sentinels_ask(struct redis *client, struct redis_target *target, redis_primary_fn *done, void *data,
                        struct redis_sentinels **out, struct err *err) NODISCARD;
void redis_sentinels_cancel(struct redis_sentinels *sentinels); /* NULL is fine; `done` never comes */
/* Host and port as a Sentinel says them, borrowed; false: they are none. */
bool redis_sentinel_place(const struct redis_reply *host, const struct redis_reply *port, const char **host_out,
                          uint16_t *port_out);

/* question.c: one command to one Sentinel. The caller sets the first two and keeps it until `closed`. */
struct redis_question {
        /* Once at most, unless it is ended before: a reply, or NULL and `err`. */
        void (*done)(struct redis_question *question, const struct redis_reply *reply, const struct err *err);
        void (*closed)(struct redis_question *question); /* it may be freed, or asked again */
        struct redis *client;
        struct redis_command command;
        bool is_over;
};

enum { REDIS_QUESTION_ARGUMENTS_MAX = 5 };

/* ERR_NOMEM: nothing was begun, and nothing will come. */
int redis_question_ask(struct redis_question *question, uv_loop_t *loop, struct redis_target *origin, size_t index,
                       int64_t limit_ms, size_t argc, const char *const argv[], struct err *err) NODISCARD;
void redis_question_end(struct redis_question *question); /* once it was asked */

enum { REDIS_SENTINEL_CHANNELS = 4 };
extern const char *const redis_sentinel_channels[REDIS_SENTINEL_CHANNELS]; /* what is subscribed to */

/* sentinel_watch.c: subscriptions to the Sentinels of the target in use. `conn` is ready and about to take commands:
 * where a failover from it is under way, or could be without our knowing, it is held. */
struct redis_sentinel_watch;
struct conn;
void redis_sentinel_watch_follow(struct redis *client, struct conn *conn);
void redis_sentinel_watch_close(struct redis_sentinel_watch *watch); /* NULL is fine */

/* second_look.c: asks who is the primary, this Sentinel first; where it is another one, that is used. */
void redis_look_again(struct redis *client, unsigned sentinel);

/* --- Channels (transport.c): one socket, and a table of how bytes travel on it -------------------------- */

struct conn;

struct redis_transport {
        /* After the socket is connected, at each event: 1 when bytes can travel, 0 to wait for the next. */
        int (*ready)(struct redis_channel *channel, struct err *err);
        /* Bytes taken or given, or -1 with errno. No parts: only sends on what is pending. */
        ssize_t (*send)(struct redis_channel *channel, const struct iovec *parts, size_t count);
        ssize_t (*recv)(struct redis_channel *channel, void *bytes, size_t size);
        void (*close)(struct redis_channel *channel); /* NULL: there is nothing to say or to free */
        bool short_read_is_last; /* a read that does not fill the buffer has emptied the channel, but for has_unread */
};

extern const struct redis_transport redis_transport_plain, redis_transport_tls;

struct redis_channel {
        uv_poll_t poll;
        const struct redis_transport *transport;
        struct redis *client;
        struct conn *conn; /* NULL once closed */
        int fd;
        int events;                    /* UV_READABLE, UV_WRITABLE: what is waited for               */
        bool has_pending;              /* send took more than the socket did                         */
        bool has_unread;               /* there is more to read, and the poll does not know          */
        struct redis_tls_session *tls; /* NULL: plain, or not begun                                  */
        struct err problem;            /* what EPROTO from send or recv means; code 0: nothing more  */
};

/* Starts to connect; redis_conn_event tells of the rest. */
int redis_channel_open(struct redis *client, struct conn *conn, const struct redis_address *address,
                       struct redis_channel **out, struct err *err) NODISCARD;
int redis_channel_connected(struct redis_channel *channel, struct err *err) NODISCARD; /* asked once, when writable */
void redis_channel_wait(struct redis_channel *channel, int events); /* and for what has_pending and has_unread need */
/* Puts a failure of send or recv into words; returns err->code. */
int redis_channel_problem(const struct redis_channel *channel, int errnum, const char *doing, struct err *err);
void redis_channel_close(struct redis_channel *channel); /* NULL is fine */

/* --- Connections (conn.c) -------------------------------------------------------------------------------- */

enum conn_state { CONN_LOCATING, CONN_CONNECTING, CONN_SECURING, CONN_HANDSHAKE, CONN_READY, CONN_CLOSED };

struct conn {
        struct redis *client;
        struct redis_target *target; /* the place in use, once it is known: the client's, or a view on it */
        unsigned generation;         /* the caller's number for the target */
        unsigned epoch;              /* ours: counts redis_set_target      */
        enum conn_state state;

        struct redis_locate *locate;
        int64_t looked_ms;     /* when it was last asked where the primary is        */
        bool look_again;       /* once more when the look-up under way is done      */
        int64_t hold_until_ms; /* nothing is written (sentinel_watch.c); 0: all is      */
        bool is_suspect;       /* a Sentinel names another primary: one is looked for */
        struct redis_addresses addresses;
        size_t address_next;
        int64_t deadline_ms;         /* until it must be ready         */
        int64_t address_deadline_ms; /* until the next address is tried */

        struct redis_channel *channel;
        struct redis_reader *reader;
        struct redis_handshake handshake;

        struct list in_flight;         /* written, in order                                          */
        struct list refused;           /* "not now", in order, until in_flight is empty               */
        struct redis_command *partial; /* the last of in_flight, when only its first bytes are written */
        size_t partial_written;
        bool has_turn; /* more may be taken from `held` (suspects.c)                        */
        bool is_reading;
        bool blocked;             /* the socket takes no more; waits to be writable                    */
        int64_t heard_ms;         /* the last byte, or the first command in flight after a quiet time    */
        int64_t answered_ms;      /* the last whole reply, or likewise                                 */
        enum redis_failure pause; /* a command was refused: no more are written until in_flight is empty */
        bool is_retired;          /* has a successor: closes when in_flight is empty                     */
        int64_t renew_ms;         /* when it is to have a successor for its age; 0: never                */
        bool is_old;              /* that time has come                                                  */
        int64_t drain_deadline_ms;

        unsigned number;   /* of the client's connections, from 1 */
        struct conn *next; /* in client->draining or client->dead */
};

struct conn *redis_conn_new(struct redis *client, struct redis_target *target, struct err *err);
void redis_conn_start(struct conn *conn);
/* Forgets the sockets; what is in flight must have been taken away before. Freed when the client is left. */
void redis_conn_close(struct conn *conn);
void redis_conn_free(struct conn *conn);
void redis_conn_event(struct conn *conn, int status, int events); /* from the channel */
void redis_conn_tick(struct conn *conn, int64_t now_ms);
void redis_conn_handshake_reply(struct conn *conn, const struct redis_reply *reply);
/* It is of no use any more, in whatever state it is: the next address, or redis_conn_lost. */
void redis_conn_broken(struct conn *conn, const struct err *why);

/* second_look.c: called now and then while it is in use. May close it. */
void redis_second_look(struct conn *conn, int64_t now_ms);

/* upkeep.c */
void redis_upkeep_init(struct redis *client);
void redis_upkeep_start(struct redis *client); /* there is a new active connection */

/* flow.c */
void redis_conn_read(struct conn *conn);
void redis_conn_write(struct conn *conn); /* from the client's held queue what the socket takes */

/* --- The client (client.c, reconnect.c, queue.c) ---------------------------------------------------------------------- */

enum { REDIS_READ_BYTES = 64 << 10, REDIS_TICK_MS = 50 };

struct redis {
        uv_loop_t *loop;
        struct redis_options options; /* defaults filled in */
        struct redis_budget own_budget;
        struct redis_target *target;
        unsigned generation, epoch;
        unsigned generation_in_use;
        struct redis_place place;
        struct redis_target *place_target; /* a reference: it has the prefix */

        struct redis_lookup *lookups; /* of names; also those that no attempt waits for */
        struct conn *active;          /* takes commands; NULL while Redis is away      */
        struct conn *opening;         /* on its way to `target`                        */
        struct conn *draining;        /* retired, with commands in flight              */
        struct conn *dead;            /* closed, freed when the last entry is left     */
        uv_timer_t tick;              /* runs while anything waits                     */
        uv_timer_t retry;             /* the next attempt                              */
        uv_timer_t upkeep;            /* the next PING, or renewal, of `active`        */
        struct redis_command ping;

        struct list held;   /* in order of deadline */
        struct list aside;  /* also held, in the same order: each is sent alone (suspects.c) */
        struct list later;  /* also held, until a target of their generation is reached: generation_min */
        struct list failed; /* to be answered       */
        size_t held_count, in_flight_count;

        void (*on_message)(const struct redis_reply *message, void *data); /* of a subscription; options.data. NULL */
        struct redis_sentinel_watch *watch;                                /* NULL without Sentinel */
        bool is_brief;               /* it will not be there for long: it listens to nobody             */
        unsigned sentinel_first;     /* which one is asked first, modulo their number: the last that was right */
        struct redis_command *alone; /* of those, the one whose turn it is: first in `held`, or in flight. NULL */
        size_t window,
                window_answers; /* how much may be in flight; 0: all. And how much was answered since it changed */
        uint64_t answered[REDIS_KINDS]; /* commands of this kind or more */
        struct redis_command trial;     /* a write of our own */
        bool trial_failed;
        int64_t trial_after_ms;
        unsigned trial_tag;
        bool wants_write; /* what failed was a write: only the answer to one shows that Redis is back */

        unsigned failures; /* since the last answer; the exponent of the backoff */
        uint64_t random;
        int64_t away_since_ms; /* 0 while it is usable */
        struct err last_error;
        bool is_denied;    /* the last attempt failed for its credentials      */
        bool second_first; /* of the target's passwords the second one is right */

        struct redis_counters counters;
        void (*on_batch)(size_t commands, void *data);
        void *on_batch_data;
        void (*on_round_trip)(int64_t us, void *data);
        void *on_round_trip_data;

        struct redis_cluster *cluster;      /* NULL: a single server, or none yet                   */
        struct redis_cluster_node *nodes;   /* of the Cluster in use                                */
        struct redis_cluster_node *leaving; /* of former ones, and those without a slot: they drain */
        struct redis_cluster_node *node;    /* this is the client of a node; NULL: it is the caller's */
        size_t seed_next;                   /* which node is asked for the map next                 */
        bool reroutes;                      /* something in `held` may be for a node                */

        unsigned connections_made;
        uint64_t written; /* commands */
        unsigned depth;   /* entries that are not left yet: nothing is freed */
        unsigned holds;   /* handles and look-ups that are not closed yet    */
        bool is_closing;
        void (*on_closed)(void *data);
        void *on_closed_data;

        char read_buffer[REDIS_READ_BYTES];
};

/* Around everything that may call back: what is closed meanwhile is freed by the last leave. */
void redis_enter(struct redis *client);
void redis_leave(struct redis *client);
void redis_hold(struct redis *client);
void redis_release(struct redis *client);
void redis_wake(struct redis *client); /* something waits: the tick has to run */

static inline int64_t redis_now_ms(const struct redis *client)
{
        return (int64_t)uv_now(client->loop);
}

/* reconnect.c */
void redis_retry_after(struct redis *client, int64_t wait_ms);   /* 0: next turn; else unless one is planned */
void redis_write_held(struct redis *client);                     /* where it is usable                      */
void redis_emit(struct redis *client, struct redis_event event); /* the numbers of it are filled in */
uint64_t redis_random(struct redis *client);                     /* to spread what happens together         */
void redis_conn_is_ready(struct conn *conn);
/* It never became ready. `failure`: NONE (cannot be reached), DENIED, or why it can't be written to. */
void redis_conn_failed(struct conn *conn, enum redis_failure failure, const struct err *err);
void redis_conn_lost(struct conn *conn, const struct err *err);
void redis_conn_replied(struct conn *conn, struct redis_command *command, const struct redis_reply *reply);
void redis_cluster_entered(struct redis *client); /* its map is in use: a single server's connection drains */

/* queue.c */
void redis_queue_fail(struct redis *client, struct redis_command *command, enum redis_reason reason);
void redis_queue_hold_again(struct redis *client, struct list *list); /* merged into held by deadline */
/* It may have been done: appends it to `list` to be sent again, or fails it. */
void redis_queue_doubt(struct redis *client, struct redis_command *command, struct list *list);
void redis_queue_refused(struct redis *client, struct redis_command *command, struct list *list);
void redis_queue_rescue(struct redis *client, struct conn *conn); /* everything back from a lost connection */
void redis_queue_answer(struct redis *client, struct redis_command *command, const struct redis_reply *reply);
void redis_queue_free_stand_in(struct redis_command *command);
void redis_queue_expire(struct redis *client, int64_t now_ms);
void redis_queue_expire_in_flight(struct redis *client, struct conn *conn, int64_t now_ms);
void redis_queue_drop_impatient(struct redis *client); /* must_not_hold, now that there is no connection */
void redis_queue_deliver(struct redis *client);        /* answers what has failed */
bool redis_is_usable(const struct redis *client);
void redis_queue_move(struct redis *from, struct redis *to, struct redis_command *command);
void redis_queue_release(struct redis *client); /* those in `later` whose target is in use now; all when it closes */
void redis_queue_rejoin(struct redis *client);  /* what was put aside is held as all else is */
void redis_queue_take_held(struct redis *from, struct redis *to);
void redis_queue_ask(struct redis *client, struct redis_command *command); /* puts ASKING before a held one */

/* --- Who ends connections (suspects.c) ------------------------------------------------------------------ */

/* The connection in use was lost; before what is in flight is taken back. */
void redis_suspects_lost(struct redis *client, const struct conn *conn);
void redis_suspects_forget_turn(struct redis *client); /* there is another connection in use, or none */
bool redis_suspects_is_guilty(const struct redis_command *command);
void redis_suspects_answered(struct redis *client, const struct redis_command *command);
/* Before the connection in use takes more. False: nothing, until what is in flight is answered. */
bool redis_suspects_take_turn(struct conn *conn);
size_t redis_suspects_room(const struct redis *client); /* for how many commands more */
/* Sends a write that shows whether Redis does any. False: there is none to send. */
bool redis_try_write(struct redis *client);

/* --- Places (place.c): commands that wait for one place and go to another -------------------------------- */

/* Commands go to this target from now on. */
void redis_place_set(struct redis *client, struct redis_target *target, unsigned generation, bool is_cluster);
static inline bool redis_is_misplaced(const struct redis *client, const struct redis_command *command)
{
        return command->on_place && command->made_for != client->place.number;
}
/* Has a held command made anew, in its place in the queue. False: it is not there any more. */
bool redis_queue_remake(struct redis *client, struct redis_command *command);

/* --- Cluster (slots.c, nodes.c, cluster.c) --------------------------------------------------------------- */

enum { REDIS_REDIRECTS_MAX = 16 };

/* --- Trial: the commands of a probe (trial.c) --- */

struct redis_trial_step;
typedef void redis_trial_done_fn(const struct err *why, void *data); /* NULL: all is well */

struct redis_trial_plan {
        redis_trial_done_fn *done;
        void *data;
        struct redis_trial_step *steps, **end;
        struct redis_trial_step *first; /* of this master */
        size_t group;                   /* the master's number, from 1 */
        size_t waiting;                 /* replies to come */
        uint64_t id;                    /* random: others may try the same Redis */
        char key[512];                  /* what this master's own keys begin with */
        size_t key_length;
        char tried[160], refused[160], lacks[64]; /* names of commands */
        struct err denied;                        /* the first refusal; code 0: none */
        bool is_over;
};

void redis_trial_init(struct redis_trial_plan *plan, redis_trial_done_fn *done, void *data);
/* Sends all of it. The client is ready. */
int redis_trial_begin(struct redis_trial_plan *plan, struct redis *client, const struct redis_trial *trial,
                      const char *prefix, struct err *err) NODISCARD;
void redis_trial_fini(struct redis_trial_plan *plan); /* nothing of it is queued */
extern const struct redis_trial redis_trial_plain;

struct redis_cluster_node {
        struct redis *router, *redis; /* the caller's client, and this node's own */
        const char *host;
        uint16_t port;
        size_t slots;    /* how many it owns             */
        int64_t used_ms; /* when it was redirected to; 0 */
        bool is_leaving;
        bool is_switch; /* leaves with its generation   */
        int64_t drain_deadline_ms;
        struct redis_cluster_node *next; /* in router->nodes or router->leaving */
};

struct redis_cluster {
        struct redis_target *target; /* what its nodes are entered as */
        unsigned epoch, generation;
        struct redis_slots *slots; /* the last map */
        struct redis_cluster_node *owner[REDIS_SLOTS];
        size_t covered; /* slots with an owner */
        bool wants_map;
        int64_t mapped_ms, interval_ms; /* when the last map came, and how long the next has to wait */
};

struct redis_cluster_node *redis_node_open(struct redis *router, struct redis_target *origin, const char *host,
                                           uint16_t port); /* NULL: out of memory */
struct redis_cluster_node *redis_node_find(const struct redis *router, const char *host, uint16_t port);
void redis_node_leave(struct redis_cluster_node *node, bool is_switch);
void redis_nodes_reap(struct redis *router);  /* closes those that have left and are drained */
void redis_nodes_close(struct redis *router); /* with it */
void redis_nodes_observe(const struct redis *router);
size_t redis_nodes_held(const struct redis *router);
size_t redis_nodes_in_flight(const struct redis *router);
struct redis_counters redis_nodes_counters(const struct redis *router); /* with the router's own */

/* Where the next connection to `target` goes: a reference; NULL: out of memory. */
struct redis_target *redis_cluster_seed(struct redis *client);
void redis_cluster_want_map(struct redis *client);
bool redis_cluster_wants_connection(const struct redis *client);
bool redis_cluster_takes(struct conn *conn); /* a connection that is ready; false: it is one to a single server */
struct redis *redis_cluster_home(struct redis *client, struct redis_command *command);
void redis_cluster_flush(struct redis *client);
/* What a node's reply means; FAILURE_MOVED: the command is gone from there. */
enum redis_failure redis_cluster_judge(struct conn *conn, struct redis_command *command,
                                       const struct redis_reply *reply);
bool redis_cluster_is_ready(const struct redis *client);
int64_t redis_cluster_away_ms(const struct redis *client);
size_t redis_cluster_masters(const struct redis *client); /* that own slots */
struct redis *redis_cluster_any(struct redis *client);    /* a node with a connection, or the client itself */
void redis_cluster_free(struct redis_cluster *cluster);   /* NULL is fine   */

#endif
