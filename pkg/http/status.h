/* status: the phrases of status codes.
 *
 * Threads: any. */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

/* The phrase of a status code (RFC 9110, section 15), static: "Not Found"; "Unknown" for an unknown code. */
const char *status_phrase(int status);

#endif
