/* feed_group: a group is open, then sent, then answered. The group stays in memory as long as it has members, because
 * they compare the outcome of the group's XADD with that of their SETs. When the last member has left, the group
 * returns to the pool. If the XADD has been sent by then, it is removed from the queue of commands; if it is already in
 * flight, the group is freed when the reply arrives. */
#include "feed_group.h"

#include <limits.h>
#include <stdlib.h>

#define NO_PLACE UINT_MAX /* no redis_place has this number */

enum {
        ROOM = 256,            /* an entry of two keys; longer ones are allocated                      */
        MARKS_APART_MS = 1000, /* an entry has one mark, so its documents must have been first sent within this time */
};

struct feed_group {
        struct feed_groups *groups;
        struct list link; /* in groups->open */
        struct redis *redis;
        unsigned master;           /* the Cluster master to which the SETs go; 0: any, or no Cluster */
        unsigned place, partition; /* the place for which the XADD was formatted */
        unsigned doubt_connection; /* on which it was, or may have been, first executed; 0: it is not repeated ... */
        uint64_t doubt_order;      /* ... and redis_command.order of that write                            */
        struct redis_command add;
        struct list members; /* members that wait for their reply              */
        size_t count;        /* number of `members`, as long as the group is open */
        size_t references;   /* members that have not left, plus 1 while on_reply runs */
        int64_t mark_ms;     /* -1: none */
        bool is_sent, is_answered;
        struct feed_again again;
        char room[ROOM];
};

static struct feed_member *member_of(struct list *link)
{
        return CONTAINER_OF(link, struct feed_member, link);
}

void feed_groups_init(struct feed_groups *groups, struct feed_today *today, struct feed_expiry *expiry)
{
        *groups = (struct feed_groups){ .today = today, .expiry = expiry };
        list_init(&groups->open);
}

void feed_groups_fini(struct feed_groups *groups)
{
        pool_fini(&groups->pool);
}

bool feed_groups_are_open(const struct feed_groups *groups)
{
        return !list_is_empty(&groups->open);
}

/* --- Its end -------------------------------------------------------------------------------------------- */

static void free_group(struct feed_group *group)
{
        list_remove(&group->link);
        redis_command_fini(&group->add);
        pool_give(&group->groups->pool, group);
}

static void remove_member(struct feed_member *member)
{
        struct feed_group *group = member->group;
        group->count -= !list_is_empty(&member->link);
        list_remove(&member->link);
        member->group = NULL;
        group->references--;
}

static void release(struct feed_group *group)
{
        if (--group->references > 0)
                return;
        /* A group in flight is freed by its reply. */
        if (!group->is_sent || group->is_answered || redis_cancel(group->redis, &group->add))
                free_group(group);
}

bool feed_group_leave(struct feed_member *member)
{
        struct feed_group *group = member->group;
        if (!group)
                return false;
        bool was_waiting = !list_is_empty(&member->link);
        group->references++;
        remove_member(member);
        release(group);
        return was_waiting;
}

/* --- The entry ------------------------------------------------------------------------------------------ */

bool feed_group_fall_behind(struct feed_member *member)
{
        struct feed_group *group = member->group;
        if (!group || list_is_empty(&member->link))
                return false;
        /* A document that went to another master had not been stored when the entry was added. Readers have therefore
         * skipped the document, and it needs no mark. */
        bool went_together = member->set->connection == group->add.connection;
        if (member->mark_ms < 0 && group->add.sent_first_ms > 0 && went_together)
                member->mark_ms = group->add.sent_first_ms;
        remove_member(member);
        if (group->is_sent)
                group->add.made_for = NO_PLACE; /* formatted again before it is written */
        else if (group->references == 0)
                free_group(group);
        return true;
}

static int format(struct feed_group *group, const struct redis_place *place)
{
        const char *keys[FEED_GROUP_MAX];
        size_t count = 0;
        for (struct list *at = list_first(&group->members); at; at = list_next(&group->members, at))
                keys[count++] = member_of(at)->key;
        struct feed_today *today = group->groups->today;
        struct feed_addition addition = { .stream = feed_today_stream(today, place, group->partition),
                                          .keys = keys,
                                          .count = count,
                                          .mark_ms = group->mark_ms };
        feed_again_fill(&group->again, today->day, &addition);
        return feed_add_args(&group->add, &addition, NULL);
}

/* Called before another entry is added, since readers may have seen this one. */
static void note_first(struct feed_group *group)
{
        if (group->doubt_connection != 0)
                return;
        group->doubt_connection = group->add.connection;
        group->doubt_order = group->add.order;
}

