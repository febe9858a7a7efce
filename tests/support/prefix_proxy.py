"""A reverse proxy that serves a program below a path prefix, like an Ingress with a path: /prefix/x becomes /x."""

import http.client
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

OWN = {"connection", "transfer-encoding", "keep-alive"}


class PrefixProxy:
    """`answer`, if set, answers each request instead of the program: (status, headers, body)."""

    def __init__(self, program, prefix):
        self.answer = None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if proxy.answer:
                    return proxy.answer
                if not self.path.startswith(prefix + "/"):
                    return 404, [], b"not below the prefix"
                connection = http.client.HTTPConnection(program.host, program.port, timeout=30)
                try:
                    connection.request(self.command, self.path[len(prefix):], body, dict(self.headers))
                    answer = connection.getresponse()
                    return answer.status, answer.getheaders(), answer.read()
                finally:
                    connection.close()

            def do_GET(self):  # pylint: disable=invalid-name
                status, headers, body = self._forward()
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in OWN | {"content-length"}:
                        self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host, self.port = self._server.server_address
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
