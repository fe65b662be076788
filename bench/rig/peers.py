"""What the edge is compared with: nginx, HAProxy and Caddy, with one worker or thread each.

Each keeps connections to the upstream open, sets the same forwarding headers as the edge, and
writes an access log to a file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from devtool.pac import free_port
from rig.certificate import Certificate
from rig.pinned import PROXY_CORE, Program, listens

MANY = 1_000_000_000  # requests on a connection: none is closed for having served its share
IDLE_TIMEOUT_S = 3600


@dataclasses.dataclass(frozen=True)
class Upstreams:
    """The Unix sockets that everybody sends requests to."""

    http: Path
    grpc: Path


@dataclasses.dataclass
class Peer:
    """A proxy that runs, or several in a row, and where it takes what (`http`, `grpc`, …)."""

    name: str
    programs: tuple[Program, ...]
    ports: dict[str, int]

    def pids(self) -> list[int]:
        """The processes whose time and memory are the proxy's."""
        return [pid for program in self.programs for pid in program.pids()]


def nginx(directory: Path, upstreams: Upstreams, certificate: Certificate | None = None) -> Peer:
    """nginx as it comes (`http`), with large buffers (`tuned`) and without any (`unbuffered`); with
    a certificate it ends TLS too (`tls`)."""
    ports = {name: free_port() for name in ("http", "tuned", "unbuffered", "grpc")}
    encrypted = ""
    if certificate:
        ports["tls"] = free_port()
        files = f"ssl_certificate {certificate.certificate}; ssl_certificate_key {certificate.key};"
        encrypted = f"""
  server {{ listen 127.0.0.1:{ports["tls"]} ssl; {files} ssl_protocols TLSv1.2 TLSv1.3;
            location / {{ {proxy_to("http")} }} }}"""
    proxy = proxy_to("http")
    tuned = "proxy_buffers 8 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;"
    servers = f"""
  {kept_upstream("http", upstreams.http)}
  {kept_upstream("grpc", upstreams.grpc)}
  server {{ listen 127.0.0.1:{ports["http"]} backlog=4096; location / {{ {proxy} }} }}
  server {{ listen 127.0.0.1:{ports["tuned"]}; location / {{ {proxy} {tuned} }} }}
  server {{ listen 127.0.0.1:{ports["unbuffered"]};
            location / {{ {proxy} proxy_buffering off; }} }}
  server {{ listen 127.0.0.1:{ports["grpc"]} http2;
            location / {{ grpc_pass grpc://grpc; {forwarding("grpc")} }} }}{encrypted}
"""
    return Peer("nginx", (nginx_program(directory, servers, ports.values()),), ports)


def nginx_in_a_row(directory: Path, agent: Path) -> Peer:
    """Two of them: one takes requests on a port, the other hands them on to an agent's socket."""
    first, second = directory / "first", directory / "second"
    for folder in (first, second):
        folder.mkdir()
    between = second / "http.sock"
    hop = f"""
  {kept_upstream("agent", agent)}
  server {{ listen unix:{between}; location / {{ {proxy_to("agent")} }} }}
"""
    front = nginx(first, Upstreams(between, between))
    return Peer(
        "nginx + nginx", (nginx_program(second, hop, [between]), *front.programs), front.ports
    )


def nginx_files(directory: Path, prefix: str, folder: Path) -> Peer:
    """nginx as a server of the files in `folder`, with sendfile and a cache of open files."""
    port = free_port()
    server = f"""
  sendfile on; tcp_nopush on; open_file_cache max=1000;
  server {{ listen 127.0.0.1:{port}; location {prefix} {{ alias {folder}/; }} }}
"""
    return Peer("nginx", (nginx_program(directory, server, [port]),), {"http": port})


def kept_upstream(name: str, socket: Path) -> str:
    """An upstream whose connections stay open."""
    kept = f"keepalive 1024; keepalive_requests {MANY}; keepalive_timeout {IDLE_TIMEOUT_S}s;"
    return f"upstream {name} {{ server unix:{socket}; {kept} }}"


def proxy_to(name: str) -> str:
    """The directives that hand HTTP/1.1 on to an upstream."""
    version = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    return f"proxy_pass http://{name}; {version} {forwarding('proxy')}"


