"""Gives each recorded request, with a request of known meaning behind it, to every parser that is installed, and
compares what they make of it. Run by run.sh.

A parser agrees if it reads exactly two requests: the recorded one, with this method and this target, and the one
behind it. Whoever ends the first message elsewhere reads the second as something else, or not at all.
"""
import http.server
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys

BEHIND = b"GET /behind HTTP/1.1\r\nHost: behind\r\nConnection: close\r\n\r\n"
# With a body longer than it says: a parser that still reads the two requests would agree with anything.
CUT_WRONG = b"POST /cut HTTP/1.1\r\nHost: cut\r\nContent-Length: 3\r\n\r\nabc/def"


def recordings(path):
    """(name, bytes) of every whole request that reached the backend."""
    for result in json.load(open(path))["results"]:
        for number, text in enumerate(result.get("reached", [])):
            data = re.sub(
                rb"\\(?:x([0-9a-f]{2})|(.))",
                lambda m: bytes([int(m[1], 16)]) if m[1] else {b"r": b"\r", b"n": b"\n", b"t": b"\t"}.get(m[2], m[2]),
                text.encode("ascii"))
            yield "%s/%d" % (result["name"], number), data


def expected(data):
    """Method and target by the letter of RFC 9112; None if the body has not come whole (the gateway gave up)."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return None
    lines = head.split(b"\r\n")
    method, target, version = lines[0].split(b" ")
    fields = [(n.lower(), v.strip()) for n, v in (line.split(b":", 1) for line in lines[1:])]
    lengths = [v for n, v in fields if n == b"content-length"]
    codings = [v for n, v in fields if n == b"transfer-encoding"]
    assert version == b"HTTP/1.1" and len(lengths) + len(codings) <= 1, data
    whole = body.endswith(b"0\r\n\r\n") or b"\r\n0\r\n" in body if codings else len(body) == int((lengths or [0])[0])
    return [(method.decode(), target.decode()), ("GET", "/behind")] if whole else None


class PythonParser:
    """http.server on bytes in memory; it leaves the body to its user, so that is read here, by its headers."""
    name = "Python %s http.server" % sys.version.split()[0]

    def read(self, data):
        seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __init__(self):
                self.rfile, self.wfile = io.BytesIO(data), io.BytesIO()
                self.client_address, self.server = ("127.0.0.1", 0), None
                self.handle()

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return self.answer
                raise AttributeError(name)

            def answer(self):
                seen.append((self.command, self.path))
                if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                    while True:
                        size = int(self.rfile.readline().split(b";")[0], 16)
                        if size == 0:
                            break
                        self.rfile.read(size + 2)
                    while self.rfile.readline().strip():
                        pass
                else:
                    self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def log_message(self, *_):
                pass

        Handler()
        return seen

    def close(self):
        pass


class Server:
    """A parser behind a port. What it has read comes back in its answers, one line `> METHOD TARGET` each."""

    def __init__(self, name, command, port, work):
        self.name, self.port = name, port
        # Caddy keeps its state under the home directory unless told otherwise.
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, XDG_CONFIG_HOME=work, XDG_DATA_HOME=work))
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("%s did not start" % name)
                try:
                    self.process.wait(0.05)
                except subprocess.TimeoutExpired:
                    pass
        raise RuntimeError("%s does not listen" % name)

    def read(self, data):
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(data)
            answer = b""
            try:
                while True:
                    more = connection.recv(65536)
                    if not more:
                        break
                    answer += more
            except (socket.timeout, ConnectionResetError):
                answer += b"\n(broken)"
        return [tuple(line.decode().split(" ", 1)) for line in re.findall(rb"> ([^\r\n<]*) <", answer)]

    def close(self):
        self.process.terminate()
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)[0]


def parsers(work):
    yield PythonParser()
    if shutil.which("node"):
        port = free_port()
        script = (
            "require('http').createServer((q,s)=>{q.resume();q.on('end',()=>s.end('> '+q.method+' '+q.url+' <\\n'))})"
            ".listen(%d,'127.0.0.1')" % port)
        yield Server("Node %s" % version("node", "--version"), ["node", "-e", script], port, work)
    else:
        print("Node is not installed")
    if shutil.which("nginx"):
        port = free_port()
        with open(work + "/nginx.conf", "w") as conf:
            conf.write(
                "worker_processes 1; daemon off; pid %s/nginx.pid; error_log %s/nginx.err;\n"
                "events { worker_connections 64; }\n"
                "http { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;\n"
                "uwsgi_temp_path %s/u; scgi_temp_path %s/s; merge_slashes off; large_client_header_buffers 4 64k;\n"
                "server { listen 127.0.0.1:%d; location / { return 200 \"> $request_method $request_uri <\\n\"; } } }\n"
                % ((work,) * 7 + (port,)))
        yield Server(
            "nginx %s" % version("nginx", "-v"), ["nginx", "-c", work + "/nginx.conf", "-e", work + "/nginx.err"],
            port, work)
    else:
        print("nginx is not installed")
    if shutil.which("caddy"):
        port = free_port()
        with open(work + "/Caddyfile", "w") as conf:
            conf.write(
                "{\nadmin off\nauto_https off\n}\nhttp://:%d {\nbind 127.0.0.1\n"
                "respond \"> {http.request.method} {http.request.orig_uri} <\"\n}\n" % port)
        yield Server(
            "Go net/http (Caddy %s)" % version("caddy", "version"),
            ["caddy", "run", "--adapter", "caddyfile", "--config", work + "/Caddyfile"], port, work)
    else:
        print("Caddy (for Go's parser) is not installed")


def main():
    cases = [(name, data, expected(data)) for name, data in recordings(sys.argv[1])]
    whole = [case for case in cases if case[2]]
    total, count = 0, 0
    for parser in parsers(sys.argv[2]):
        count += 1
        disagreements = 0
        try:
            if parser.read(CUT_WRONG + BEHIND) == [("POST", "/cut"), ("GET", "/behind")]:
                sys.exit("%s cannot disagree" % parser.name)
            for name, data, wanted in whole:
                seen = parser.read(data + BEHIND)
                if seen != wanted:
                    disagreements += 1
                    print("%s: %s reads %r, not %r" % (name, parser.name, seen, wanted))
        finally:
            parser.close()
        print("%-28s %d requests, %d disagreements" % (parser.name, len(whole), disagreements))
        total += disagreements
    if len(cases) > len(whole):
        print("%d requests whose body the gateway cut off are no whole request to anybody" % (len(cases) - len(whole)))
    print("%d requests, %d parsers, %d disagreements" % (len(whole), count, total))
    sys.exit(0 if total == 0 and whole else 1)


main()
