"""Sends bodies with many documents to Collector."""

import json

from . import described
from .http_client import RawConnection, request_bytes

PATH = "/v1/documents"
NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(documents):
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def post(client, body, query="", **headers):
    return client.post(PATH + query, body, {**NDJSON, **{name.replace("_", "-"): value for name, value in headers.items()}})


class Upload:
    """A chunked body; the test decides when each chunk is sent."""

    def __init__(self, collector, query="", headers=None):
        self.query = query
        self.connection = RawConnection("127.0.0.1", collector.port, 60)
        self.connection.send(request_bytes("POST", PATH + query, None,
                                           {**NDJSON, "Transfer-Encoding": "chunked", **(headers or {})}))

    def send(self, body):
        self.connection.send(b"%x\r\n%b\r\n" % (len(body), body))
        return self

    def finish(self):
        self.connection.send(b"0\r\n\r\n")
        return self.answer()

    def answer(self):
        answer = self.connection.read_answer("POST")
        described.check("POST", PATH + self.query, answer)
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
