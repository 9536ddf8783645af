"""A backend that needs no keys and no user table: the gateway says who is calling.

Listen where only the gateway can reach it; whoever else can connect can write these headers.
"""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOTES = {"acme": ["call the printer"], "globex": ["sell the moon"]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        tenant = self.headers.get("X-Tenant-Id")
        body = json.dumps({
            "language": "python",
            "path": self.path,
            "tenant": tenant,
            "plan": self.headers.get("X-Plan"),
            "permissions": self.headers.get("X-Permissions", "").split(","),
            "notes": NOTES.get(tenant, []),
        }).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
print("listening on 127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