/* If memory runs out, the entry has no mark, and a list may show its documents twice. */
static void on_resend(struct redis_command *command)
{
        struct feed_group *group = CONTAINER_OF(command, struct feed_group, add);
        note_first(group);
        if (group->again.id.ms == 0 && group->again.before.ms == 0)
                feed_again_begin(&group->again, group->groups->highest, group->partition);
        if (list_is_empty(&group->members))
                return; /* no member is waiting for it any more */
        if (group->mark_ms < 0)
                group->mark_ms = command->sent_first_ms;
        (void)format(group, redis_place(group->redis));
}

/* Releases the members whose SET is in progress. */
static void withdraw_early(struct feed_group *group)
{
        for (struct list *at = list_first(&group->members), *next; at; at = next) {
                struct feed_member *member = member_of(at);
                next = list_next(&group->members, at);
                if (member->is_stored)
                        continue;
                if (member->mark_ms < 0 && group->add.sent_first_ms > 0)
                        member->mark_ms = group->add.sent_first_ms;
                remove_member(member);
                member->on_withdrawn(member);
        }
}

/* In another Cluster the entry does not follow the SETs, so members whose SET is in progress are released. */
static void set_place(struct feed_group *group, const struct redis_place *place)
{
        if (place->number == group->place)
                return;
        group->place = place->number;
        group->partition = place->is_cluster ? feed_today_any(group->groups->today) : 0;
        feed_again_begin(&group->again, group->groups->highest, group->partition);
        if (place->is_cluster)
                withdraw_early(group);
}

static enum redis_made on_place(struct redis_command *command, const struct redis_place *place)
{
        struct feed_group *group = CONTAINER_OF(command, struct feed_group, add);
        set_place(group, place);
        if (!list_is_empty(&group->members))
                return format(group, place) < 0 ? REDIS_NOT_MADE : REDIS_MADE;
        group->is_sent = false;
        if (group->references == 0)
                free_group(group);
        return REDIS_WITHDRAWN;
}

/* Makes the members wait for a second entry, which readers do not miss. False: no second entry is needed. */
static bool add_again(struct feed_group *group, const struct redis_reply *reply)
{
        if (!feed_again_is_due(&group->again, group->groups->highest, &group->add, reply) ||
            list_is_empty(&group->members))
                return false;
        const struct redis_place *place = redis_place(group->redis);
        note_first(group);
        if (place->number == group->place)
                (void)format(group, place);
        redis_send(group->redis, &group->add);
        return true;
}

static void on_reply(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_group *group = CONTAINER_OF(command, struct feed_group, add);
        struct list *link;
        if (add_again(group, reply))
                return;
        if (reply && redis_reply_type(reply) != REDIS_ERROR) {
                feed_expiry_note(group->groups->expiry, group->groups->today->day, group->partition);
                if (group->groups->on_entry)
                        group->groups->on_entry(group->groups->data);
        }
        group->is_answered = true;
        group->references++;
        while ((link = list_pop(&group->members)))
                member_of(link)->on_added(member_of(link), reply, err);
        release(group);
}

/* --- Its beginning -------------------------------------------------------------------------------------- */

/* A master may have lost its partition since the group was opened. False: all members were released. */
static bool choose_partition(struct feed_group *group)
{
        struct feed_today *today = group->groups->today;
        group->partition = feed_today_partition(today, group->redis, group->master);
        if (group->partition != FEED_PARTITION_NONE)
                return true;
        group->partition = feed_today_any(today);
        withdraw_early(group);
        return !list_is_empty(&group->members);
}

/* If there is no memory for its bytes, the next flush fails the command. */
static void send_group(struct feed_group *group)
{
        const struct redis_place *place = redis_place(group->redis);
        list_remove(&group->link);
        if (!choose_partition(group)) {
                if (group->references == 0)
                        free_group(group);
                return;
        }
        feed_again_begin(&group->again, group->groups->highest, group->partition);
        group->is_sent = true;
        group->add.made_for = group->place = place->number;
        (void)format(group, place);
        redis_send(group->redis, &group->add);
}

void feed_groups_send(struct feed_groups *groups)
{
        struct list *first;
        while ((first = list_first(&groups->open)))
                send_group(CONTAINER_OF(first, struct feed_group, link));
}

