/* denial: why a request whose head is sound is not carried out: it lacks a token, or its condition does not hold.
 *
 * Threads: any. */
#ifndef HTTP_DENIAL_H
#define HTTP_DENIAL_H

struct denial { /* static */
        int status;
        const char *challenge; /* of WWW-Authenticate (RFC 6750, section 3); NULL: none */
        const char *detail;
};

#endif
