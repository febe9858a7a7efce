/* budget: two atomic counters, charged before they are checked. Threads that race for the last free bytes may both be
 * refused, but never both admitted. */
#include "redis/budget.h"

enum { COMMANDS_MAX = 20000, BYTES_MAX = 64 << 20 };

bool redis_budget_charge(struct redis_budget *budget, size_t commands, size_t bytes)
{
        size_t commands_max = budget->commands_max ? budget->commands_max : COMMANDS_MAX;
        size_t bytes_max = budget->bytes_max ? budget->bytes_max : BYTES_MAX;
        size_t commands_before = atomic_fetch_add_explicit(&budget->commands, commands, memory_order_relaxed);
        size_t bytes_before = atomic_fetch_add_explicit(&budget->bytes, bytes, memory_order_relaxed);
        bool has_room = commands == 0 || commands_before < commands_max;
        if (has_room && bytes_before < bytes_max && bytes <= bytes_max - bytes_before)
                return true;
        redis_budget_give_back(budget, commands, bytes);
        return false;
}

void redis_budget_give_back(struct redis_budget *budget, size_t commands, size_t bytes)
{
        atomic_fetch_sub_explicit(&budget->commands, commands, memory_order_relaxed);
        atomic_fetch_sub_explicit(&budget->bytes, bytes, memory_order_relaxed);
}

void redis_budget_resize(struct redis_budget *budget, size_t before, size_t now)
{
        atomic_fetch_add_explicit(&budget->bytes, now, memory_order_relaxed);
        atomic_fetch_sub_explicit(&budget->bytes, before, memory_order_relaxed);
}