static struct feed_group *open_group(struct feed_groups *groups, struct redis *redis, const struct feed_member *member,
                                     unsigned master)
{
        struct feed_group *group = pool_take(&groups->pool, sizeof(*group));
        if (!group)
                return NULL;
        group->groups = groups;
        group->redis = redis;
        group->master = master;
        group->count = group->references = 0;
        group->mark_ms = member->mark_ms;
        group->doubt_connection = 0;
        group->doubt_order = 0;
        group->is_sent = group->is_answered = false;
        list_init(&group->members);
        list_init(&group->link);
        list_append(&groups->open, &group->link);
        redis_command_init(&group->add, on_reply);
        redis_command_room(&group->add, group->room, sizeof(group->room));
        group->add.on_resend = on_resend;
        group->add.on_place = on_place;
        group->add.generation_min = member->set->generation_min;
        group->add.is_uncounted = true; /* its SETs are in progress */
        return group;
}

/* All members share one mark and one target. */
static bool fits(const struct feed_group *group, const struct feed_member *member)
{
        if (group->add.generation_min != member->set->generation_min)
                return false;
        if (group->mark_ms < 0 || member->mark_ms < 0)
                return group->mark_ms < 0 && member->mark_ms < 0;
        return llabs(group->mark_ms - member->mark_ms) <= MARKS_APART_MS;
}

/* The open group; if the member does not fit into it, sends that group first and opens another. */
static struct feed_group *find_open(struct feed_groups *groups, const struct redis *redis,
                                    const struct feed_member *member, unsigned master)
{
        for (struct list *at = list_first(&groups->open); at; at = list_next(&groups->open, at)) {
                struct feed_group *group = CONTAINER_OF(at, struct feed_group, link);
                if (group->redis != redis || group->master != master)
                        continue;
                if (fits(group, member))
                        return group;
                send_group(group);
                break;
        }
        return NULL;
}

bool feed_groups_can_follow(const struct feed_groups *groups, const struct redis *redis, struct redis_command *set)
{
        return feed_today_partition(groups->today, redis, redis_master_of(redis, set)) != FEED_PARTITION_NONE;
}

int feed_group_join(struct feed_groups *groups, struct redis *redis, struct feed_member *member, struct err *err)
{
        unsigned master = redis_master_of(redis, member->set);
        if (feed_today_partition(groups->today, redis, master) == FEED_PARTITION_NONE)
                master = 0;
        struct feed_group *group = find_open(groups, redis, member, master);
        if (!group)
                group = open_group(groups, redis, member, master);
        if (!group)
                return err_set(err, ERR_NOMEM, "out of memory");
        if (member->mark_ms >= 0 && member->mark_ms < group->mark_ms)
                group->mark_ms = member->mark_ms;
        member->group = group;
        member->order_then = 0;
        list_init(&member->link);
        list_append(&group->members, &member->link);
        group->references++;
        if (++group->count == FEED_GROUP_MAX)
                send_group(group);
        return 0;
}

/* --- Which came first ----------------------------------------------------------------------------------- */

void feed_member_repeated(struct feed_member *member)
{
        if (member->set_connection != 0)
                return;
        member->set_connection = member->set->connection;
        member->set_order = member->set->order;
}

void feed_member_stored(struct feed_member *member)
{
        member->is_stored = true;
        member->order_then = member->group ? member->group->add.order : 0;
}

/* True if the entry was behind its document on the same connection when both were first lost. The nodes of a Cluster
 * may refuse one of the two repeated commands; a single server does not. */
static bool were_in_order(const struct feed_member *member, unsigned connection, uint64_t order)
{
        return member->set_connection == connection && member->set_order < order &&
               !redis_place(member->group->redis)->is_cluster;
}

bool feed_member_is_ahead(const struct feed_member *member)
{
        const struct redis_command *set = member->set, *add = feed_member_command(member);
        if (!add)
                return false;
        const struct feed_group *group = member->group;
        bool was_in_doubt = group->doubt_connection != 0;
        uint64_t order = was_in_doubt ? group->doubt_order : add->order;
        unsigned connection = was_in_doubt ? group->doubt_connection : add->connection;
        if (order > member->order_then) /* written when the document was already stored */
                return false;
        if (set->connection == connection && set->order < order)
                return false;
        if (were_in_order(member, connection, order) && set->order < add->order)
                return false;
        /* Both commands were lost, and are repeated in order. */
        bool are_repeated = was_in_doubt && set->attempts > 1;
        return !are_repeated || set->connection != add->connection || set->order > add->order;
}

struct redis_command *feed_member_command(const struct feed_member *member)
{
        return member->group && member->group->add.attempts > 0 ? &member->group->add : NULL;
}
