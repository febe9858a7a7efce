/* head: checks a request's head before anything acts on it. Two servers that disagree on where a request ends can be
 * made to hand one client's bytes to another ("request smuggling"; RFC 9112, section 11.2), so ambiguous heads are
 * rejected: field lines that are folded or have a space before the colon, a bare CR, a NUL, several Content-Lengths,
 * Content-Length together with Transfer-Encoding, any transfer coding but "chunked", no Host or two, an invalid Host,
 * two Content-Types. Control characters in values are rejected too, since they can cause harm in a log or on a
 * terminal.
 *
 * libmicrohttpd 1.0 checks the syntax of lines itself when it is told to be strict. 0.9.75 does not, but it leaves the
 * head in place in its memory and overwrites each colon, CR and LF that it parsed with a NUL. So the lines can be
 * checked by their addresses: each field must start right after the CR LF of the previous one, and the last must end
 * where the head ends. A NUL in the input, a bare LF and a folded line all break that chain. */
#include "http/head.h"

#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "base/decimal.h"
#include "http/target.h"

struct pass {
        struct head *head;
        const char *expected; /* where the next field line must start; NULL: not checked */
};

/* A token (RFC 9110, section 5.6.2). */
static bool is_token(const char *text, size_t length)
{
        static const char marks[] = "!#$%&'*+-.^_`|~";
        if (length == 0)
                return false;
        for (size_t i = 0; i < length; i++) {
                char c = text[i];
                bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                if (!alnum && c != '-' && !memchr(marks, c, sizeof(marks) - 1))
                        return false;
        }
        return true;
}

static bool is_id(const char *text, size_t length)
{
        if (length == 0 || length > CORRELATION_ID_MAX)
                return false;
        for (size_t i = 0; i < length; i++)
                if (text[i] < 0x21 || text[i] > 0x7e)
                        return false;
        return true;
}

static bool name_is(const char *name, size_t length, const char *wanted)
{
        return length == strlen(wanted) && !strncasecmp(name, wanted, length);
}

static void read_content_length(struct head *head, const char *value, size_t length)
{
        head->content_lengths++;
        if (length == 0)
                head->fault = "Content-Length is empty.";
        else if (decimal_parse(value, length, UINT64_MAX, &head->content_length) < 0)
                head->fault = "Content-Length is not a valid number.";
}

static void note_connection(struct head *head, const char *value, size_t length)
{
        for (const char *at = value, *end = value + length; at < end;) {
                const char *comma = memchr(at, ',', (size_t)(end - at));
                const char *next = comma ? comma : end;
                while (at < next && (*at == ' ' || *at == '\t'))
                        at++;
                size_t word = strcspn(at, " \t,");
                head->wants_close |= name_is(at, word, "close");
                head->wants_keep |= name_is(at, word, "keep-alive");
                at = next + 1;
        }
}

/* libmicrohttpd copies and parses the first Cookie field, although we never read cookies. */
static void note_cookies(struct head *head, const char *value, size_t length)
{
        if (head->cookie_bytes)
                return;
        head->cookie_bytes = length + HEAD_FIELD_BYTES;
        for (size_t i = 0; i < length; i++)
                head->cookie_bytes += value[i] == ';' || value[i] == ',' ? HEAD_FIELD_BYTES : 0;
}

static void note_host(struct head *head, const char *value, size_t length)
{
        head->hosts++;
        if (!target_is_host(value, length))
                head->fault = "Host is not a valid name or address.";
}

static void note_field(struct head *head, const char *name, size_t name_length, const char *value, size_t length)
{
        switch (name_length) {
        case 4:
                if (name_is(name, name_length, "host"))
                        note_host(head, value, length);
                break;
        case 6:
                if (name_is(name, name_length, "expect"))
                        head->expects_continue = name_is(value, length, "100-continue");
                else if (name_is(name, name_length, "cookie"))
                        note_cookies(head, value, length);
                break;
        case 8:
                if (name_is(name, name_length, "if-match"))
                        head->if_match = value;
                break;
        case 10:
                if (name_is(name, name_length, "connection"))
                        note_connection(head, value, length);
                break;
        case 12:
                head->content_types += name_is(name, name_length, "content-type");
                break;
        case 13:
                if (name_is(name, name_length, "authorization") && head->authorizations++ == 0)
                        head->authorization = value;
                head->if_none_match |= name_is(name, name_length, "if-none-match");
                break;
        case 14:
                if (name_is(name, name_length, "content-length"))
                        read_content_length(head, value, length);
                break;
        case 16:
                if (name_is(name, name_length, "x-correlation-id") && !head->correlation_id && is_id(value, length))
                        head->correlation_id = value;
                break;
        case 17:
                if (name_is(name, name_length, "transfer-encoding")) {
                        head->transfer_encodings++;
                        head->chunked = name_is(value, length, "chunked");
                }
                break;
        case 19:
                head->if_unmodified_since |= name_is(name, name_length, "if-unmodified-since");
                break;
        default:
                break;
        }
}

