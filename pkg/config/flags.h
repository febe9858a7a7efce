/* flags: the command line, one flag at a time. */
#ifndef CONFIG_FLAGS_H
#define CONFIG_FLAGS_H

#include "config/finding.h"
#include "config/limits.h"

/* `finding.option` is NULL for the flags of every program, which `builtin` names. */
struct flag_walk {
        int argc;
        char *const *argv;
        int next; /* index in argv; 1 at the start */
        enum { FLAG_OPTION, FLAG_CONFIG, FLAG_HELP, FLAG_VERSION } builtin;
        char place[NAME_SIZE];
};
/* 1 with a flag in `finding`, 0 at the end, or ERR_INVALID. */
int config_flag_next(const struct config_program *program, struct flag_walk *walk, struct finding *finding,
                     struct err *err) NODISCARD;

#endif
