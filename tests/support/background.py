"""Calls that run in the background of a test."""

import threading

from .deadline import PATIENCE


class Background:
    """Runs call() in a thread; `result()` waits for its value, or raises its exception."""

    def __init__(self, call):
        self._call, self._value, self._error = call, None, None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        try:
            self._value = self._call()
        except Exception as error:  # pylint: disable=broad-except
            self._error = error

    def done(self):
        return not self._thread.is_alive()

    def outcome(self, seconds=60.0):
        """Returns the value, or the exception as a value."""
        self._thread.join(seconds * PATIENCE)
        assert self.done(), "no result in time"
        return self._error if self._error is not None else self._value

    def result(self, seconds=60.0):
        value = self.outcome(seconds)
        if self._error is not None:
            raise self._error
        return value


def post_later(program, body, path="/v1/documents", headers=None):
    """Posts in the background, on a separate connection."""
    def call():
        with program.client() as client:
            return client.post(path, body, headers)
    return Background(call)
