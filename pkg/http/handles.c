/* handles: libuv closes a handle in a later turn of the loop, so a struct with several handles can be freed only when
 * the last one is closed. */
#include "http/handles.h"

void handles_add(struct handles *handles, uv_handle_t *handle)
{
        handle->data = handles;
        handles->open++;
}

static void on_closed(uv_handle_t *handle)
{
        struct handles *handles = handle->data;
        if (--handles->open == 0)
                handles->on_all_closed(handles);
}

void handles_close(uv_handle_t *handle)
{
        uv_close(handle, on_closed);
}
