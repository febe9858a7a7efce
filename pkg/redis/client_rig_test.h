/* client_rig: what the tests of a client against one scripted server share. */
#ifndef REDIS_CLIENT_RIG_TEST_H
#define REDIS_CLIENT_RIG_TEST_H

#include "redis/fake_redis_test.h"

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

/* A port where nothing listens. */
static inline uint16_t dead_port(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
        (void)close(fd); /* it only showed a free port */
        return ntohs(address.sin_port);
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
