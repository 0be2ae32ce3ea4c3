"""The one request that waits for the service to take it."""

import sys

import stopped
from failures import Failure
from files import STATE, read_json, write_json
from hosts import here
from shell import run

QUEUE = STATE / "queue.json"


def read():
    """One that is damaged waits for nobody: whoever has sent it is told that it is unknown, and sends it again."""
    try:
        return read_json(QUEUE)
    except Failure as failure:
        print(failure.as_text(), file=sys.stderr, flush=True)
        QUEUE.replace(QUEUE.with_name("queue.json.damaged"))
        return None


def put(request):
    write_json(QUEUE, request)


def forget(request_id):
    """Takes it out of the queue; another one that waits there stays."""
    waits = read()
    if waits and waits["id"] == request_id:
        QUEUE.unlink()


def start_service():
    """It may have nothing to do, or be at work already. In a cluster each release has a Job, and there is none."""
    if not here.KUBERNETES:
        stopped.forget()
        run(["systemctl", "start", "--no-block", "odoo-ship.service"], 30)
