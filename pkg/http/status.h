/* status: the reason phrases of status codes.
 *
 * Threads: any. */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

/* The reason phrase of a status code (RFC 9110, section 15), such as "Not Found"; "Unknown" for an unknown code.
 * Static. */
const char *status_phrase(int status);

#endif
