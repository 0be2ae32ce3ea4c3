"""What Docker knows of its containers, images, volumes and networks, asked at the socket of its engine: a program for
each question takes ten times as long, and behind the closed door users wait for it. What changes something is done by
Docker's own program, which says more when it fails.

Answers are those of the Engine API.
"""

import http.client
import json
import socket
import urllib.parse

from failures import Failure
from shell import QUICK

SOCKET = "/var/run/docker.sock"


def container(name):
    """None where there is none; so are all of these."""
    return _ask(f"/containers/{_word(name)}/json")


def label_of(found, name):
    """Of a container; None where it has none of this name."""
    return (found["Config"]["Labels"] or {}).get(name)


def image(name):
    """By its name with tag or digest."""
    # The engine takes these two as they are in a name.
    return _ask(f"/images/{urllib.parse.quote(name, safe='/:@')}/json")


def volume(name):
    return _ask(f"/volumes/{_word(name)}")


def containers(expression):
    """Ids of those whose names match, running or not."""
    return [one["Id"] for one in _ask("/containers/json?all=1&filters=" + _filters(name=expression))]


def networks(label):
    """Of the driver bridge, with this label."""
    return _ask("/networks?filters=" + _filters(label=label, driver="bridge"))


def information():
    return _ask("/info")


def _word(name):
    return urllib.parse.quote(name, safe="")


def _filters(**wanted):
    return _word(json.dumps({name: [value] for name, value in wanted.items()}))


class _Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(QUICK)
        self.sock.connect(SOCKET)


def _ask(path):
    connection = _Connection("docker")
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status in (200, 404):
            return json.loads(text) if answer.status == 200 else None
        found = f"{answer.status} {text.decode('utf-8', 'replace').strip()}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    raise Failure("DEPLOY_FAILED", "Docker does not say what there is", found=f"{SOCKET}: {found}",
                  expected=f"an answer within {QUICK} s",
                  remedy="`systemctl status docker` shows why; `systemctl restart docker`, then deploy again")
