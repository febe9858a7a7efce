/* slurp: reads a whole file. */
#include "config/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int config_slurp(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
        if (buf_reserve(out, max_bytes + 1) < 0)
                return err_set(err, ERR_NOMEM, "out of memory");
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return err_errno(err, "open %s", path);
        ssize_t count = 1;
        while (count != 0 && out->len <= max_bytes) {
                count = read(fd, out->data + out->len, max_bytes + 1 - out->len);
                if (count < 0 && errno != EINTR)
                        break;
                out->len += count > 0 ? (size_t)count : 0;
        }
        int rc = count < 0 ? err_errno(err, "read %s", path) : 0;
        (void)close(fd); /* opened for reading: nothing can be lost */
        if (rc == 0 && out->len > max_bytes)
                rc = err_set(err, ERR_LIMIT, "%s: larger than %zu bytes", path, max_bytes);
        return rc;
}
