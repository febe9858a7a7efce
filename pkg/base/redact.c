/* redact: names are searched for words that indicate secrets. Values are searched for the forms of secrets (a marker, a
 * prefix, a URL's user part), and finally for long runs of mixed letters and digits that only machines write. The
 * tables are the rules; to add a rule, add a row. The prefixes are those that services document so that scanners find
 * leaked tokens. */
#include "base/redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "base/hex.h"

enum { RANDOM_RUN = 20, HEX_RUN = 32, SCRATCH_KEPT = 4096 };

/* The letter in lower case; other characters never map to a letter. */
static unsigned char fold(char c)
{
        return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Makes one pass over the text, since every access log line is checked here; most characters do not begin a word. */
static bool has_word(const char *text, const char *const *words, size_t count)
{
        bool begins[256] = { false };
        for (size_t i = 0; i < count; i++)
                begins[fold(words[i][0])] = true;
        for (; *text; text++) {
                unsigned char c = fold(*text);
                if (!begins[c])
                        continue;
                for (size_t i = 0; i < count; i++)
                        if (fold(words[i][0]) == c && strncasecmp(text, words[i], strlen(words[i])) == 0)
                                return true;
        }
        return false;
}

/* True if one of the words, which are too short to search for, is a whole part between `_`, `-` and `.`. */
static bool has_part(const char *text, const char *const *words, size_t count)
{
        while (*text) {
                size_t length = strcspn(text, "_-.");
                for (size_t i = 0; i < count; i++) {
                        if (strlen(words[i]) == length && strncasecmp(text, words[i], length) == 0)
                                return true;
                }
                text += length;
                text += *text != '\0';
        }
        return false;
}

bool redact_name(const char *name)
{
        static const char *const words[] = {
                "pass",       "secret",  "token",      "key",       "credential", "auth", "private",
                "cookie",     "session", "dsn",        "signature", "salt",       "cert", "connection",
                "encryption", "bearer",  "kubeconfig", "webhook",   "connstr",    "pwd",
        };
        static const char *const parts[] = { "pat",  "pin", "psk", "jwt", "sas",  "otp",
                                             "totp", "pem", "pw",  "sig", "code", "nonce" };
        if (strcmp(name, "PWD") == 0 || strcmp(name, "OLDPWD") == 0) /* folders (POSIX, "Environment Variables") */
                return false;
        return has_word(name, words, COUNT_OF(words)) || has_part(name, parts, COUNT_OF(parts));
}

/* The name of a header field whose value is a secret. Less strict than redact_name: `idempotency-key` and
 * `sec-websocket-key` are not secrets. */
static bool is_secret_header(const char *name)
{
        static const char *const words[] = {
                "authorization", "cookie",  "token",      "secret",    "password", "passwd", "api-key", "apikey",
                "access-key",    "session", "credential", "signature", "private",  "x-auth", "jwt",     "assertion",
        };
        return has_word(name, words, COUNT_OF(words));
}

/* scheme://user:password@host: finds the text before the last @ of the authority, with or without a password. */
static bool has_url_user(const char *value)
{
        for (const char *at = strstr(value, "://"); at; at = strstr(at + 3, "://")) {
                size_t authority = strcspn(at + 3, "/?# \t\"'");
                if (memchr(at + 3, '@', authority))
                        return true;
                /* An unescaped / or # in a password hides the @ from the rule above. */
                size_t word = strcspn(at + 3, " \t\"'");
                const char *late = memchr(at + 3, '@', word);
                const char *colon = memchr(at + 3, ':', word);
                if (late && colon && colon < late)
                        return true;
        }
        return false;
}

/* Three parts of base64url, the first of which is a JSON object (RFC 7519). */
static bool has_jwt(const char *value)
{
        const char *at = strstr(value, "eyJ");
        return at && strchr(at, '.') != NULL;
}

bool redact_known_form(const char *value)
{
        static const char *const marks[] = {
                "-----BEGIN",       "password=",
                "passwd=",          "pwd=",
                "secret=",          "token=",
                "apikey=",          "api_key=",
                "api-key=",         "accountkey=",
                "accesskey=",       "access_key=",
                "sharedaccesskey=", "sharedaccesssignature",
                "signature=",       "sig=",
                "password:",        "secret:",
                "token:",           "\"password\"",
                "\"secret\"",       "\"token\"",
                "\"auth\"",         "private_key",
                "private-key",      "requirepass",
                "authorization:",
        };
        static const char *const prefixes[] = {
                "ghp_",
                "gho_",
                "ghu_",
                "ghs_",
                "ghr_",
                "github_pat_",
                "glpat-",
                "xoxb-",
                "xoxp-",
                "xoxa-",
                "xoxs-",
                "xapp-",
                "AKIA",
                "ASIA",
                "sk-",
                "sk_live_",
                "rk_live_",
                "AIza",
                "ya29.",
                "hvs.",
                "hvb.",
                "SG.",
                "npm_",
                "pypi-",
                "dckr_pat_",
                "dop_v1_",
                "shpat_",
                "dapi",
                "AGE-SECRET-KEY-",
        };
        static const char *const schemes[] = { "bearer ", "basic ", "digest ", "negotiate " };
        if (has_word(value, marks, COUNT_OF(marks)) || has_url_user(value) || has_jwt(value))
                return true;
        for (size_t i = 0; i < COUNT_OF(schemes); i++) {
                if (strncasecmp(value, schemes[i], strlen(schemes[i])) == 0)
                        return true;
        }
        for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
                const char *at = strstr(value, prefixes[i]);
                if (at && (at == value || !isalnum((unsigned char)at[-1])) && strlen(at) >= strlen(prefixes[i]) + 8)
                        return true;
        }
        return false;
}

