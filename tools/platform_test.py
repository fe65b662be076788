"""Tests of the pieces that ./dev up, its checks and the black-box tests share."""

import concurrent.futures
import http.server
import os
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import grpc
import pytest

from devtool import pac, processes, rpc, up
from devtool.apkg import write_apkg
from devtool.check import Report
from devtool.check_rollout import version_package
from devtool.shell import Failure

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
# Its first thread ends by itself (the system call exit), another stays.
WITHOUT_ITS_FIRST_THREAD = """
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
number = {"x86_64": 60, "aarch64": 93}[platform.machine()]
print("up", flush=True)
ctypes.CDLL(None).syscall(number, 0)
"""

# --------------------------------------------------------------------------- processes


@pytest.fixture
def sleeper(tmp_path):
    """A process without a terminal whose working directory is tmp_path / "state" / "work"."""
    work = tmp_path / "state" / "work"
    work.mkdir(parents=True)
    command = [sys.executable, "-c", SLEEPER]
    with subprocess.Popen(
        command, cwd=work, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        child.stdout.readline()
        yield child
        child.kill()


def test_a_process_is_told_from_another_with_its_pid(sleeper):
    process = processes.find(sleeper.pid)
    stranger = processes.Process(sleeper.pid, process.start_time - 1)

    assert process.is_running()
    assert not stranger.is_running()
    stranger.send(signal.SIGKILL)  # must not reach the sleeper
    assert not process.wait_end(0.2)

    process.end(grace_s=5)
    assert not process.is_running()
    assert sleeper.wait(timeout=5) == -signal.SIGTERM


def test_a_process_runs_until_the_last_of_its_threads_has_ended():
    command = [sys.executable, "-c", WITHOUT_ITS_FIRST_THREAD]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        process = processes.find(child.pid)
        stat = Path(f"/proc/{child.pid}/stat")
        pac.wait_until("its first thread ends", lambda: ") Z " in stat.read_text(), 10)
        is_running = process.is_running()
        child.kill()

    assert is_running
    assert not process.is_running()


def test_using_finds_what_works_below_a_directory(sleeper, tmp_path):
    found = processes.using(tmp_path / "state")

    assert [process.pid for process in found] == [sleeper.pid]
    assert "sleep" in next(iter(found.values()))
    assert processes.using(tmp_path / "stat") == {}  # a beginning of the name is another directory


def test_using_never_finds_ourselves_or_our_ancestors(tmp_path):
    with open(tmp_path / "open", "w", encoding="utf-8"):
        assert processes.using(tmp_path) == {}
    assert os.getpid() in processes.ancestors(os.getpid())
    assert os.getppid() in processes.ancestors(os.getpid())


def test_pid_files_are_read_with_care(tmp_path):
    (tmp_path / "good").write_text(f"{os.getpid()}\n", encoding="ascii")
    (tmp_path / "bad").write_text("x", encoding="ascii")
    (tmp_path / "gone").write_text("4194305\n", encoding="ascii")

    assert processes.from_pid_file(tmp_path / "good").pid == os.getpid()
    for name in ("bad", "gone", "absent"):
        assert processes.from_pid_file(tmp_path / name) is None


# -------------------------------------------------------------------------------- apkg


def test_packages_are_the_same_byte_for_byte(tmp_path):
    folder = tmp_path / "agent"
    (folder / "ui").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / "agent.yaml").write_text("name: x\n", encoding="utf-8")
    (folder / "ui" / "index.html").write_text("<html>", encoding="utf-8")
    (folder / "__pycache__" / "x.pyc").write_text("", encoding="utf-8")
    first = write_apkg(folder, tmp_path / "out" / "1.apkg").read_bytes()
    os.utime(folder / "agent.yaml", (1, 1))
    (folder / "agent.yaml").chmod(0o600)

    second = write_apkg(folder, tmp_path / "out" / "2.apkg").read_bytes()

    assert first == second
    with zipfile.ZipFile(tmp_path / "out" / "2.apkg") as archive:
        assert archive.namelist() == ["agent.yaml", "ui/index.html"]


def test_packages_take_replaced_and_added_files(tmp_path):
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "agent.yaml").write_text("name: x\n", encoding="utf-8")

    path = write_apkg(tmp_path / "agent", tmp_path / "x.apkg", {"agent.yaml": "", "b.py": "2"})

    with zipfile.ZipFile(path) as archive:
        assert archive.read("agent.yaml") == b""
        assert archive.read("b.py") == b"2"


