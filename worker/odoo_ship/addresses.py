"""Addresses that Odoo keeps among its parameters."""

import contextlib

import staged
from failures import Failure

REPORT_URL = "http://127.0.0.1:8069"


def put(postgres, request, replace):
    """PDFs fetch their style sheets from Odoo itself, not through the proxy; links in mails lead to the address that
    users know. `replace`: also where somebody has set another one by hand.
    """
    database = request["database"]
    postgres.set_parameter(database, "report.url", REPORT_URL, replace=False)
    postgres.set_parameter(database, "web.base.url", request["url"], replace=replace)
    postgres.set_parameter(database, "web.base.url.freeze", "True", replace=False)


def differs(request, release):
    """Whether the address is another than that of `release`, which has left the data; None: there is none before."""
    with contextlib.suppress(Failure):
        return (release and staged.read(release)["url"]) != request["url"]
    return True
