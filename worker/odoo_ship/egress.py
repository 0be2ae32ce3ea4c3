"""Where the project's containers may go: rules of this host's own firewall, which a container cannot change.

Two chains of ours, in iptables and, where the host has IPv6, in ip6tables. ODOO-SHIP-FORWARD is asked first of all in
DOCKER-USER, the chain that Docker leaves to others, about what containers send to anywhere else; ODOO-SHIP-HOST first
of all in INPUT, about what they send to this host itself, by whichever of its addresses. Both look at packets that
come from the project's bridges and at nothing else, and return what they allow: this host's own rules still have
their say. Both are replaced as a whole, at once, and nothing that somebody else has put there is touched.
"""

import ipaddress
import json
import re
import shutil
from pathlib import Path

import files
from failures import Failure, tail
from hosts import engine
from shell import run

PROJECT_NETWORKS = "com.docker.compose.project=odoo"
# The interface of the one network that a release's own containers get out by; components/vps/compose-file.ts names it,
# too. So its rules are there before it is.
TASKS = "odoo-ship-tasks"
PROXY = "odoo-proxy"
SETTINGS = "egress.json"
USER, FORWARD, HOST, TRIAL = "DOCKER-USER", "ODOO-SHIP-FORWARD", "ODOO-SHIP-HOST", "ODOO-SHIP-TRIAL"
# Odoo calls its own public address: what leaves the bridge and comes back is for the ports of the proxy.
PUBLISHED = (("tcp", 80), ("tcp", 443), ("udp", 443))
# Those that IPv6 finds its neighbours by: solicitations and advertisements.
NEIGHBOURS = (133, 135, 136)
QUICK = 60
# Others that change rules at the same time are waited for; seconds.
WAIT = "--wait=30"
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
DAEMON = Path("/etc/docker/daemon.json")
# One line for each address; a host that has IPv6 has at least its loopback's.
IPV6 = Path("/proc/net/if_inet6")
RETURN = ["-j", "RETURN"]


class Family:
    """IPv4 or IPv6: its tools, and the words that differ."""

    def __init__(self, version):
        self.version = version
        six = version == 6
        self.tool = "ip6tables" if six else "iptables"
        # Refused at once, rather than after minutes in which a worker of Odoo waits.
        self.reject = ["-j", "REJECT", "--reject-with", "icmp6-adm-prohibited" if six else "icmp-admin-prohibited"]

    def rules(self, chain):
        """Rules of a chain as their arguments; None if there is no such chain."""
        answer = run([self.tool, WAIT, "-S", chain], QUICK)
        if answer.ok:
            return [line.split()[2:] for line in answer.output.splitlines() if line.startswith("-A ")]
        # The two kinds of iptables say it in words of their own.
        if re.search(r"No chain/target/match by that name|does not exist|Chain '.*' doesn't exist", answer.text):
            return None
        raise refused(self, answer.text)

    def restore(self, lines):
        """All of it, at once, or nothing."""
        given = "\n".join(["*filter", *lines, "COMMIT", ""])
        answer = run([f"{self.tool}-restore", WAIT, "--noflush"], QUICK, given=given)
        if not answer.ok:
            raise refused(self, answer.text)


def families():
    six = IPV6.exists() and IPV6.read_text(encoding="utf-8").strip() != ""
    return [Family(4), *([Family(6)] if six else [])]


def refused(family, said):
    return Failure("HOST_UNFIT", "the rules that keep Odoo from this host and its private network cannot be placed",
                   found=f"{family.tool}: {tail(said, 3) or 'no answer'}",
                   expected=f"a host on which {family.tool} works, as Docker itself needs it",
                   remedy=f"on the host: `{family.tool} -S` shows what is wrong. Install the package iptables, or load "
                          "what the kernel lacks (modprobe xt_conntrack ipt_REJECT; a restart after an update of the "
                          "kernel), then deploy again", log=tail(said))


# What a release does

