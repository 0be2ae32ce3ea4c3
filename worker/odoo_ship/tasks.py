"""A program of the release in the container beside the worker's (task_agent.py), as subprocess.Popen would show it."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

from failures import Failure

SOCKET = os.environ.get("ODOO_SHIP_TASKS", "/run/odoo-ship-tasks/socket")
# The container beside this one may just start, again if its memory was full.
START_SECONDS = 60
# A program that is killed ends at once, unless a disk that does not answer holds it.
KILL_SECONDS = 60
# What it is asked itself, it answers at once.
ANSWER_SECONDS = 10


class Task:
    """`stdin`, `stdout`, `stderr`: as for Popen.

    A container that ends takes its programs with it: status 137, as for one that was killed.
    """

    def __init__(self, args, env=None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                 text=False):
        self.returncode = None
        self.connection = connect()
        self.stdin = self.stdout = self.stderr = None
        theirs = []
        try:
            self.stdin = self._end(stdin, theirs, "w", text)
            self.stdout = self._end(stdout, theirs, "r", text)
            self.stderr = self._end(theirs[1] if stderr == subprocess.STDOUT else stderr, theirs, "r", text)
            socket.send_fds(self.connection, [json.dumps({"args": args, "env": env or {}}).encode()], theirs)
        finally:
            for number in theirs:
                os.close(number)

    @staticmethod
    def _end(wanted, theirs, mode, text):
        """This side of a pipe, or nothing for a file; the other side goes to `theirs`."""
        if wanted != subprocess.PIPE:
            if wanted == subprocess.DEVNULL:
                theirs.append(os.open(os.devnull, os.O_RDWR))
            else:
                theirs.append(os.dup(wanted if isinstance(wanted, int) else wanted.fileno()))
            return None
        reading, writing = os.pipe()
        theirs.append(reading if mode == "w" else writing)
        return os.fdopen(writing if mode == "w" else reading, mode if text else mode + "b", 1 if text else -1)

    def poll(self):
        return self._answer(0)

    def wait(self, timeout=None):
        if self._answer(timeout) is None:
            raise subprocess.TimeoutExpired("a program of the release", timeout)
        return self.returncode

    def _answer(self, seconds):
        if self.returncode is None:
            self.connection.settimeout(seconds if seconds != 0 else 0.001)
            try:
                message = self.connection.recv(4096)
            except TimeoutError:
                return None
            except OSError:
                message = b""
            try:
                self.returncode = int(json.loads(message)["status"]) if message else 128 + signal.SIGKILL
            except (ValueError, LookupError, TypeError):
                self.returncode = 1
        return self.returncode

    def kill(self):
        """With all that it has started; it has ended when this returns, and its port is free for the next one."""
        if self.returncode is None:
            try:
                self.connection.shutdown(socket.SHUT_WR)
                self.wait(KILL_SECONDS)
            except (OSError, subprocess.TimeoutExpired):
                self.returncode = 128 + signal.SIGKILL
        self.connection.close()

    def run(self, limit, given=None):
        """(status, output, errors) at its end; at the limit (seconds) it is killed, and the status is 124."""
        kept = {}
        streams = [(name, stream) for name, stream in (("output", self.stdout), ("errors", self.stderr)) if stream]
        readers = [threading.Thread(target=lambda name=name, stream=stream: kept.update({name: stream.read()}),
                                    daemon=True) for name, stream in streams]
        for reader in readers:
            reader.start()
        if self.stdin is not None:
            try:
                self.stdin.write((given or "").encode())
                self.stdin.close()
            except BrokenPipeError:
                pass
        try:
            status, late = self.wait(limit), b""
        except subprocess.TimeoutExpired:
            status, late = 124, f"\nended after {limit} s".encode()
        finally:
            self.kill()
        for reader in readers:
            reader.join(20)
        return status, kept.get("output", b""), kept.get("errors", b"") + late


def open_files(paths):
    """{path: open file} of those that the container beside this one has."""
    try:
        with connect() as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.send(json.dumps({"open": paths}).encode())
            message, files, _, _ = socket.recv_fds(connection, 4096, len(paths))
            return dict(zip(json.loads(message).get("opened", ()), files, strict=True))
    except (OSError, ValueError):
        return {}


def end_container():
    """Nothing else is wanted of it. One that does not answer ends with the pod."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(5)
            connection.connect(SOCKET)
            connection.send(json.dumps({"end": True}).encode())
            connection.recv(64)
    except OSError:
        pass


def connect():
    end = time.monotonic() + START_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(SOCKET)
            return connection
        except OSError as error:
            connection.close()
            if time.monotonic() > end:
                raise Failure("CONTAINER_START_FAILURE", "the container of the release's programs does not answer",
                              found=str(error), expected=f"one that takes programs within {START_SECONDS} s",
                              remedy="see its log (container odoo-task of the Job's pod), then deploy again") from None
        time.sleep(0.3)
