/* budget: limits what several queues hold and have in flight together (struct redis_budget of redis.h).
 *
 * Threads: any. */
#ifndef REDIS_BUDGET_H
#define REDIS_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "redis/redis.h"

/* One command of so many bytes. False: the budget is used up. */
bool redis_budget_charge(struct redis_budget *budget, size_t bytes);
void redis_budget_give_back(struct redis_budget *budget, size_t bytes);
/* A command that is charged already has changed its size. */
void redis_budget_resize(struct redis_budget *budget, size_t before, size_t now);

#endif