/* Judges a run of base64 or hexadecimal characters. */
static bool looks_random(const char *run, size_t length)
{
        size_t upper = 0, lower = 0, digits = 0, hex = 0;
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)run[i];
                upper += isupper(c) != 0;
                lower += islower(c) != 0;
                digits += isdigit(c) != 0;
                hex += isxdigit(c) || c == '-';
        }
        if (length >= HEX_RUN && hex == length && digits > 0)
                return true;
        return length >= RANDOM_RUN && digits >= 2 && upper >= 2 && lower >= 2;
}

bool redact_value(const char *value)
{
        if (redact_known_form(value))
                return true;
        while (*value) {
                size_t length = strcspn(value, " \t\r\n,;:\"'=&?@|()<>[]{}");
                /* In a path a slash separates segments, each of which is checked; elsewhere it is a base64 digit. */
                if (length > 0 && (value[0] == '/' || value[0] == '.' || value[0] == '~'))
                        length = 1 + strcspn(value + 1, " \t\r\n,;:\"'=&?@|()<>[]{}/");
                if (looks_random(value, length))
                        return true;
                value += length;
                value += length == 0;
        }
        return false;
}

/* --- Request targets ----------------------------------------------------------------------------- */

/* Decodes percent-encoding in place; invalid escapes stay. False if there were no escapes. */
static bool decode(struct buf *text)
{
        size_t to = 0;
        for (size_t from = 0; from < text->len; to++) {
                const char *at = text->data + from;
                int high = *at == '%' && from + 2 < text->len ? hex_digit(at[1]) : -1;
                int low = high >= 0 ? hex_digit(at[2]) : -1;
                bool is_escape = low >= 0;
                unsigned char c = is_escape ? (unsigned char)((unsigned)high << 4 | (unsigned)low) : (unsigned char)*at;
                if (c == 0)
                        c = ' '; /* the searches stop at a NUL */
                text->data[to] = (char)c;
                from += is_escape ? 3 : 1;
        }
        bool changed = to < text->len;
        text->data[to] = '\0';
        text->len = to;
        return changed;
}

/* user:password@host, with or without a scheme. */
static bool has_user(const char *piece)
{
        const char *colon = strchr(piece, ':');
        return colon && strchr(colon, '@');
}

