"""A service that takes messages, on this machine."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from waiting import wait_for


class Service:
    """Keeps what it was sent, and answers with the given codes, then with 200.

    Attributes:
        requests: (method, path, headers, body) of each.
        answers: codes, or code and headers, of the next answers.
    """

    def __init__(self):
        self.requests = []
        self.answers = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = service.answers.pop(0) if service.answers else 200
                code, headers = answer if isinstance(answer, tuple) else (answer, {})
                service.requests.append((self.command, self.path, dict(self.headers), body))
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PUT = do_POST  # noqa: N815

            def log_message(self, *args):
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/secret-topic"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def wait_for(self, count):
        """The first `count` requests, once they are there."""
        wait_for(f"{count} requests", lambda: len(self.requests) >= count, pause=0.01)
        return self.requests[:count]

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def service():
    made = Service()
    yield made
    made.close()
