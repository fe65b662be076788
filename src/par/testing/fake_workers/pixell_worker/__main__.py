"""Plays a worker over par-worker/1 as script.json of the package tells; needs no package."""

import json
import os
import signal
import socket
import socketserver
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

LINK = socket.socket(fileno=int(os.environ["PAR_WORKER_FD"]))
LOCK = threading.Lock()


def send(header):
    """Sends one frame."""
    data = json.dumps(header).encode()
    with LOCK:
        LINK.sendall(struct.pack("<II", len(data), 0) + data)


def read_exactly(size):
    """Reads `size` bytes; ends the process when par has gone."""
    data = b""
    while len(data) < size:
        piece = LINK.recv(size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data


def read_frame():
    """Reads one frame's header."""
    header_size, body_size = struct.unpack("<II", read_exactly(8))
    header = json.loads(read_exactly(header_size))
    read_exactly(body_size)
    return header


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An HTTP server on a Unix socket."""

    daemon_threads = True
    request_queue_size = 16


class Application(BaseHTTPRequestHandler):
    """What the fake agent answers over HTTP."""

    protocol_version = "HTTP/1.1"
    root = ""

    def log_message(self, *args):
        """Says nothing."""

    def do_GET(self):
        """Answers by the end of the path."""
        path = self.path.split("?")[0]
        if path.endswith("/api/die"):
            os._exit(9)
        elif path.endswith("/api/wait"):
            open(os.path.join(self.root, "waiting"), "w").close()
            while not os.path.exists(os.path.join(self.root, "release")):
                time.sleep(0.005)
            self.answer(200, {"waited": True})
        elif path.endswith("/api/env"):
            self.answer(200, dict(os.environ))
        elif path.endswith("/api/hello"):
            self.answer(200, {"path": self.path, "headers": dict(self.headers), "pid": os.getpid()})
        else:
            self.answer(404, {"detail": "Not Found"})

    def do_POST(self):
        """Answers with the body that came."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200, {"path": self.path, "body": body.decode()})

    def answer(self, status, value):
        """Sends JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(path):
    """Serves on a Unix socket from now on."""
    server = Server(path, Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def execute(header):
    """Answers one call."""
    x, action, parameters = header["x"], header["action"], header["parameters"]
    if action == "echo":
        send({"t": "done", "x": x, "result": parameters})
    elif action == "text":
        send({"t": "done", "x": x, "result": "plain text"})
    elif action == "fail":
        send({"t": "error", "x": x, "code": "failed", "message": "it went wrong"})
    elif action == "late":
        send({"t": "error", "x": x, "code": "deadline_exceeded", "message": "no answer in time"})
    elif action == "die":
        os._exit(9)
    elif action == "hang_up":
        LINK.shutdown(socket.SHUT_RDWR)
        open(os.path.join(Application.root, "hung_up"), "w").close()
        while True:
            time.sleep(1)
    # "never" is not answered.


def announce_the_end(root):
    """Writes the process' id into about_to_end and waits for the file `end`."""
    note = os.path.join(root, "about_to_end")
    with open(note + ".new", "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    os.replace(note + ".new", note)
    while not os.path.exists(os.path.join(root, "end")):
        time.sleep(0.005)


def main():
    """Follows the script."""
    load = read_frame()
    root = Application.root = load["package_root"]
    with open(os.path.join(root, "script.json"), encoding="utf-8") as file:
        script = json.load(file)
    worker = script.get("worker", {})
    for line in worker.get("stderr", []):
        print(line, file=sys.stderr, flush=True)
    if not worker.get("is_silent"):
        print("loading", load["agent"], flush=True)
    if "exit" in worker:
        os._exit(worker["exit"])
    if "load_error" in worker:
        send({"t": "load_error", **worker["load_error"]})
        os._exit(1)
    for surface in ("rest", "http_server"):
        if surface in load:
            serve(load[surface]["socket"])
    if "where" in worker:
        signal.signal(signal.SIGUSR2, lambda *_: print(worker["where"], file=sys.stderr, flush=True))
    lives = os.path.join(root, "lives")
    with open(lives, "a", encoding="utf-8") as file:
        file.write("x")
    while worker.get("hang") or os.path.getsize(lives) == worker.get("hang_in_life"):
        time.sleep(1)
    if "exit_after_hello" in worker:
        announce_the_end(root)
    handlers = worker.get("handlers", [])
    send(
        {
            "t": "hello",
            "v": worker.get("version", 1),
            "lang": "fake",
            "sdk": "fake/1",
            "pid": os.getpid(),
            "runtime": "0",
            "rest": "rest" in load,
            "http_server": "http_server" in load,
            "a2a": "handlers" if handlers else None,
            "handlers": [{"name": name, "kind": "legacy"} for name in handlers],
            "warnings": worker.get("warnings", []),
            **worker.get("hello", {}),
        }
    )
    if "exit_after_hello" in worker:
        os._exit(worker["exit_after_hello"])
    while True:
        frame = read_frame()
        if frame["t"] == "execute":
            execute(frame)
        elif frame["t"] == "cancel":
            open(os.path.join(root, "cancelled"), "w").close()
        elif frame["t"] == "ready":
            open(os.path.join(root, "told_ready"), "w").close()
        elif frame["t"] == "drain":
            open(os.path.join(root, "drained"), "w").close()
            os._exit(0)


main()
