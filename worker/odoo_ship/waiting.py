"""The one request that waits for the service to take it."""

from files import STATE, read_json, write_json
from shell import run

QUEUE = STATE / "queue.json"


def read():
    return read_json(QUEUE)


def put(request):
    write_json(QUEUE, request)


def forget(request_id):
    """Takes it out of the queue; another one that waits there stays."""
    waits = read()
    if waits and waits["id"] == request_id:
        QUEUE.unlink()


def start_service():
    """It may have nothing to do, or be at work already."""
    run(["systemctl", "start", "--no-block", "odoo-ship.service"], 30)
