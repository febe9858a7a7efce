/* limits: the maximum that a program reads from each input. */
#ifndef CONFIG_LIMITS_H
#define CONFIG_LIMITS_H

enum {
        NAME_SIZE = 128, /* a flag, variable or key with its NUL; longer ones are unknown */
        SUGGESTION_SIZE = NAME_SIZE + 32,
        TEXT_MAX = 64 * 1024,
        LIST_MAX = 1000,
        FILE_MAX = 1024 * 1024,
        DEPTH_MAX = 8,
};

#endif
