/* decimal: writing a number computes the length first, then writes the digits from last to first, so that nothing is
 * moved. Parsing a number checks before each digit that the result stays below the maximum, so that nothing
 * overflows. */
#include "base/decimal.h"

#include "base/err.h"

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

size_t decimal_span(const char *text, size_t length)
{
        size_t digits = 0;
        while (digits < length && text[digits] >= '0' && text[digits] <= '9')
                digits++;
        return digits;
}

int decimal_parse(const char *text, size_t length, uint64_t max, uint64_t *out)
{
        uint64_t number = 0;
        if (length == 0 || decimal_span(text, length) < length)
                return ERR_INVALID;
        for (size_t i = 0; i < length; i++) {
                uint64_t digit = (uint64_t)(text[i] - '0');
                if (digit > max || number > (max - digit) / 10)
                        return ERR_LIMIT;
                number = number * 10 + digit;
        }
        *out = number;
        return 0;
}

int decimal_parse_thousandths(const char *text, size_t length, uint64_t *out)
{
        char digits[] = "000";
        if (length == 0 || decimal_span(text, length) < length)
                return ERR_INVALID;
        for (size_t i = 0; i < length && i < 3; i++)
                digits[i] = text[i];
        return decimal_parse(digits, 3, 999, out);
}
