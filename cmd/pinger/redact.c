/* redact: names are searched for words that stand for secrets; values for the forms that secrets have
 * (a marker, a prefix, a URL's user part), and at last for long runs that mix letters and digits as only
 * machines do. The tables are the rules: a new one is a new row. Prefixes are those that the services
 * themselves document so that scanners find leaked tokens. */
#include "redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"

enum { RANDOM_RUN = 20, HEX_RUN = 32 };

static bool has_word(const char *text, const char *const *words, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strcasestr(text, words[i]))
                        return true;
        }
        return false;
}

/* True if one of the parts between `_`, `-` and `.` is one of the words: for words too short to search for. */
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

bool redact_header(const char *name)
{
        static const char *const words[] = {
                "authorization", "cookie",  "token",      "secret",    "password", "passwd", "api-key", "apikey",
                "access-key",    "session", "credential", "signature", "private",  "x-auth", "jwt",     "assertion",
        };
        return has_word(name, words, COUNT_OF(words));
}

/* scheme://user:password@host: what stands before the last @ of the authority, with a password or without. */
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

/* Judges a run of characters as base64 and hexadecimal numbers have them. */
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
                /* A path is judged by its segments; elsewhere a slash is a digit of base64. */
                if (length > 0 && (value[0] == '/' || value[0] == '.' || value[0] == '~'))
                        length = 1 + strcspn(value + 1, " \t\r\n,;:\"'=&?@|()<>[]{}/");
                if (looks_random(value, length))
                        return true;
                value += length;
                value += length == 0;
        }
        return false;
}

int redact_target(struct buf *out, const char *target)
{
        size_t path = strcspn(target, "?");
        int rc = buf_append(out, target, path);
        const char *at = target + path;
        while (rc == 0 && *at) { /* at '?' or '&' */
                size_t name_length = strcspn(at + 1, "=&"), length = 1 + strcspn(at + 1, "&");
                char name[64];
                size_t kept = name_length < sizeof(name) ? name_length : sizeof(name) - 1;
                memcpy(name, at + 1, kept);
                name[kept] = '\0';
                bool has_value = 1 + name_length < length;
                /* A name with an escape in it may hide anything; so may one too long to look at. */
                bool hide = has_value && (redact_name(name) || strchr(name, '%') || kept < name_length);
                rc = buf_append(out, at, hide ? name_length + 2 : length);
                if (rc == 0 && hide)
                        rc = buf_puts(out, REDACTED);
                at += length;
        }
        return rc;
}
