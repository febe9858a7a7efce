/* overview_info: asks Redis what it is (INFO), in the background.
 *
 * Threads: the worker's. */
#ifndef COLLECTOR_OVERVIEW_INFO_H
#define COLLECTOR_OVERVIEW_INFO_H

#include "instruments.h"
#include "overview.h"

/* Sends INFO unless an answer is young or to come, or the user may not send it. */
void overview_ask(struct worker *worker);
struct overview_server overview_server(struct overview *overview);
/* Over all workers; 0 before they run. */
double overview_documents(const struct overview *overview, enum document_result result);

/* Takes version, role and mode from a reply to INFO. */
void overview_read_info(const char *text, struct overview_server *server);

#endif
