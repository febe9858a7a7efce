/* client_rig: code shared by the tests of a client against one scripted server. */
#ifndef REDIS_CLIENT_RIG_TEST_H
#define REDIS_CLIENT_RIG_TEST_H

#include "redis/rig_test.h"

static struct rig rig;
static struct fake fake;

static inline void start(fake_answer_fn *answer, struct redis_options options)
{
        rig_init(&rig);
        fake_start(&fake, &rig.loop, 0, answer);
        rig_open(&rig, options, fake.port);
}

static inline void stop(void)
{
        fake_stop(&fake);
        rig_fini(&rig);
}

static inline bool is(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

static inline const char *always_silent(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED,
                                        char **argv)
{
        return is(argv[0], "SET") ? "" : NULL;
}

static inline const char *dies(struct fake *f, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        if (!is(argv[0], "SET"))
                return NULL;
        fake_stop(f);
        return FAKE_CLOSE;
}

#endif