def nginx_program(directory: Path, servers: str, listeners: Iterable[int | Path]) -> Program:
    """nginx with a master and one worker, and these servers and upstreams.

    As root: a worker of another user may not connect to a Unix socket of root's.
    """
    temporary = "\n".join(
        f"  {name}_temp_path {directory}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = directory / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; worker_rlimit_nofile 20000; user root;
pid {directory}/nginx.pid; error_log {directory}/nginx_error.log;
events {{ worker_connections 16000; }}
http {{
{temporary}
  access_log {directory}/nginx_access.log combined buffer=64k;
  keepalive_requests {MANY}; keepalive_timeout {IDLE_TIMEOUT_S}s;
  proxy_read_timeout {IDLE_TIMEOUT_S}s;
{servers}
}}
""")
    return program(directory / "nginx.log", ["nginx", "-c", config], listeners)


def forwarding(module: str) -> str:
    """The directives that set what the edge sets too."""
    fields = (
        "X-Forwarded-For $remote_addr",
        "X-Forwarded-Proto $scheme",
        "X-Forwarded-Host $host",
        "X-Request-Id $request_id",
    )
    return " ".join(f"{module}_set_header {field};" for field in fields)


def haproxy(directory: Path, upstreams: Upstreams, _: Certificate | None = None) -> Peer:
    """HAProxy; it has no buffer for its log, which is written line by line."""
    ports = {name: free_port() for name in ("http", "grpc")}
    fields = ("Proto http", "Host %[req.hdr(host)]")
    forwarded = "\n".join(f"  http-request set-header X-Forwarded-{field}" for field in fields)
    forwarded += "\n  http-request set-header X-Request-Id %[uuid()]"
    config = directory / "haproxy.cfg"
    config.write_text(f"""
global
  nbthread 1
  maxconn 4000
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client {IDLE_TIMEOUT_S}s
  timeout server {IDLE_TIMEOUT_S}s
frontend http_in
  bind 127.0.0.1:{ports["http"]} backlog 4096
{forwarded}
  default_backend http_out
frontend grpc_in
  bind 127.0.0.1:{ports["grpc"]} proto h2
{forwarded}
  default_backend grpc_out
backend http_out
  server one unix@{upstreams.http} pool-max-conn -1
backend grpc_out
  server one unix@{upstreams.grpc} proto h2 pool-max-conn -1
""")
    argv = ["haproxy", "-db", "-f", config]
    return Peer("haproxy", (program(directory / "haproxy.log", argv, ports.values()),), ports)


def caddy(directory: Path, upstreams: Upstreams, _: Certificate | None = None) -> Peer:
    """Caddy, which runs its Go on one processor."""
    ports = {name: free_port() for name in ("http", "grpc")}
    config = directory / "Caddyfile"

    def site(port: int, socket: Path, transport: str) -> str:
        return f"""
http://:{port} {{
  bind 127.0.0.1
  log {{
    output file {directory}/caddy_access.log {{
      roll_disabled
    }}
  }}
  reverse_proxy unix/{socket} {{
    header_up X-Request-Id {{http.request.uuid}}
    transport http {{
      keepalive_idle_conns_per_host 1024
      {transport}
    }}
  }}
}}"""

    config.write_text(f"""
{{
  admin off
  auto_https off
  servers {{
    protocols h1 h2c
  }}
}}
{site(ports["http"], upstreams.http, "")}
{site(ports["grpc"], upstreams.grpc, "versions h2c 2")}
""")
    environment = ["env", "GOMAXPROCS=1", f"HOME={directory}", f"XDG_DATA_HOME={directory}"]
    run = ["caddy", "run", "--config", config, "--adapter", "caddyfile"]
    argv = [*environment, *run]
    return Peer("caddy", (program(directory / "caddy.log", argv, ports.values()),), ports)


def program(log: Path, argv: Sequence[str | Path], listeners: Iterable[int | Path]) -> Program:
    """A proxy, which is up once it listens everywhere."""
    where = list(listeners)
    return Program(argv, core=PROXY_CORE, log=log, is_up=lambda: all(map(listens, where)))
