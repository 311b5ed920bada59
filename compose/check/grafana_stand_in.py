"""Answers Grafana's health check, if the files are mounted that Grafana needs."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

NEEDED = (
    "/etc/grafana/provisioning/datasources/soulsai.yaml",
    "/etc/grafana/provisioning/dashboards/soulsai.yaml",
    "/var/lib/grafana/dashboards/training.json",
    "/var/lib/grafana/dashboards/system.json",
    "/run/secrets/grafana.secret",
)


class Handler(BaseHTTPRequestHandler):
    """Answers 200 if every file can be read, and otherwise 503."""

    def do_GET(self) -> None:
        """Answer any path that ends like that of the health check: the proxy adds a prefix."""
        missing = [path for path in NEEDED if not Path(path).is_file() or not Path(path).read_bytes()]
        known = self.path in ("/api/health", "/grafana/api/health")
        self.send_response(404 if not known else 503 if missing else 200)
        self.end_headers()
        self.wfile.write(f"missing: {missing}\n".encode())


if __name__ == "__main__":
    HTTPServer(("0.0.0.0", 3000), Handler).serve_forever()
