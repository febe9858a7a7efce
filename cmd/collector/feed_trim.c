/* feed_trim: an XDEL is never held and never repeated: it runs now, on this target, or not at all. */
#include "feed_trim.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

enum {
        PER_SECOND = 5000,
        ALLOWANCE_MAX = 1024,
        DELETE_MAX = 32, /* per command and per turn; it delays documents in Redis by 0.06 ms */
};

struct feed_trim_delete {
        struct redis_command command;
        struct feed_trim *trim;
};

static bool is_off(const struct feed_trim *trim, unsigned generation)
{
        return !trim->redis || (trim->is_refused && trim->refused_generation == generation);
}

void feed_trim_note(struct feed_trim *trim, int64_t day, unsigned partition, struct feed_id id, unsigned generation)
{
        if (is_off(trim, generation) || trim->count == FEED_TRIM_MAX ||
            (int64_t)id.ms + trim->age_ms >= clock_realtime_ms())
                return;
        if (trim->count > 0 && (trim->generation != generation || trim->day != day))
                return;
        trim->day = day;
        trim->generation = generation;
        trim->noted[trim->count++] = (struct feed_trim_place){ .id = id, .partition = partition };
}

static void on_deleted(struct redis_command *command, const struct redis_reply *reply, UNUSED const struct err *err)
{
        struct feed_trim_delete *delete = CONTAINER_OF(command, struct feed_trim_delete, command);
        struct feed_trim *trim = delete->trim;
        if (reply && redis_reply_type(reply) == REDIS_ERROR && !is_off(trim, command->generation)) {
                trim->is_refused = true;
                trim->refused_generation = command->generation;
                trim->on_refused(trim->data, redis_reply_text(reply, NULL));
        }
        redis_command_fini(command);
        free(delete);
}

/* The ids belong to another server's stream. */
static enum redis_made on_place(UNUSED struct redis_command *command, UNUSED const struct redis_place *place)
{
        return REDIS_NOT_MADE;
}

/* If memory runs out, the next reader records the ids again. */
static void send_delete(struct feed_trim *trim, unsigned partition, const struct feed_id ids[], size_t count)
{
        char texts[DELETE_MAX][FEED_ID_SIZE];
        char stream[FEED_STREAM_SIZE];
        const char *argv[DELETE_MAX + 2] = { "XDEL", stream };
        (void)feed_stream(redis_place(trim->redis)->key_prefix, trim->day, partition, stream);
        size_t lengths[DELETE_MAX + 2] = { 4, strlen(stream) };
        struct feed_trim_delete *delete = calloc(1, sizeof(*delete));
        if (!delete)
                return;
        for (size_t i = 0; i < count; i++) {
                argv[i + 2] = feed_id_format(ids[i], texts[i]);
                lengths[i + 2] = strlen(texts[i]);
        }
        delete->trim = trim;
        redis_command_init(&delete->command, on_deleted);
        delete->command.on_place = on_place;
        delete->command.made_for = redis_place(trim->redis)->number;
        delete->command.once = delete->command.must_not_hold = true;
        if (redis_command_args(&delete->command, count + 2, argv, lengths, NULL) < 0)
                free(delete);
        else
                redis_send(trim->redis, &delete->command);
}

static bool is_allowed(struct feed_trim *trim, size_t count)
{
        int64_t now_ms = clock_monotonic_ms();
        int64_t filled = trim->allowance + (now_ms - trim->filled_ms) * PER_SECOND / 1000;
        trim->allowance = filled < ALLOWANCE_MAX ? filled : ALLOWANCE_MAX;
        trim->filled_ms = now_ms;
        if (trim->allowance < (int64_t)count)
                return false;
        trim->allowance -= (int64_t)count;
        return true;
}

/* Moves the ids of one partition out of the recorded ones. Returns their number. */
static size_t take_ids(struct feed_trim *trim, unsigned partition, struct feed_id ids[DELETE_MAX])
{
        size_t taken = 0, left = 0;
        for (size_t i = 0; i < trim->count; i++) {
                if (trim->noted[i].partition == partition && taken < DELETE_MAX)
                        ids[taken++] = trim->noted[i].id;
                else
                        trim->noted[left++] = trim->noted[i];
        }
        trim->count = left;
        return taken;
}

void feed_trim_turn(struct feed_trim *trim)
{
        struct feed_id ids[DELETE_MAX];
        if (trim->count == 0)
                return;
        if (redis_state(trim->redis) != REDIS_READY || redis_generation(trim->redis) != trim->generation) {
                trim->count = 0;
                return;
        }
        unsigned partition = trim->noted[0].partition;
        size_t count = take_ids(trim, partition, ids);
        if (is_allowed(trim, count))
                send_delete(trim, partition, ids, count); /* the rest in the next turn */
        else
                trim->count = 0;
}
