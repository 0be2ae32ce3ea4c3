"""Programs run by the worker: always with a limit, never with a secret among the arguments."""

import contextlib
import os
import signal
import subprocess
import threading
import time

from failures import Failure, tail

#: Limits in seconds, of what looks and of what copies.
QUICK, LONG = 60, 3600


class Result:
    def __init__(self, status, output, error=""):
        self.status = status
        self.output = output
        self.error = error

    @property
    def ok(self):
        return self.status == 0

    @property
    def text(self):
        return (self.output + self.error).strip()


def run(args, limit, given=None, env=None):
    """Runs to the end or the limit (seconds), then the whole process group is killed and the status is 124."""
    status, output, error = _run(args, limit, given, subprocess.PIPE, subprocess.PIPE, env)
    return Result(status, output, error)


@contextlib.contextmanager
def errors_to(log):
    """Where a program's errors go: a file that is made anew, or a pipe."""
    if log is None:
        yield subprocess.PIPE
        return
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(log, "wb") as file:
        yield file


@contextlib.contextmanager
def killed_after(limit, child):
    """Kills a program that is talked to once `limit` seconds are over; what it yields says whether that was so."""
    late = threading.Event()

    def end():
        late.set()
        child.kill()
    timer = threading.Timer(limit, end)
    # A signal may raise between this line and the next one: then nobody cancels it, and it must not keep the worker.
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _run(args, limit, given, stdout, stderr, env):
    try:
        child = subprocess.Popen(args, stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
                                 stdout=stdout, stderr=stderr,
                                 env=None if env is None else {**os.environ, **env}, start_new_session=True)
    except FileNotFoundError:
        raise Failure("TOOL_MISSING", f"{args[0]} is not installed on this host", found="no such program",
                      expected=f"{args[0]} on PATH",
                      remedy=f"install {args[0]}, then deploy again") from None
    try:
        output, error = child.communicate(None if given is None else given.encode(), timeout=limit)
        status = child.returncode
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, error = child.communicate()
        status, error = 124, (error or b"") + f"\nended after {limit} s".encode()
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    return status, (output or b"").decode("utf-8", "replace"), (error or b"").decode("utf-8", "replace")


def pipe(producer, args, limit, env=None):
    """The output of a process that was started into a program, to the end of both; then a :class:`Result` that is good
    only if both were.

    `producer` has pipes for its output and its errors. At the limit (seconds) both are ended, and the status is 124.
    """
    end = time.monotonic() + limit
    consumer = subprocess.Popen(args, stdin=producer.stdout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                start_new_session=True,
                                env=None if env is None else {**os.environ, **env})
    # Only the consumer reads from it: when that ends, the producer's next word fails.
    producer.stdout.close()
    complaint = []
    reader = threading.Thread(target=lambda: complaint.append(producer.stderr.read()), daemon=True)
    reader.start()
    try:
        output, _ = consumer.communicate(timeout=limit)
        status = producer.wait(max(1, end - time.monotonic())) or consumer.returncode
    except subprocess.TimeoutExpired:
        output, status = f"ended after {limit} s".encode(), 124
    finally:
        for child in (producer, consumer):
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        reader.join(10)
        producer.stderr.close()
        consumer.stdout.close()
    return Result(status, output.decode("utf-8", "replace"), b"".join(complaint).decode("utf-8", "replace"))


def must(args, limit, what, code="DEPLOY_FAILED", given=None, env=None):
    """Standard output of a program that must succeed."""
    result = run(args, limit, given=given, env=env)
    if not result.ok:
        late = f"not done after {limit} s" if result.status == 124 else f"exit status {result.status}"
        raise Failure(code, f"{what} failed", found=f"{late}: {tail(result.text, 5)}", expected="exit status 0",
                      remedy="see the log below, mend the cause, then deploy again", log=tail(result.text))
    return result.output
