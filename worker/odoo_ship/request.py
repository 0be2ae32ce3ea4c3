"""A request as Pulumi sends it (components/release-request.ts, host-request.ts): what is in it, and what is refused.

Looked at once, where it comes in. What is read of an earlier release, or by an earlier worker, is taken as it is.
"""

import json
import re

from failures import Failure
from files import read_json

NUMBER = (int, float)
#: What a release needs everywhere: field, and what its value is.
RELEASE = {"id": str, "image": str, "database": str, "url": str, "modules": list, "release": dict}
#: And on a host, which is sent the files of its Compose project.
HOST = {**RELEASE, "registry": (dict, type(None)), "files": dict, "secrets": list}
SETTINGS = {"additive": bool, "rehearse": bool, "upgradeSeconds": NUMBER, "readySeconds": NUMBER, "keepPoints": NUMBER}


def received(text):
    """What a host was sent.

    Raises Failure for a request that is not whole.
    """
    try:
        request = json.loads(text)
    except ValueError:
        request = None
    return checked(request, HOST)


def of_job(path):
    """What a Job was given.

    Raises Failure for a request that is not whole.
    """
    return checked(read_json(path), RELEASE)


def checked(request, fields):
    wrong = problems(request, fields, "") or problems(request["release"], SETTINGS, "release.")
    if wrong:
        raise Failure("DEPLOY_FAILED", "the request is not complete", found=", ".join(wrong),
                      expected="a request as Pulumi sends it",
                      remedy="update Pulumi's program and this host from the same release")
    # PostgreSQL cuts longer names of copies short.
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,29}", request["database"]):
        raise Failure("DEPLOY_FAILED", "the database's name is none that a release can work with",
                      found=request["database"],
                      expected="up to 30 letters, digits, '_', '.', '-'", remedy="set odoo:database")
    return request


def problems(value, fields, place):
    given = value if isinstance(value, dict) else {}
    lacking = [f"no {place}{name}" for name in sorted(set(fields) - set(given))]
    # True and False are numbers in Python.
    strange = [f"{place}{name} is {json.dumps(given[name])[:60]}" for name, kind in fields.items() if name in given
               and (not isinstance(given[name], kind) or (kind is NUMBER and isinstance(given[name], bool)))]
    return lacking + strange
