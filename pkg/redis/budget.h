/* budget: limits what several queues hold and have in flight together (struct redis_budget of redis.h).
 *
 * Threads: any. */
#ifndef REDIS_BUDGET_H
#define REDIS_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "redis/redis.h"

/* Charges a command of that many bytes; `commands` is 1, or 0 for one that is not counted. False: the budget is used
 * up. */
bool redis_budget_charge(struct redis_budget *budget, size_t commands, size_t bytes);
void redis_budget_give_back(struct redis_budget *budget, size_t commands, size_t bytes);
/* Adjusts the charge of a command whose size has changed. */
void redis_budget_resize(struct redis_budget *budget, size_t before, size_t now);

#endif
