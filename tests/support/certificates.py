"""Certificates for tests, created by tests/support/make-certificates, which lists them."""

import os
import subprocess

MAKE = os.path.join(os.path.dirname(__file__), "make-certificates")


class Certificates:
    """A folder with ca.crt, server.crt, client.crt and others."""

    def __init__(self, folder):
        self.folder = str(folder)
        subprocess.run([MAKE, self.folder], check=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, name):
        with open(self.path(name), encoding="ascii") as file:
            return file.read()
