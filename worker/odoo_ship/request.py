"""A request as Pulumi sends it: looked at once, where it comes in.

What is in it is said by request-schema.json. What is read of an earlier release, or by an earlier worker, is taken as
it is.
"""

import json

import schema
import sources
from failures import Failure
from files import read_json

SCHEMAS = json.loads(sources.text("request-schema.json"))


def received(text):
    """The request that a host was sent.

    Raises Failure for a request that is not whole.
    """
    try:
        request = json.loads(text)
    except ValueError:
        request = None
    return checked(request, "host")


def of_job(path):
    """The request that a Job was given.

    Raises Failure for a request that is not whole.
    """
    return checked(read_json(path), "job")


def checked(request, kind):
    wrong = schema.problems(request, SCHEMAS[kind])
    if wrong:
        raise Failure("DEPLOY_FAILED", "the request is not as this worker knows it", found="; ".join(wrong),
                      expected="a request as Pulumi sends it",
                      remedy="update Pulumi's program and this host from the same release")
    return request
