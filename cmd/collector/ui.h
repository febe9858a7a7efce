/* ui: the web page, /ui/. The files are in the folder ui/ and in pkg/page/files.
 *
 * Threads: any. */
#ifndef COLLECTOR_UI_H
#define COLLECTOR_UI_H

#include "http/http.h"

void ui_get(struct http_request *request, void *worker);
void ui_redirect(struct http_request *request, void *worker); /* "/ui" */
/* Answers this `GET /` and returns true if a browser sent it. */
bool ui_takes_root(struct http_request *request);

#endif
