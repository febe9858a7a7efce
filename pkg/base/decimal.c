/* decimal: computes the length first, then writes the digits from last to first, so that nothing is moved. */
#include "base/decimal.h"

size_t decimal_length(uint64_t number)
{
        size_t digits = 1;
        for (; number >= 10; number /= 10)
                digits++;
        return digits;
}

char *decimal_put(char *out, uint64_t number)
{
        char *end = out + decimal_length(number);
        char *at = end;
        do {
                *--at = (char)('0' + number % 10);
                number /= 10;
        } while (number > 0);
        return end;
}
