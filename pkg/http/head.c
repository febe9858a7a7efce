/* head: what a request's head must look like before anyone acts on it. Two servers that disagree where
 * a request ends can be made to hand one client's bytes to another ("request smuggling"; RFC 9112,
 * section 11.2), so what is ambiguous is refused: field lines folded or with space before the colon, a
 * bare CR, a NUL, several Content-Lengths, Content-Length beside Transfer-Encoding, any transfer coding
 * but "chunked", no Host or two.
 *
 * libmicrohttpd 1.0 checks the syntax of lines itself when it is told to be strict. 0.9.75 does not, but
 * it leaves the head in place in its memory, with a NUL for each colon, CR and LF that it has seen. So
 * the lines can be checked by their addresses: each field must start right after the CR LF of the one
 * before, and the last must end where the head ends. A NUL that was sent, a bare LF and a folded line
 * all break that chain. */
#include <string.h>
#include <strings.h>

#include "http/internal.h"

struct pass {
        struct http_request *request;
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

static void read_content_length(struct head_facts *head, const char *value, size_t length)
{
        uint64_t number = 0;
        head->content_lengths++;
        for (size_t i = 0; i < length; i++) {
                if (value[i] < '0' || value[i] > '9' || number > (UINT64_MAX - 9) / 10) {
                        head->fault = "Content-Length is no number that can be used.";
                        return;
                }
                number = number * 10 + (uint64_t)(value[i] - '0');
        }
        if (length == 0)
                head->fault = "Content-Length is empty.";
        head->content_length = number;
}

static void note_field(struct head_facts *head, const char *name, size_t name_length, const char *value, size_t length)
{
        switch (name_length) {
        case 4:
                head->hosts += name_is(name, name_length, "host");
                break;
        case 6:
                if (name_is(name, name_length, "expect"))
                        head->expects_continue = name_is(value, length, "100-continue");
                break;
        case 13:
                if (name_is(name, name_length, "authorization") && head->authorizations++ == 0)
                        head->authorization = value;
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
        default:
                break;
        }
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
        struct head_facts *head = &pass->request->head;
        head->fields++;
        if (!value) {
                value = "";
                length = 0;
        }
        if (!is_token(name, name_length))
                head->fault = "A field name has a character that it must not have.";
        else if (!follow(pass, name, name_length, value, length) || memchr(value, '\r', length))
                head->fault = "A line of the head is folded, or does not end with CR LF alone.";
        if (head->fault)
                return MHD_NO;
        if (pass->expected && length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) {
                /* 0.9.75 keeps the space at a value's end, which is no part of it (RFC 9110, section 5.5). */
                while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
                        length--;
                ((char *)(uintptr_t)value)[length] = '\0';
        }
        note_field(head, name, name_length, value, length);
        return head->fault ? MHD_NO : MHD_YES;
}

/* Checks the request line by its addresses too, and tells where the first field line must start. */
static bool start_chain(struct pass *pass, const char *method, const char *version)
{
        const struct http_request *request = pass->request;
        if (request->raw_target != method + strlen(method) + 1 ||
            version != request->raw_target + request->target_length + 1 || version[8] || version[9])
                return false;
        pass->expected = version + 10;
        return true;
}

static const char *framing_fault(const struct head_facts *head, const char *version)
{
        if (head->transfer_encodings && head->content_lengths)
                return "Content-Length and Transfer-Encoding exclude each other.";
        if (head->transfer_encodings > 1 || (head->transfer_encodings && !head->chunked))
                return "The only transfer coding that is known here is \"chunked\".";
        if (head->content_lengths > 1)
                return "There are several Content-Lengths.";
        bool old = !strcmp(version, "HTTP/1.0");
        if (old && head->transfer_encodings)
                return "HTTP/1.0 has no Transfer-Encoding.";
        if (head->hosts > 1 || (head->hosts == 0 && !old))
                return "There must be one Host.";
        return NULL;
}

void head_check(struct http_request *request, const char *method, const char *version)
{
        struct head_facts *head = &request->head;
        struct pass pass = { .request = request };
        const union MHD_ConnectionInfo *size =
                MHD_get_connection_info(request->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
        bool by_address = !request->worker->server->strict_library && size;
        if (!is_token(method, strlen(method)) || (by_address && !start_chain(&pass, method, version))) {
                head->fault = "The request line is malformed.";
                return;
        }
        (void)MHD_get_connection_values_n(request->conn->mhd, MHD_HEADER_KIND, on_field, &pass);
        if (!head->fault && by_address && pass.expected + 2 != method + size->header_size)
                head->fault = "A line of the head is folded, or does not end with CR LF alone.";
        if (!head->fault)
                head->fault = framing_fault(head, version);
}
