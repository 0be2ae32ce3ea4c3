"""odoo-ship: the release worker of an Odoo host, for Pulumi, for systemd and for operators.

  odoo-ship status [--json] [--request ID]      what runs, what is under way, what went wrong
  odoo-ship releases                            releases and points that can be rolled back to, as JSON
  odoo-ship points                              restore points: the data as they were when a release was left
  odoo-ship deploy [--image REPO@sha256:…]      the live release again, or another image with the same settings
  odoo-ship rollback                            to the previous release, in code only
  odoo-ship rollback --with-data [--to POINT]   to a restore point's data, and the release that left them; what was
                                                written since is kept as a new point
  odoo-ship doctor                              looks for what would fail a release, or was left by one; what to type
  odoo-ship prune [--points N]                  removes what ended releases have left, and points beyond the newest N
  odoo-ship restore POINT --into NAME           a point's data in a new database: neutralised, or as they were (--exact)
  odoo-ship first-login                         the administrator's first password, shown once
  odoo-ship dump                                a dump to the configured destination now
  odoo-ship egress                              places the rules of where the containers may go, as each minute's timer
  odoo-ship resume                              goes on with, or rolls back, what was interrupted
  odoo-ship logs                                the worker's log
  odoo-ship job REQUEST.json                    one release to its end, in a Kubernetes Job
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import by_hand  # noqa: E402
import doctor  # noqa: E402
import dump  # noqa: E402
import egress  # noqa: E402
import history  # noqa: E402
import intake  # noqa: E402
import ledger  # noqa: E402
import restore  # noqa: E402
import service  # noqa: E402
import staged  # noqa: E402
import status as states  # noqa: E402
import stopped  # noqa: E402
import tidying  # noqa: E402
from failures import Failure, text_of, unexpected  # noqa: E402
from files import FIRST_LOGIN, LOGS, read_json  # noqa: E402
from hosts import engine, here  # noqa: E402

#: Exit status of a worker that nothing but a person can help: systemd does not start it again.
FOR_A_PERSON = 78


def parser():
    top = argparse.ArgumentParser(prog="odoo-ship", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    for name in ("receive", "run", "resume", "egress", "releases", "points", "first-login", "logs", "doctor"):
        commands.add_parser(name)
    commands.add_parser("job").add_argument("request", type=Path)
    pruning = commands.add_parser("prune")
    pruning.add_argument("--points", type=int, metavar="N")
    status = commands.add_parser("status")
    status.add_argument("--json", action="store_true")
    status.add_argument("--request")
    deploy = commands.add_parser("deploy")
    deploy.add_argument("--image")
    deploy.add_argument("--additive", action="store_true")
    back = commands.add_parser("rollback")
    back.add_argument("--to", metavar="POINT")
    back.add_argument("--yes", action="store_true", help="ask nothing")
    way = back.add_mutually_exclusive_group()
    way.add_argument("--with-data", action="store_true")
    way.add_argument("--code-only", action="store_true")
    restoring = commands.add_parser("restore")
    restoring.add_argument("point")
    restoring.add_argument("--into", required=True)
    restoring.add_argument("--exact", action="store_true")
    dumping = commands.add_parser("dump")
    dumping.add_argument("--scheduled", action="store_true")
    return top


def main():
    args = parser().parse_args()
    if os.geteuid() != 0 and not here.KUBERNETES:
        print("odoo-ship needs root: sudo odoo-ship …", file=sys.stderr)
        return 77
    os.umask(0o077)
    # Whatever engine root has chosen for what he types: that of this host.
    os.environ["DOCKER_HOST"] = f"unix://{engine.SOCKET}"
    try:
        return COMMANDS[args.command](args) or 0
    except Failure as failure:
        print(failure.as_text(), file=sys.stderr)
        if failure.code == "STATE_DAMAGED" and args.command == "run":
            stopped.note(failure)
            return FOR_A_PERSON
    except OSError as error:
        print(unexpected(error).as_text(), file=sys.stderr)
    return 1


def receive(_):
    print(json.dumps(intake.receive(sys.stdin.read())))


def run(_):
    return service.serve()


def job(args):
    return service.job(args.request)


def resume(_):
    print("the worker goes on; `odoo-ship logs` in another terminal tells what it does", flush=True)
    # Until this attempt has ended: what the last one said is in the status until then.
    subprocess.run(["systemctl", "start", "odoo-ship.service"], stderr=subprocess.DEVNULL, check=False)
    return follow(None)


def place_egress(_):
    if not egress.again():
        print("no release has said yet where the containers may go", file=sys.stderr)


def status(args):
    found = states.of_host(args.request)
    if args.json:
        print(json.dumps(found))
        return 0
    live = found["live"]
    print(f"live      {live['image']} since {live['since']}" if live else "live      nothing is installed yet")
    if found["closed"]:
        print("closed    users see the maintenance page")
    request = found.get("request")
    if request:
        print(f"request   {request['id']}: {request['state']}" + (f", at {request['step']}" if request["step"] else ""))
        for step, seconds in request["steps"].items():
            print(f"          {step:<10} " + (f"{seconds:7.1f} s" if seconds is not None else "not ended"))
        if request["message"]:
            print(f"          {request['message']}")
        if request["next"]:
            print(f"next      {request['next']}")
        for warning in request["warnings"]:
            print(f"warning   {warning}")
        if request["error"]:
            print(text_of(request["error"]))
    if found["stopped"] and not (request and request["error"]):
        print(f"worker    it has ended, and is not started again by itself\n{text_of(found['stopped'])}")
    if found["dump"]:
        error = found["dump"].get("error")
        print(f"dump      {found['dump'].get('name')}" if error is None
              else f"dump      the one of {found['dump']['at']} was not made: {error['found'].splitlines()[-1]}")
    print_points(found["points"])
    return 0


def releases(_):
    """One line, which a program reads. Where PostgreSQL cannot be asked it says so, and tells what is noted."""
    live = ledger.live()
    if live is None:
        print(json.dumps(history.tell()))
        return
    host = here.host()
    try:
        with beside_releases(host):
            print(json.dumps(history.tell(host.data)))
    except Failure as failure:
        print(json.dumps({**history.tell(), "problem": f"{failure.summary}: {failure.found}"}))


def points(_):
    print_points(ledger.points())


def print_points(known):
    if not known:
        print("points    none yet: one is taken whenever modules are upgraded")
    for point in known:
        print(f"point     {point['id']}  left {point['from'] and point['from'][:19]}  for {point['to'][:19]}  "
              f"{point['at']}  {point['bytes'] / 1e6:.0f} MB")


def deploy(args):
    request = by_hand.live_request()
    request = by_hand.with_image(request, args.image) if args.image else request
    return submit({**request, "release": {**request["release"], "additive": args.additive}})


def roll_back(args):
    """Says what will be done; whoever types it is asked, a program is not."""
    request, plan = by_hand.rollback(args.to, args.with_data, writes_by_now())
    print(plan, flush=True)
    if sys.stdin.isatty() and not args.yes and input("Roll back? Type yes: ").strip() != "yes":
        print("nothing was done", file=sys.stderr)
        return 1
    return submit(request)


def writes_by_now():
    """None where PostgreSQL does not say: that keeps nobody from a rollback."""
    try:
        live = staged.read(ledger.live()["release"])
        return here.host().data.postgres.writes(live["database"])
    except (Failure, OSError, TypeError):
        return None


def submit(request):
    """By hand always a release of its own, also where nothing differs."""
    answer = intake.take_in({**request, "id": by_hand.fresh_id(request["image"]), "force": True})
    return follow(answer["request"])


def follow(request_id):
    """Prints each step once until the release has ended: its steps have limits of their own, by the size of the data.
    """
    shown = None
    while True:
        request = states.of_host(request_id).get("request")
        if request is None:
            return 0
        step = request["message"] or request["step"]
        if step and step != shown:
            print(step, flush=True)
            shown = step
        if request["state"] in ("succeeded", "failed"):
            print(request["state"])
            if request["error"]:
                print(text_of(request["error"]), file=sys.stderr)
            return 0 if request["state"] == "succeeded" else 1
        time.sleep(0.2)


def examine(_):
    host = here.host()
    with beside_releases(host):
        findings = doctor.look(host)
    for what, found, remedy, told in findings:
        print(f"{'look' if found else 'ok':<5} {what}" + (f": {found or told}" if found or told else ""))
        if found and remedy:
            print(f"      {remedy}")
    return int(any(finding.found for finding in findings))


def beside_releases(host):
    """In a cluster each program gives its database roles new passwords: not while a release works with its own."""
    apart = here.KUBERNETES and ledger.live()
    return host.beside_releases(by_hand.live_request()) if apart else contextlib.nullcontext()


def prune(args):
    live, host = by_hand.live_request(), here.host()
    keep = live["release"]["keepPoints"] if args.points is None else max(0, args.points)
    with restore.alone(host, live):
        gone = tidying.prune_by_hand(host, live["database"], keep)
    print("\n".join(f"removed {name}" for name in gone) or "there was nothing to remove")


def first_login(_):
    """Once: whoever reads it later than its owner must not find it."""
    if not FIRST_LOGIN.exists():
        print("The first password was shown already, or nothing is installed. Odoo's login page can send a new one.",
              file=sys.stderr)
        return 1
    print(FIRST_LOGIN.read_text(encoding="utf-8"), end="", flush=True)
    FIRST_LOGIN.unlink()


def restore_point(args):
    restore.into(args.point, args.into, args.exact)


def take_dump(args):
    return dump.take(read_json(dump.SETTINGS), args.scheduled)


def logs(_):
    journal = ["journalctl", "--no-pager", "-u", "odoo-ship.service", "-n"]
    newest = max(LOGS.glob("*.log"), key=lambda path: path.stat().st_mtime, default=None) if LOGS.exists() else None
    if newest is None:
        os.execvp(journal[0], [*journal, "200"])
    subprocess.run([*journal, "100"], check=False)
    print(flush=True)
    subprocess.run(["tail", "-n", "60", str(newest)], check=False)


COMMANDS = {"receive": receive, "run": run, "job": job, "resume": resume, "egress": place_egress, "status": status,
            "releases": releases, "points": points, "deploy": deploy, "rollback": roll_back, "restore": restore_point,
            "first-login": first_login, "doctor": examine, "prune": prune, "dump": take_dump, "logs": logs}

if __name__ == "__main__":
    sys.exit(main())