/* Judges a piece as sent, decoded, and decoded twice. Returns 1 if it has the form of a secret, 0, or ERR_*. */
static int judge_piece(struct buf *scratch, const char *piece, size_t length)
{
        buf_clear(scratch, SCRATCH_KEPT);
        int rc = buf_append(scratch, piece, length);
        if (rc < 0 || length == 0)
                return rc;
        for (int i = 0; i < 3; i++) {
                if (redact_known_form(scratch->data) || has_user(scratch->data))
                        return 1;
                if (!decode(scratch))
                        break;
        }
        return 0;
}

/* True for a name that indicates a secret, and for a name that contains an escape or is too long to check, since it may
 * hide anything. */
static bool is_secret_name(const char *text, size_t length)
{
        char name[64];
        if (length >= sizeof(name) || memchr(text, '%', length))
                return true;
        memcpy(name, text, length);
        name[length] = '\0';
        return redact_name(name);
}

/* The output for the pieces, and the settings of their check. */
struct pieces {
        struct buf *out;
        struct buf scratch;
        bool judged; /* the target may contain a secret's form; otherwise only names are checked   */
};

/* Appends the piece at `at`: a segment of the path, or a parameter. `ends` are the characters that end it. `limits` are
 * the characters that end the hidden part, since a secret may contain the others. Returns the number of bytes consumed,
 * or ERR_*. */
static ptrdiff_t put_piece(struct pieces *pieces, const char *at, const char *ends, const char *limits,
                           bool has_authority)
{
        size_t length = strcspn(at, ends), shown = 0;
        const char *equals = memchr(at, '=', length);
        size_t name = equals ? (size_t)(equals - at) : 0;
        int hide = equals && is_secret_name(at, name) ? 1 : 0;
        if (!hide && has_authority)
                hide = memchr(at, '@', length) != NULL;
        if (!hide && pieces->judged)
                hide = judge_piece(&pieces->scratch, at, length);
        if (!hide && pieces->judged && equals)
                hide = judge_piece(&pieces->scratch, equals + 1, length - name - 1);
        if (hide < 0)
                return hide;
        if (hide) {
                length = strcspn(at, limits);
                shown = equals ? name + 1 : 0;
        } else {
                shown = length;
        }
        int rc = buf_append(pieces->out, at, shown);
        if (rc == 0 && hide)
                rc = buf_puts(pieces->out, REDACTED);
        return rc < 0 ? rc : (ptrdiff_t)length;
}

/* Without these characters there is neither a name with a value nor a piece to check. */
static bool has_pieces(const char *target)
{
        return strpbrk(target, "=%:@ ") || redact_known_form(target);
}

int redact_target(struct buf *out, const char *target)
{
        if (!has_pieces(target))
                return buf_puts(out, target);
        struct pieces pieces = { .out = out, .judged = strpbrk(target, "%@ ") || redact_known_form(target) };
        bool in_query = false, is_absolute = strstr(target, "://") != NULL;
        size_t slashes = 0;
        int rc = 0;
        buf_init(&pieces.scratch, 0);
        while (rc == 0) {
                ptrdiff_t taken = put_piece(&pieces, target, in_query ? "&;?#" : "/;?#", in_query ? "&" : "/?",
                                            is_absolute && !in_query && slashes == 2);
                if (taken < 0)
                        rc = (int)taken;
                if (taken < 0 || !target[taken])
                        break;
                target += taken;
                slashes += *target == '/';
                in_query = in_query || *target == '?' || *target == '#';
                rc = buf_putc(out, *target++);
        }
        buf_fini(&pieces.scratch);
        return rc;
}

int redact_field(struct buf *out, const char *name, const char *value)
{
        static const char *const targets[] = {
                "referer",       "location",        "content-location", "x-original-url",  "x-original-uri",
                "x-rewrite-url", "x-forwarded-uri", "x-request-uri",    "x-forwarded-url", "x-envoy-original-path"
        };
        for (size_t i = 0; i < COUNT_OF(targets); i++)
                if (strcasecmp(name, targets[i]) == 0)
                        return redact_target(out, value);
        return buf_puts(out, is_secret_header(name) || redact_known_form(value) ? REDACTED : value);
}

const char *redact_shown_target(struct buf *out, const char *target)
{
        if (!has_pieces(target))
                return target;
        return redact_target(out, target) == 0 ? out->data : REDACTED;
}
