/* attr: the compiler attributes that the code base uses, under one name each.
 *
 * Threads: any (macros only). */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

/* The caller must check the result; a result ignored on purpose is cast to void, with the reason. */
#define NODISCARD __attribute__((warn_unused_result))
/* Argument `fmt_index` is a printf format for the arguments from `first` on (both count from 1). */
#define PRINTF_LIKE(fmt_index, first) __attribute__((format(printf, fmt_index, first)))
/* The parameter is part of a callback's signature but is not used. */
#define UNUSED __attribute__((unused))
/* The structure that contains `member`, given a pointer to that member. (The formatter would mistake the subtraction
 * for the cast of a negative number.) */
/* clang-format off */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))
/* clang-format on */
/* The number of elements of an array (not of a pointer). */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
