/* denial: why a request with a valid head is refused: it lacks a token, or its precondition fails.
 *
 * Threads: any. */
#ifndef HTTP_DENIAL_H
#define HTTP_DENIAL_H

struct denial { /* static */
        int status;
        const char *challenge; /* value of WWW-Authenticate (RFC 6750, section 3); NULL: no such field */
        const char *detail;
};

#endif
