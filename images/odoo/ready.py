"""Whether Odoo serves its database: asked by the guard of its pods, and by the worker of a release.

    ready.py SECONDS     waits in the container of the server; prints its last answer; exit status 0 once it serves

/web/health passes without a database. The login page needs one, and is a redirect where users log in elsewhere; without
a database Odoo sends everybody to the pages that manage databases.
"""

import http.client
import sys
import time

PORT = 8069


def get(path, seconds, port=PORT):
    """(status, beginning of the text, where it leads to) of Odoo's answer; (0, why not, "") where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read(1000).decode("utf-8", "replace")
        return answer.status, text, answer.getheader("Location", "") if 300 <= answer.status < 400 else ""
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__, ""
    finally:
        connection.close()


def ask(seconds, port=PORT):
    """(whether it serves, what it answered)"""
    status, text, elsewhere = get("/web/login", seconds, port)
    if status == 0:
        return False, text
    served = status == 200 or (elsewhere != "" and "/web/database/" not in elsewhere)
    return served, f"{status} {elsewhere}".strip()


def main(seconds):
    end = time.monotonic() + seconds
    while True:
        served, answer = ask(20)
        if served or time.monotonic() > end:
            print(answer)
            return 0 if served else 1
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
