"""The certificate that the proxy of this host shows to users: for whom it is, of whom, and how long it lasts.

It is asked as a browser would ask, by the site's name, so it counts whoever made the certificate and wherever it lies.
"""

import contextlib
import socket
import ssl
import time
from urllib.parse import urlsplit

ADDRESS = ("127.0.0.1", 443)
#: Of each of two or three handshakes, on this host itself.
SECONDS = 5
DAY = 86400
#: A person renews one of their own, and needs time for it.
OWN_DAYS = 30
#: The proxy renews in the last third of the life. With less than this part of it left it has tried in vain.
RENEWED = 1 / 4
#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name: an expired one is to be read, too.
NO_CHECK_TIME = 0x200000
#: What OpenSSL says of a certificate for another name, and for another address.
FOR_ANOTHER = (62, 64)

ORDERED = ("`docker restart odoo-proxy` tries again at once, and `docker logs odoo-proxy 2>&1 | grep -i acme` tells "
           "why it failed: docs/certificate.md")
OWN = ('`pulumi config set vps:tlsCertificate -- "$(cat chain.pem)"`, the same with --secret for vps:tlsKey, then '
       "`pulumi up`: docs/certificate.md")
AWAY = "`docker logs odoo-proxy` tells why; `cd /opt/odoo && docker compose up -d` starts it"


def look(request):
    """(what is wrong, remedy, what there is) of the site of a release's request; None where it has no proxy."""
    domain = urlsplit(request.get("url") or "").hostname
    if not domain or "proxy/Caddyfile" not in request["files"]:
        return None
    own = "proxy/tls.pem" in request["files"]
    remedy = OWN if own else ORDERED
    try:
        shown, fits = show(domain)
    except ssl.SSLError as error:
        return f"there is none for {domain} that can be read ({error.reason or error})", remedy
    except OSError as error:
        return f"nobody answers at port {ADDRESS[1]} of this host ({error})", AWAY
    begin, end = (ssl.cert_time_to_seconds(shown[name]) for name in ("notBefore", "notAfter"))
    left = end - time.time()
    told = f"by {issuer(shown)}, until {time.strftime('%Y-%m-%d', time.gmtime(end))}, {left / DAY:.0f} days left"
    if not fits:
        return f"it is for {', '.join(names(shown)) or 'nobody'}, not for {domain} ({told})", remedy
    if left < 0:
        return f"it has expired ({told})", remedy
    if left < (OWN_DAYS * DAY if own else RENEWED * (end - begin)):
        return f"it ends soon, and was not renewed ({told})", remedy
    return "", "", f"for {domain}, {told}"


def show(domain):
    """(the certificate, whether it is for this domain)."""
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    with shake(asking, domain) as connection:
        found = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True))
    # Python reads only what it has verified. That one is its own authority here: whom browsers trust is not asked.
    reading = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    reading.verify_flags = ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME
    reading.load_verify_locations(cadata=found)
    try:
        return read(reading, domain), True
    except ssl.SSLCertVerificationError as error:
        if error.verify_code not in FOR_ANOTHER:
            raise
    reading.check_hostname = False
    return read(reading, domain), False


def read(context, domain):
    with shake(context, domain) as connection:
        return connection.getpeercert()


@contextlib.contextmanager
def shake(context, domain):
    with (socket.create_connection(ADDRESS, SECONDS) as plain,
          context.wrap_socket(plain, server_hostname=domain) as connection):
        yield connection


def issuer(shown):
    known = {name: value for part in shown.get("issuer", ()) for name, value in part}
    return " ".join(known[name] for name in ("organizationName", "commonName") if name in known) or "nobody"


def names(shown):
    return [value for _, value in shown.get("subjectAltName", ())]
