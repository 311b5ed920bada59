"""Answers Grafana's health check, below the path that the proxy uses too; only if it was given what Grafana needs."""

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
    """200 where every file can be read, 503 where not."""

    def do_GET(self) -> None:
        """Any path that ends like the health check's."""
        missing = [path for path in NEEDED if not Path(path).is_file() or not Path(path).read_bytes()]
        known = self.path in ("/api/health", "/grafana/api/health")
        self.send_response(404 if not known else 503 if missing else 200)
        self.end_headers()
        self.wfile.write(f"missing: {missing}\n".encode())


if __name__ == "__main__":
    HTTPServer(("0.0.0.0", 3000), Handler).serve_forever()
