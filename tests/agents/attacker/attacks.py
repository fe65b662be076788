"""What a hostile agent would try. Each attack returns what it got, or the name of the error."""

import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH = 16


def outcome(attempt):
    """ "got in" or the errno's name."""
    try:
        attempt()
    except OSError as refused:
        return errno.errorcode.get(refused.errno, str(refused.errno))
    return "got in"


def call(function, *arguments):
    """Calls the C library; OSError like Python's own functions."""
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def read_any(path):
    """The first byte of a file, or the names in a directory."""
    if os.path.isdir(path):
        os.listdir(path)
        return
    with open(path, "rb") as file:
        file.read(1)


def read(paths):
    """Reads files and lists directories."""
    return {path: outcome(lambda path=path: read_any(path)) for path in paths}


def write(paths):
    """Opens files for writing, and makes new ones in directories."""

    def attempt(path):
        target = os.path.join(path, "planted") if os.path.isdir(path) else path
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT))

    return {path: outcome(lambda path=path: attempt(path)) for path in paths}


def connect(paths):
    """Connects to Unix sockets."""

    def attempt(path):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(path)

    return {path: outcome(lambda path=path: attempt(path)) for path in paths}


def relink(own, target):
    """Puts a link to another socket in the place of one that par connects to. Whoever is connected
    stays so; the socket itself is kept beside it."""
    own = os.path.realpath(os.path.join(os.environ["HOME"], "..", "run", own))
    os.rename(own, own + ".kept")
    os.symlink(target, own)
    return {"own": own}


def intrude(pids):
    """Looks into other processes, attaches to them and ends them."""
    found = {}
    for pid in pids:
        for name in ("environ", "mem", "maps", "fd", "root", "cwd"):
            found[f"{name} of {pid}"] = outcome(lambda p=f"/proc/{pid}/{name}": read_any(p))
        found[f"ptrace {pid}"] = outcome(lambda p=pid: call(LIBC.ptrace, PTRACE_ATTACH, p, 0, 0))
        found[f"kill {pid}"] = outcome(lambda p=pid: os.kill(p, signal.SIGKILL))
        found[f"stop {pid}"] = outcome(lambda p=pid: os.kill(p, signal.SIGSTOP))
        found[f"priority {pid}"] = outcome(lambda p=pid: os.setpriority(os.PRIO_PROCESS, p, 19))
    return found


def escalate():
    """Asks for rights."""
    found = {
        "setuid": outcome(lambda: os.setuid(0)),
        "setgid": outcome(lambda: os.setgid(0)),
        "setgroups": outcome(lambda: os.setgroups([0])),
        "mount": outcome(lambda: call(LIBC.mount, b"none", b"/tmp", b"tmpfs", 0, None)),
        "chroot": outcome(lambda: os.chroot("/")),
        "nice": outcome(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5)),
        "oom_score": outcome(lambda: write_text("/proc/self/oom_score_adj", "-1000")),
        "limits": outcome(raise_limits),
        "cgroup": outcome(leave_group),
        "hostname": outcome(lambda: socket.sethostname("owned")),
    }
    # A set-uid program runs, but without its rights.
    done = subprocess.run(["/bin/su", "-c", "id -u", "root"], capture_output=True, timeout=20)
    found["su"] = "got in" if done.stdout.strip() == b"0" else "refused"
    return found


def write_text(path, text):
    """One write."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def raise_limits():
    """More processes and larger files than allowed."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_NPROC, (100_000, 100_000))
    except ValueError as refused:
        raise OSError(errno.EPERM, "not allowed") from refused


def leave_group():
    """Moves itself to the root of every control group hierarchy; an error when none lets it."""
    refusals = []
    for base in ("", "memory/", "pids/", "cpu/"):
        path = f"/sys/fs/cgroup/{base}cgroup.procs"
        try:
            write_text(path, str(os.getpid()))
            return
        except OSError as refused:
            refusals.append(refused)
    raise refusals[0]


def kill_everything():
    """A signal to everything it may signal, except itself."""
    return {"kill": outcome(lambda: os.kill(-1, signal.SIGKILL))}


def fork_bomb(seconds):
    """Processes in sessions of their own that fork as fast as they can until they are ended."""
    bomb = (
        "import os, time\n"
        "os.setsid()\n"
        "while True:\n"
        "    try:\n"
        "        os.fork()\n"
        "    except OSError:\n"
        "        time.sleep(0.01)\n"
    )
    subprocess.Popen([sys.executable, "-I", "-S", "-c", bomb])
    most = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, own_processes())
        time.sleep(0.1)
    return {"most": most}


def own_processes():
    """How many processes our user has."""
    own = os.getuid()
    count = 0
    for name in os.listdir("/proc"):
        try:
            count += name.isdigit() and os.stat(f"/proc/{name}").st_uid == own
        except OSError:
            continue
    return count


def eat_memory():
    """Takes memory, and uses it, until there is no more. Does not return when it is ended."""
    kept = []
    while True:
        kept.append(b"x" * (4 * 1024 * 1024))


def one_large_file(megabytes):
    """How many MiB a single file took."""
    path = os.path.join(os.environ["HOME"], "large")
    taken = 0
    try:
        with open(path, "wb", buffering=0) as file:
            for _ in range(megabytes):
                if file.write(b"x" * 1024 * 1024) < 1024 * 1024:
                    break
                taken += 1
    except OSError as refused:
        return {"megabytes": taken, "error": errno.errorcode[refused.errno]}
    finally:
        os.unlink(path)
    return {"megabytes": taken, "error": None}


def many_files(folder, megabytes, hide):
    """Writes files of 1 MiB, with their names removed at once when `hide`, and keeps them open."""
    folder = os.path.expandvars(folder)
    kept = []
    for number in range(megabytes):
        path = os.path.join(folder, f"attacker-{os.getuid()}-{number}")
        kept.append(open(path, "wb", buffering=0))
        kept[-1].write(b"x" * 1024 * 1024)
        if hide:
            os.unlink(path)
    time.sleep(120)
    return {"megabytes": megabytes}


def open_files():
    """How many descriptors it gets."""
    kept = []
    try:
        while len(kept) < 1_000_000:
            kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as refused:
        error = errno.errorcode[refused.errno]
    else:
        error = None
    for descriptor in kept:
        os.close(descriptor)
    return {"count": len(kept), "error": error}


def inherited():
    """What is open in this process that it did not open: descriptor → what it is."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
    return found