def check(network):
    """Whether the rules can be placed, by placing them where nothing leads: asked before anything is changed."""
    if network is None:
        return
    there, servers = bridges() or ["br-odoo-ship"], resolvers()
    for family in families():
        for tool in (family.tool, f"{family.tool}-restore"):
            if shutil.which(tool) is None:
                raise refused(family, f"there is no program {tool}")
        for rules in chains(family, network, there, servers, None):
            family.restore([f":{TRIAL} - [0:0]", *appended(TRIAL, rules)])
        family.restore([f"-F {TRIAL}", f"-X {TRIAL}"])


def begin(network):
    """The rules that a release's own containers need, which run before the release is in place: all of them on a host
    that has none yet, else theirs. Where one has failed, those of the live one; None: no way out.
    """
    known, ways = files.read_json(kept()), (network or {}).get("tasks", [])
    if known is None:
        place(network)
    elif ways != known["network"].get("tasks", []):
        place({**known["network"], "tasks": ways})


def place(network):
    """Puts the rules in place for the networks that there are, and keeps what they are made from for :func:`again`."""
    if network is None:
        # A release from before these rules: those of the last one stay.
        return again()
    with lock():
        there = bridges()
        files.write_json(kept(), {"network": network, "bridges": there})
        put(network, there, proxy_addresses())
        return True


def again():
    """The rules as they were last asked for, also for networks that somebody has made anew. Whether there are any."""
    with lock():
        known = files.read_json(kept())
        if known is None:
            return False
        if not docker_runs():
            # It is about to start, with its containers, on the networks of before. Which address the proxy is going to
            # have is not known yet.
            put(known["network"], known["bridges"], None)
            return True
        there = bridges()
        if there != known["bridges"]:
            files.write_json(kept(), {**known, "bridges": there})
        put(known["network"], there, proxy_addresses())
        return True


def kept():
    return files.STATE / SETTINGS


def lock():
    """A release and the timer's turn do not write over each other."""
    return files.Lock(files.STATE / "egress.lock")


def put(network, there, proxy):
    for family in families():
        family.restore(statements(family, network, there, resolvers(), proxy))


# What they are made from

def docker_runs():
    """Not by asking Docker: while it starts, it waits for the unit that asks."""
    return run(["systemctl", "is-active", "--quiet", "docker.service"], QUICK).ok


def bridges():
    """The interfaces of the project's networks on this host."""
    return sorted(bridge_of(network) for network in engine.networks(PROJECT_NETWORKS))


def bridge_of(network):
    given = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    return given or f"br-{network['Id'][:12]}"


def proxy_addresses():
    """The proxy's own, by which it is told from Odoo: both are on one bridge. None if it is not there."""
    proxy = engine.container(PROXY)
    if proxy is None:
        return None
    networks = (proxy["NetworkSettings"]["Networks"] or {}).values()
    return [network[key] for network in networks for key in ("IPAddress", "GlobalIPv6Address") if network.get(key)]


def resolvers():
    """Where names are looked up.

    Docker's own resolver asks these from within a container's network, as if the container did. One on this host's
    loopback it asks from the host, and no rule is needed.
    """
    found = []
    try:
        found += json.loads(DAEMON.read_text(encoding="utf-8")).get("dns", [])
    except (OSError, ValueError):
        pass
    for path in RESOLVERS:
        try:
            found += re.findall(r"(?m)^\s*nameserver\s+([^\s#;%]+)", path.read_text(encoding="utf-8"))
        except OSError:
            pass
    addresses = [address for address in map(address_of, found) if address is not None]
    return sorted({str(address) for address in addresses if not address.is_loopback})


def address_of(text):
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


# What they say

