"""A backend that charges by the word: ten credits for each one it was sent.

The number goes out in X-Credits-Used: of the head where it is known by then, of the trailer where the answer is
streamed and the bill is only known at its end.
"""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        words = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode().split()
        if self.path == "/v1/stream":
            return self.stream(words)
        body = ("%d words\n" % len(words)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Credits-Used", str(10 * len(words)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, words):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Credits-Used")
        self.end_headers()
        for word in words:
            line = word.encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.write(b"0\r\nX-Credits-Used: %d\r\n\r\n" % (10 * len(words)))

    def do_GET(self):
        # Something has gone wrong, and nothing of it is the client's fault.
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
print("listening on 127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