/* Finds a control character other than a tab. Most values are long enough to check eight bytes at a time. */
static bool has_control(const char *text, size_t length)
{
        const uint64_t ones = 0x0101010101010101U;
        const uint64_t tops = ones << 7;
        size_t i = 0;
        for (; i + 8 <= length; i += 8) {
                uint64_t word;
                memcpy(&word, text + i, 8);
                uint64_t del = word ^ (ones * 0x7f);
                if ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & tops)
                        break; /* some byte is DEL or below a space; it may be a tab */
        }
        for (; i < length; i++)
                if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
                        return true;
        return false;
}

/* Follows the chain of addresses described above; false where it breaks. */
static bool follow(struct pass *pass, const char *name, size_t name_length, const char *value, size_t length)
{
        if (!pass->expected)
                return true;
        if (name != pass->expected || value <= name + name_length || value[length] || value[length + 1])
                return false;
        for (const char *at = name + name_length + 1; at < value; at++)
                if (*at != ' ' && *at != '\t')
                        return false;
        pass->expected = value + length + 2;
        return true;
}

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind UNUSED, const char *name, size_t name_length,
                                const char *value, size_t length)
{
        struct pass *pass = cls;
        struct head *head = pass->head;
        head->fields++;
        if (!value) {
                value = "";
                length = 0;
        }
        if (!is_token(name, name_length))
                head->fault = "A field name contains an invalid character.";
        else if (!follow(pass, name, name_length, value, length) || memchr(value, '\r', length))
                head->fault = "A line of the head is folded or does not end with CR LF.";
        else if (has_control(value, length))
                head->fault = "A field contains a control character.";
        if (head->fault)
                return MHD_NO;
        if (pass->expected && length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) {
                /* 0.9.75 keeps trailing whitespace, which is not part of the value (RFC 9110, section 5.5). */
                while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
                        length--;
                ((char *)(uintptr_t)value)[length] = '\0';
        }
        note_field(head, name, name_length, value, length);
        return head->fault ? MHD_NO : MHD_YES;
}

/* Checks the request line by its addresses too, and records where the first field line must start. */
static bool start_chain(struct pass *pass, const struct request_line *line)
{
        const char *version = line->version;
        if (line->target != line->method + strlen(line->method) + 1 ||
            version != line->target + line->target_length + 1 || version[8] || version[9])
                return false;
        pass->expected = version + 10;
        return true;
}

static const char *framing_fault(const struct head *head, const char *version)
{
        if (head->transfer_encodings && head->content_lengths)
                return "Content-Length and Transfer-Encoding are mutually exclusive.";
        if (head->transfer_encodings > 1 || (head->transfer_encodings && !head->chunked))
                return "The only supported transfer coding is \"chunked\".";
        if (head->content_lengths > 1)
                return "The request has several Content-Length fields.";
        bool old = !strcmp(version, "HTTP/1.0");
        if (old && head->transfer_encodings)
                return "HTTP/1.0 has no Transfer-Encoding.";
        if (head->hosts > 1 || (head->hosts == 0 && !old))
                return "The request must have exactly one Host field.";
        if (head->content_types > 1)
                return "The request has several Content-Type fields.";
        return NULL;
}

void head_check(struct head *head, struct MHD_Connection *mhd, const struct request_line *line, bool by_address)
{
        struct pass pass = { .head = head };
        const union MHD_ConnectionInfo *size = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
        by_address = by_address && size;
        if (!is_token(line->method, strlen(line->method)) || (by_address && !start_chain(&pass, line))) {
                head->fault = "The request line is malformed.";
                return;
        }
        (void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_field, &pass);
        if (!head->fault && by_address && pass.expected + 2 != line->method + size->header_size)
                head->fault = "A line of the head is folded or does not end with CR LF.";
        if (!head->fault)
                head->fault = framing_fault(head, line->version);
        head->is_old = !strcmp(line->version, "HTTP/1.0");
        head->closes = head->wants_close || (!head->wants_keep && head->is_old);
}