def statements(family, network, there, servers, proxy):
    """For iptables-restore: both chains as a whole, and the two places that lead to them."""
    forward, host = chains(family, network, there, servers, proxy)
    lines = [f":{FORWARD} - [0:0]", f":{HOST} - [0:0]"]
    user = family.rules(USER)
    if user is None:
        # Docker makes it otherwise, and takes this one as its own when it starts.
        lines.append(f":{USER} - [0:0]")
    lines += appended(FORWARD, forward) + appended(HOST, host)
    lines += at_the_top(USER, user or [], FORWARD) + at_the_top("INPUT", family.rules("INPUT") or [], HOST)
    if not any(rule[-2:] == ["-j", USER] for rule in family.rules("FORWARD") or []):
        lines.append(f"-I FORWARD 1 -j {USER}")
    return lines


def appended(chain, rules):
    return [" ".join(["-A", chain, *rule]) for rule in rules]


def at_the_top(chain, rules, target):
    """Statements that make the jump the first rule of the chain, once; none if it is."""
    jump = ["-j", target]
    count = rules.count(jump)
    if count == 1 and rules[0] == jump:
        return []
    return [f"-D {chain} -j {target}"] * count + [f"-I {chain} 1 -j {target}"]


def chains(family, network, there, servers, proxy):
    """The rules of both chains. `proxy`: its addresses; None if they are not known."""
    forward, host = [], []
    for bridge in sorted({*there, *([TASKS] if network.get("tasks") else [])}):
        forward += [["-i", bridge, *rule] for rule in to_elsewhere(family, network, bridge, servers, proxy)]
        host += [["-i", bridge, *rule] for rule in to_this_host(family, bridge, servers)]
    return forward, host


ANSWERS = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", *RETURN]


def to_elsewhere(family, network, bridge, servers, proxy):
    rules = [ANSWERS, ["-o", bridge, *RETURN], *lookups(family, servers)]
    if bridge == TASKS:
        ways = network.get("tasks", [])
        for port in sorted({int(way["port"]) for way in ways}):
            rules += reach(family, [way for way in ways if way["port"] == port], ["-p", "tcp", "--dport", str(port)])
        return [*rules, family.reject]
    if network["authority"] is not None:
        port = ["-p", "tcp", "--dport", str(int(network["authority"]["port"]))]
        for address in of_family(family, proxy or []):
            rules += [["-s", address, *rule] for rule in reach(family, network["authority"]["to"], port)]
    return [*rules, *reach(family, network["odoo"]), family.reject]


def to_this_host(family, bridge, servers):
    neighbours = [["-p", "ipv6-icmp", "-m", "icmp6", "--icmpv6-type", str(kind), *RETURN] for kind in NEIGHBOURS]
    ports = () if bridge == TASKS else PUBLISHED
    published = [["-p", protocol, "--dport", str(port), *RETURN] for protocol, port in ports]
    return [ANSWERS, *(neighbours if family.version == 6 else []), *lookups(family, servers), *published, family.reject]


def lookups(family, servers):
    names = of_family(family, servers)
    return [["-d", name, "-p", protocol, "--dport", "53", *RETURN] for name in names for protocol in ("udp", "tcp")]


def of_family(family, addresses):
    return [address for address in addresses if ipaddress.ip_address(address).version == family.version]


def reach(family, ranges, narrow=()):
    """Rules that return what lies in the ranges.

    What is meant although it is private comes first, then what is private is refused, then comes what is left.
    """
    ours = [(checked(one["cidr"]), [checked(text) for text in one["except"]]) for one in ranges]
    ours = [(cidr, hidden) for cidr, hidden in ours if cidr.version == family.version]
    private = sorted({str(one) for _, hidden in ours for one in hidden})
    meant = [["-d", str(cidr), *narrow, *RETURN] for cidr, hidden in ours if not hidden]
    refuse = [["-d", text, *narrow, *family.reject] for text in private]
    wide = [["-d", str(cidr), *narrow, *RETURN] for cidr, hidden in ours if hidden]
    return meant + refuse + wide


def checked(text):
    """A range as this host writes it: nothing else may come into a rule."""
    return ipaddress.ip_network(text, strict=False)
