"""Requests on their way in: a new one waits for the service; the same one again attaches, or is done already."""

import dump
import ledger
import project
import request as requests
import staged
import status
import stopped
import waiting
from failures import Failure
from files import STATE, Lock
from hosts import here
from hosts import compose_images as images
from journal import Journal


def receive(text):
    """Takes in what was sent: {"request", "state"}.

    Raises Failure for a request that is not whole.
    """
    return take_in(requests.received(text))


def take_in(request):
    """The same for one that is kept here, as it was asked for at its time."""
    with Lock(STATE / "receive.lock"):
        return queue(request)


def queue(request):
    state = status.state_of(request["id"])
    if state in ("queued", "running"):
        waiting.start_service()
        return {"request": request["id"], "state": state}
    staged.mend(request)
    refuse_beside_another()
    if ledger.is_live(request) and not request.get("force"):
        images.log_in(request["registry"])
        staged.keep(request)
        project.prepare(request)
        dump.configure(request)
        if here.host().runs(request):
            return {"request": request["id"], "state": "succeeded"}
    refuse_what_was_left(request)
    waiting.put(request)
    waiting.start_service()
    return {"request": request["id"], "state": "queued"}


def refuse_beside_another():
    """What was committed may be given up for another release by whoever asks for one; before that it is rolled back,
    and is waited for, unless the release before it does not come up.
    """
    journal, waits = Journal.read(), waiting.read()
    if waits or (journal and journal.open and not journal.gives_way):
        ended = stopped.read()
        waiting.start_service()
        raise Failure("RELEASE_IN_PROGRESS", "another release is under way on this host",
                      found=f"request {waits['id'] if waits else journal['request']}"
                            + (f", at which the worker had ended: {ended['code']}: {ended['found']}" if ended else ""),
                      expected="one at a time",
                      remedy="wait for its end: `odoo-ship status` on the host tells how far it is")


def refuse_what_was_left(request):
    """A stack that has not heard of a rollback by hand would bring back what an operator has left, whatever its reason.
    """
    live, digest = ledger.live() or {}, ledger.digest_of(request["image"])
    if live.get("instead") == digest != live["digest"] and not request.get("force"):
        raise Failure("RELEASE_MISMATCH", "this release was rolled back by hand on the host", found=f"{live['digest']} "
                      f"serves since {live['since']}, in the place of {digest}",
                      expected="another image, or a word of yours that this one is wanted again",
                      remedy="to stay with what serves: `npm run rollback -- --stack <stack> --to "
                             f"{live['digest']}`. To have this one again: `sudo odoo-ship deploy --image "
                             f"{request['image']}` on the host, then update")
