"""Starts the release's programs in a container of their own, for the worker beside it.

What a module brings along must not meet the worker's passwords.

    task_agent.py SOCKET

A connection is one program: the worker sends JSON {"args", "env"} with three open files, the program's standard input,
output and errors; the answer is {"status"} when it has ended. A connection that closes before ends the program and all
that it has started. {"open": [path, ...]} is answered with {"opened": [path, ...]} and those files, open, of which each
container has its own. {"end": true} ends this one: Kubernetes would see the worker's end first, then end it, and the
pod's own end would come seconds later. This container has Odoo's own part of the volume, and neither the admin's
password nor the restore points.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

LONGEST = 128 * 1024


def serve(path):
    if os.path.lexists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(8)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=run, args=(connection,), daemon=True).start()


def run(connection):
    with connection:
        message, files, _, _ = socket.recv_fds(connection, LONGEST, 3)
        try:
            order = json.loads(message)
            if order.get("end"):
                os._exit(0)
            if "open" in order:
                answer_files(connection, order["open"])
                return
            child = subprocess.Popen(order["args"], stdin=files[0], stdout=files[1], stderr=files[2],
                                     env={**os.environ, **order["env"]}, start_new_session=True)
        except (OSError, ValueError, LookupError, AttributeError) as error:
            answer(connection, {"status": 127, "error": str(error)})
            return
        finally:
            for number in files:
                os.close(number)
        threading.Thread(target=end_with, args=(connection, child), daemon=True).start()
        status = child.wait()
        end(child)
        answer(connection, {"status": 128 - status if status < 0 else status})


def end_with(connection, child):
    """The worker says nothing more, until it is gone or wants the program gone."""
    try:
        connection.recv(64)
    except OSError:
        pass
    end(child)


def end(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def answer_files(connection, paths):
    with contextlib.ExitStack() as stack:
        opened = {}
        for path in paths:
            with contextlib.suppress(OSError):
                opened[path] = stack.enter_context(open(path, "rb"))
        socket.send_fds(connection, [json.dumps({"opened": list(opened)}).encode()],
                        [file.fileno() for file in opened.values()])


def answer(connection, value):
    try:
        connection.send(json.dumps(value).encode())
    except OSError:
        pass


if __name__ == "__main__":
    serve(sys.argv[1])
