/* utf8: checks the table of well-formed byte sequences in RFC 3629, section 4, with a few comparisons. */
#include "base/utf8.h"

#include <stdbool.h>

static bool is_continuation(unsigned char c)
{
        return (c & 0xC0) == 0x80;
}

size_t utf8_length(const unsigned char *at, const unsigned char *end)
{
        size_t left = (size_t)(end - at);
        if (left == 0)
                return 0;
        unsigned char lead = at[0];
        if (lead < 0x80)
                return 1;
        if (lead < 0xC2 || lead > 0xF4 || left < 2)
                return 0;
        if (lead < 0xE0)
                return is_continuation(at[1]) ? 2 : 0;
        /* The second byte's range excludes overlong forms, surrogates and code points above U+10FFFF. */
        unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (at[1] < low || at[1] > high || left < 3 || !is_continuation(at[2]))
                return 0;
        if (lead < 0xF0)
                return 3;
        return left >= 4 && is_continuation(at[3]) ? 4 : 0;
}

size_t utf8_write(char out[4], uint32_t code_point)
{
        if (code_point >= 0xD800 && code_point <= 0xDFFF)
                code_point = 0xFFFD;
        if (code_point < 0x80) {
                out[0] = (char)code_point;
                return 1;
        }
        size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
        for (size_t i = length - 1; i > 0; i--) {
                out[i] = (char)(0x80 | (code_point & 0x3F));
                code_point >>= 6;
        }
        static const unsigned char leads[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
        out[0] = (char)(leads[length] | code_point);
        return length;
}
