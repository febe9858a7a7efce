"""Binding folders as the kubelet writes them (kubernetes pkg/volume/util/atomic_writer.go):

    <root>/<name>/..2026_11_24_08_15_30.123456789/host
    <root>/<name>/..data -> ..2026_11_24_08_15_30.123456789
    <root>/<name>/host -> ..data/host
"""

import os
import shutil
import time


class BindingRoot:
    """The folder that SERVICE_BINDING_ROOT points to."""

    def __init__(self, path):
        self.path = str(path)
        os.makedirs(self.path, exist_ok=True)

    def environment(self):
        return {"SERVICE_BINDING_ROOT": self.path}

    def write(self, name, **entries):
        """Creates a binding, or replaces it as a whole in the kubelet's order: write("db", **{"tls.crt": ...})."""
        folder = os.path.join(self.path, name)
        os.makedirs(folder, exist_ok=True)
        data = os.path.join(folder, "..data")
        old = os.readlink(data) if os.path.islink(data) else None
        stamp = time.strftime("..%Y_%m_%d_%H_%M_%S.") + str(time.monotonic_ns() % 10**10)
        os.mkdir(os.path.join(folder, stamp))
        for entry, value in entries.items():
            with open(os.path.join(folder, stamp, entry), "wb") as file:
                file.write(value if isinstance(value, bytes) else str(value).encode())
        os.symlink(stamp, os.path.join(folder, "..data_tmp"))
        os.rename(os.path.join(folder, "..data_tmp"), data)
        for entry in entries:
            link = os.path.join(folder, entry)
            if not os.path.islink(link):
                os.symlink(os.path.join("..data", entry), link)
        for entry in os.listdir(folder):
            if not entry.startswith("..") and entry not in entries:
                os.unlink(os.path.join(folder, entry))
        if old:
            shutil.rmtree(os.path.join(folder, old))

    def redis(self, name, server, **entries):
        """A binding of type redis to a RedisServer or a proxy, by host and port."""
        self.write(name, **{"type": "redis", "host": server.host, "port": server.port, **entries})

    def write_plain(self, name, **entries):
        """A folder of plain files, as created by hand."""
        folder = os.path.join(self.path, name)
        os.makedirs(folder, exist_ok=True)
        for entry, value in entries.items():
            with open(os.path.join(folder, entry), "wb") as file:
                file.write(value if isinstance(value, bytes) else str(value).encode())

    def remove(self, name):
        shutil.rmtree(os.path.join(self.path, name))