def test_versions_of_the_rollout_package_differ_and_compile(tmp_path):
    texts = set()
    for version in (1, 2):
        with zipfile.ZipFile(version_package(tmp_path, version)) as archive:
            texts.add(archive.read("rest_routes.py").decode())
    assert len(texts) == 2
    for text in texts:
        compile(text, "rest_routes.py", "exec")


# --------------------------------------------------------------------------- pac, rpc


@pytest.fixture
def http_server():
    """A loopback server that answers 503 with a JSON body to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            self.send_response(503)
            self.send_header("Content-Type", "application/problem+json")
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_give_any_status_as_an_answer(http_server, tmp_path):
    platform = pac.Pac(tmp_path / "state", http_server)

    reply = platform.post("/x", {"a": 1})

    assert (reply.status, reply.json()) == (503, {"a": 1})
    assert reply.headers["content-type"] == "application/problem+json"


def test_requests_to_nobody_are_os_errors(tmp_path):
    platform = pac.Pac(tmp_path / "state", pac.free_port())

    with pytest.raises(OSError):
        platform.get("/x")
    assert not platform.is_healthy()


def test_wait_until_gives_the_answer_or_names_what_did_not_happen():
    assert pac.wait_until("x", lambda: 7, 1) == 7
    with pytest.raises(Failure, match="the moon is blue: not within 0.1 s"):
        pac.wait_until("the moon is blue", lambda: False, 0.1)


def test_calls_carry_the_prefix_and_both_numberings():
    seen = []

    class Recorder(grpc.GenericRpcHandler):
        def service(self, details):
            def answer(request, _):
                seen.append((details.method, request))
                return rpc.message_types()["ActionResult"](success=True, result="hi")

            return grpc.unary_unary_rpc_method_handler(
                answer, response_serializer=lambda message: message.SerializeToString()
            )

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, handlers=(Recorder(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        for kind in ("ActionRequest", "ActionRequestV2"):
            answer = rpc.call(
                f"127.0.0.1:{port}",
                "Invoke",
                {"action": "greet"},
                prefix="/agents/hello/a2a",
                request_type=kind,
            )
            assert (answer["success"], answer["result"], answer["error"]) == (True, "hi", "")
        server.stop(None).wait()

    path = "/agents/hello/a2a/pixell.agent.AgentService/Invoke"
    assert seen == [(path, b"\x0a\x05greet"), (path, b"\x12\x05greet")]


# ---------------------------------------------------------------------------- up, check


def test_changes_tell_what_is_new_and_what_is_gone():
    before = {"pac edge": "runs (pid 1)", "a: instance 1 of revision 1": "ready"}
    after = {"pac edge": "runs (pid 2)", "a: instance 2 of revision 2": "starting"}

    assert up.changes(before, after) == [
        "pac edge runs (pid 2)",
        "a: instance 2 of revision 2 starting",
        "a: instance 1 of revision 1 is gone",
    ]
    assert up.changes(before, before) == []


def test_changes_keep_instances_while_the_api_is_away():
    before = {"pac control": "runs (pid 1)", "a: instance 1 of revision 1": "ready"}

    assert up.changes(before, {"pac control": "is away"}) == ["pac control is away"]


def test_steps_are_timed_from_the_api_times():
    step = {"started_at": "2026-01-01T00:00:00.250Z", "completed_at": "2026-01-01T00:00:01.500Z"}

    assert up.duration_ms(step) == 1250


def test_a_second_up_on_one_state_is_refused(tmp_path):
    (tmp_path / "up.json").write_text(
        f'{{"pid": {os.getppid()}, "start_time": {processes.start_time_of(os.getppid())}}}',
        encoding="utf-8",
    )

    with pytest.raises(Failure, match=f"pid {os.getppid()}.*down"):
        up.refuse_second_run(tmp_path)


def test_the_record_of_a_dead_up_does_not_count(tmp_path):
    (tmp_path / "up.json").write_text(
        f'{{"pid": {os.getpid()}, "start_time": 1}}', encoding="utf-8"
    )

    up.refuse_second_run(tmp_path)
    assert up.read_record(tmp_path) is None


def test_a_taken_port_is_refused_with_the_way_out(http_server):
    with pytest.raises(Failure, match=f"PIXELL_PORT={http_server + 1}"):
        up.refuse_taken_port(http_server)


def test_reports_go_on_after_a_failed_check(capsys):
    report = Report()

    def broken():
        raise KeyError("x")

    assert not report.run("one", broken)
    assert not report.run("two", lambda: pac.wait_until("three", lambda: False, 0))
    assert report.run("four", lambda: None)
    assert report.failed == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "FAIL one: KeyError: 'x'"
    assert lines[1] == "FAIL two: three: not within 0 s"
    assert lines[2].startswith("ok four (")
