import ipaddress
import json
import re
from unittest import mock

from support import WorkerCase, request

import egress
import ledger
import service
import staged
from failures import Failure
from hosts import engine
from hosts.compose import ComposeHost
from journal import Journal
from shell import Result

HIDDEN = ["10.0.0.0/8", "169.254.0.0/16", "fc00::/7"]
OPEN = {"odoo": [{"cidr": "0.0.0.0/0", "except": HIDDEN[:2]}], "authority": None}
BRIDGES = ("br-" + "a" * 12, "br-" + "b" * 12)


class Kernel:
    """A host's firewall and Docker, as far as the module asks them: chains by tool, and what iptables-restore does."""

    def __init__(self):
        self.chains = {tool: {"INPUT": [], "FORWARD": [], "OUTPUT": []} for tool in ("iptables", "ip6tables")}
        self.networks = list(BRIDGES)
        self.proxy = None
        self.docker = True
        self.broken = None
        self.restored = 0

    def run(self, args, limit, given=None, **_):
        tool = args[0]
        if tool in self.chains:
            found = self.chains[tool].get(args[-1])
            if found is None:
                return Result(1, "", f"{tool}: No chain/target/match by that name.\n")
            return Result(0, "".join(f"-A {args[-1]} {rule}\n" for rule in found))
        if tool.endswith("-restore"):
            return self.restore(tool.removesuffix("-restore"), args, given)
        if tool == "systemctl":
            return Result(0 if self.docker else 3, "")
        raise AssertionError(args)

    def restore(self, tool, args, given):
        if self.broken:
            return Result(2, "", self.broken)
        assert "--noflush" in args and any(arg.startswith("--wait") for arg in args), args
        lines = given.splitlines()
        assert lines[0] == "*filter" and lines[-1] == "COMMIT"
        chains = {name: list(rules) for name, rules in self.chains[tool].items()}
        for line in lines[1:-1]:
            verb, _, rest = line.partition(" ")
            if line.startswith(":"):
                chains[line[1:].split()[0]] = []
                continue
            chain, _, rule = rest.partition(" ")
            if verb == "-A":
                chains[chain].append(rule)
            elif verb == "-I":
                assert rule.startswith("1 "), line
                chains[chain].insert(0, rule.removeprefix("1 "))
            elif verb == "-D":
                chains[chain].remove(rule)
            elif verb == "-F":
                chains[chain] = []
            elif verb == "-X":
                del chains[chain]
            else:
                raise AssertionError(line)
        self.chains[tool] = chains
        self.restored += 1
        return Result(0, "")

    def container(self, _):
        address = {"IPAddress": self.proxy, "GlobalIPv6Address": ""}
        return self.proxy and {"NetworkSettings": {"Networks": {"odoo_edge": address}}}

    def bridges(self, _):
        if not self.docker:
            raise AssertionError("Docker is asked while it does not run")
        name_of = lambda name: {} if name.startswith("br-") else {"com.docker.network.bridge.name": name}  # noqa: E731
        return [{"Id": name.removeprefix("br-") + "0" * 52, "Options": name_of(name)} for name in self.networks]

    # What a packet from a container meets: the verdict of the first rule that fits, as far as these rules go

    def verdict(self, chain, bridge, address, port=443, protocol="tcp", source="198.19.0.9", out="eth0",
                tool="iptables"):
        for rule in self.chains[tool][chain]:
            words = rule.split()
            said = {words[i]: words[i + 1] for i in range(0, len(words) - 1) if words[i].startswith("-")}
            inside = lambda given, text: ipaddress.ip_address(given) in ipaddress.ip_network(text)  # noqa: E731
            given = {"-i": bridge, "-o": out, "-p": protocol, "--dport": str(port)}
            places = {"-d": address, "-s": source}
            if ("--ctstate" not in said and all(said.get(word, value) == value for word, value in given.items())
                    and all(inside(value, said[word]) for word, value in places.items() if word in said)):
                return said["-j"]
        return "none"


class EgressCase(WorkerCase):
    def setUp(self):
        super().setUp()
        self.kernel = Kernel()
        resolv = self.root / "resolv.conf"
        resolv.write_text("# comment\nnameserver 10.1.1.1\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\n")
        six = self.root / "if_inet6"
        six.write_text("00000000000000000000000000000001 01 80 10 80 lo\n")
        replaced = {"run": self.kernel.run, "RESOLVERS": (resolv,),
                    "DAEMON": self.root / "daemon.json", "IPV6": six}
        for name, value in replaced.items():
            before = getattr(egress, name)
            setattr(egress, name, value)
            self.addCleanup(setattr, egress, name, before)
        asked = mock.patch.multiple(engine, container=self.kernel.container, networks=self.kernel.bridges)
        asked.start()
        self.addCleanup(asked.stop)
        which = egress.shutil.which
        egress.shutil.which = lambda tool: f"/usr/sbin/{tool}"
        self.addCleanup(setattr, egress.shutil, "which", which)

    def forward(self, address, **packet):
        return {self.kernel.verdict(egress.FORWARD, bridge, address, **packet) for bridge in BRIDGES}

    def to_host(self, **packet):
        return {self.kernel.verdict(egress.HOST, bridge, "198.51.100.4", **packet) for bridge in BRIDGES}


class RulesTest(EgressCase):
    def test_odoo_reaches_the_internet_and_nothing_private(self):
        egress.place(OPEN)
        self.assertEqual(self.forward("203.0.113.7"), {"RETURN"})
        for address in ("169.254.169.254", "10.114.0.5"):
            self.assertEqual(self.forward(address), {"REJECT"}, address)

    def test_odoo_reaches_no_port_of_the_host_but_those_of_its_own_proxy(self):
        egress.place(OPEN)
        for port in (22, 2375, 8069, 9100):
            self.assertEqual(self.to_host(port=port), {"REJECT"}, port)
        proxy = self.to_host(port=443) | self.to_host(port=80) | self.to_host(port=443, protocol="udp")
        self.assertEqual(proxy, {"RETURN"})

    def test_names_are_looked_up_where_the_host_looks_them_up_also_at_a_private_address(self):
        (self.root / "daemon.json").write_text('{"dns": ["169.254.169.254"]}')
        egress.place({**OPEN, "odoo": []})
        for server in ("10.1.1.1", "169.254.169.254"):
            for protocol in ("udp", "tcp"):
                self.assertEqual(self.forward(server, port=53, protocol=protocol), {"RETURN"})
            self.assertEqual(self.forward(server, port=80), {"REJECT"})
        self.assertEqual(self.forward("203.0.113.7", port=53, protocol="udp"), {"REJECT"})
        # One that this host runs itself, at an address that is not its loopback.
        self.assertEqual(self.kernel.verdict(egress.HOST, BRIDGES[0], "10.1.1.1", port=53, protocol="udp"), "RETURN")

    def test_a_daemon_file_that_cannot_be_read_changes_nothing(self):
        (self.root / "daemon.json").write_text("{")
        egress.place(OPEN)
        self.assertEqual(self.forward("10.1.1.1", port=53), {"RETURN"})

    def test_containers_of_one_network_talk_to_each_other(self):
        egress.place({**OPEN, "odoo": []})
        for bridge in BRIDGES:
            self.assertEqual(self.kernel.verdict(egress.FORWARD, bridge, "10.0.0.3", port=5432, out=bridge), "RETURN")
        self.assertEqual(self.kernel.verdict(egress.FORWARD, BRIDGES[0], "203.0.113.3", out=BRIDGES[1]), "REJECT")

    def test_nothing_is_said_about_packets_of_others(self):
        egress.place({**OPEN, "odoo": []})
        for chain in (egress.FORWARD, egress.HOST):
            self.assertEqual(self.kernel.verdict(chain, "eth0", "169.254.169.254"), "none")

    def test_a_private_range_is_open_where_the_setting_lies_within_it_and_only_there(self):
        egress.place({**OPEN, "odoo": [*OPEN["odoo"], {"cidr": "10.114.0.0/24", "except": []}]})
        self.assertEqual(self.forward("10.114.0.5") | self.forward("203.0.113.7"), {"RETURN"})
        self.assertEqual(self.forward("10.115.0.5") | self.forward("169.254.169.254"), {"REJECT"})

    def test_the_proxy_reaches_its_authority_where_odoo_may_go_nowhere(self):
        self.kernel.proxy = "198.19.0.2"
        egress.place({"odoo": [], "authority": {"port": 443, "to": OPEN["odoo"]}})
        self.assertEqual(self.forward("203.0.113.7", source="198.19.0.2"), {"RETURN"})
        proxy = {"source": "198.19.0.2"}
        others = ({"source": "198.19.0.3"}, {**proxy, "port": 25}, {**proxy, "address": "169.254.169.254"})
        for packet in others:
            self.assertEqual(self.forward(**{"address": "203.0.113.7", **packet}), {"REJECT"}, packet)

    def test_ipv6_goes_nowhere_unless_it_is_asked_for(self):
        egress.place(OPEN)
        self.assertEqual(self.forward("2001:db8::7", tool="ip6tables"), {"REJECT"})
        egress.place({**OPEN, "odoo": [{"cidr": "::/0", "except": HIDDEN[2:]}]})
        self.assertEqual(self.forward("2001:db8::7", tool="ip6tables"), {"RETURN"})
        self.assertEqual(self.forward("fd00:ec2::254", tool="ip6tables") | self.forward("203.0.113.7"), {"REJECT"})
        self.assertTrue(any("--icmpv6-type 135" in rule for rule in self.kernel.chains["ip6tables"][egress.HOST]))

    def test_a_host_without_ipv6_has_no_rules_for_it(self):
        (self.root / "if_inet6").write_text("")
        egress.place(OPEN)
        self.assertNotIn(egress.FORWARD, self.kernel.chains["ip6tables"])

    def test_what_is_no_range_comes_into_no_rule(self):
        for text in ("0.0.0.0/0 -j ACCEPT", "example.com", "10.0.0.0/8\n-F INPUT"):
            with self.assertRaises(ValueError):
                egress.place({**OPEN, "odoo": [{"cidr": text, "except": []}]})
            self.assertEqual(self.kernel.restored, 0)


class PlaceTest(EgressCase):
    def jumps(self):
        return [self.kernel.chains["iptables"][chain] for chain in ("DOCKER-USER", "INPUT", "FORWARD")]

    def test_the_chains_are_asked_first_and_others_keep_their_rules(self):
        chains = self.kernel.chains["iptables"]
        chains["DOCKER-USER"] = ["-s 203.0.113.9/32 -j DROP", "-j RETURN"]
        chains["INPUT"] = ["-p tcp -m tcp --dport 22 -j ACCEPT"]
        chains["FORWARD"] = ["-j DOCKER-USER", "-j DOCKER-FORWARD"]
        egress.place(OPEN)
        self.assertEqual(self.jumps(), [["-j ODOO-SHIP-FORWARD", "-s 203.0.113.9/32 -j DROP", "-j RETURN"],
                                        ["-j ODOO-SHIP-HOST", "-p tcp -m tcp --dport 22 -j ACCEPT"],
                                        ["-j DOCKER-USER", "-j DOCKER-FORWARD"]])

    def test_where_docker_makes_no_chain_for_others_there_is_one(self):
        egress.place(OPEN)
        self.assertEqual(self.jumps(), [["-j ODOO-SHIP-FORWARD"], ["-j ODOO-SHIP-HOST"], ["-j DOCKER-USER"]])

    def test_a_second_time_changes_nothing(self):
        egress.place(OPEN)
        before = json.dumps(self.kernel.chains)
        egress.place(OPEN)
        egress.again()
        self.assertEqual(json.dumps(self.kernel.chains), before)

    def test_they_come_to_the_top_again_once(self):
        egress.place(OPEN)
        self.kernel.chains["iptables"]["INPUT"] = ["-j ACCEPT", "-j ODOO-SHIP-HOST", "-j ODOO-SHIP-HOST"]
        egress.again()
        self.assertEqual(self.kernel.chains["iptables"]["INPUT"], ["-j ODOO-SHIP-HOST", "-j ACCEPT"])

    def test_networks_that_were_made_anew_have_the_rules_again(self):
        egress.place(OPEN)
        self.kernel.networks = ["br-" + "c" * 12]
        self.assertTrue(egress.again())
        rules = " ".join(self.kernel.chains["iptables"][egress.FORWARD])
        self.assertEqual(set(re.findall(r"br-\w+", rules)), {"br-" + "c" * 12})

    def test_before_docker_starts_the_networks_of_before_have_them_without_asking_it(self):
        self.kernel.proxy = "198.19.0.2"
        egress.place({"odoo": [], "authority": {"port": 443, "to": OPEN["odoo"]}})
        self.kernel.chains["iptables"] = {"INPUT": [], "FORWARD": []}
        self.kernel.docker = False
        self.assertTrue(egress.again())
        self.assertEqual(self.forward("169.254.169.254"), {"REJECT"})
        # Whoever starts first may get the proxy's address.
        self.assertEqual(self.forward("203.0.113.7", source="198.19.0.2"), {"REJECT"})

    def test_a_host_that_was_told_nothing_has_none(self):
        self.assertFalse(egress.again())
        self.assertFalse(egress.place(None))
        egress.check(None)
        self.assertEqual(self.kernel.restored, 0)

    def test_a_release_from_before_these_rules_keeps_those_that_there_are(self):
        egress.place(OPEN)
        egress.place(None)
        self.assertEqual(self.forward("169.254.169.254"), {"REJECT"})

    def test_the_first_release_with_them_does_not_wait_until_it_is_in_place_and_later_ones_do(self):
        egress.begin(OPEN)
        self.assertEqual(self.forward("203.0.113.7"), {"RETURN"})
        egress.begin({**OPEN, "odoo": []})
        self.assertEqual(self.forward("203.0.113.7"), {"RETURN"})


class TasksTest(EgressCase):
    """A release's own containers, with and without ways out."""

    STORE = {"cidr": "203.0.113.7/32", "except": [], "port": 443}

    def task(self, address, port=443, **packet):
        return self.kernel.verdict(egress.FORWARD, egress.TASKS, address, port=port, **packet)

    def test_they_reach_what_is_named_by_its_port_and_names_are_looked_up(self):
        egress.place({**OPEN, "tasks": [self.STORE]})
        self.assertEqual(self.task("203.0.113.7"), "RETURN")
        self.assertEqual(self.task("10.1.1.1", port=53, protocol="udp"), "RETURN")
        for address, port in (("203.0.113.7", 25), ("203.0.113.8", 443), ("10.1.1.1", 443), ("169.254.169.254", 443)):
            self.assertEqual(self.task(address, port=port), "REJECT", (address, port))
        host = [self.kernel.verdict(egress.HOST, egress.TASKS, "198.51.100.4", port=port) for port in (22, 80, 443)]
        self.assertEqual(host, ["REJECT"] * 3, "not even the proxy: they are no users")
        self.assertEqual(self.forward("203.0.113.8"), {"RETURN"}, "Odoo goes where it may")

    def test_a_private_store_is_reached_beside_a_wide_range_of_the_same_port(self):
        wide = {**OPEN["odoo"][0], "port": 9000}
        egress.place({**OPEN, "tasks": [wide, {"cidr": "10.114.0.5/32", "except": [], "port": 9000}]})
        self.assertEqual(self.task("203.0.113.7", port=9000), "RETURN")
        self.assertEqual(self.task("10.114.0.5", port=9000), "RETURN")
        self.assertEqual(self.task("10.114.0.6", port=9000), "REJECT")

    def test_their_rules_are_there_before_their_network_and_before_the_release_is_in_place(self):
        egress.place(OPEN)
        self.assertNotIn(egress.TASKS, " ".join(self.kernel.chains["iptables"][egress.FORWARD]))
        egress.begin({"odoo": [], "authority": None, "tasks": [self.STORE]})
        self.assertEqual(self.task("203.0.113.7"), "RETURN")
        self.assertEqual(self.task("203.0.113.8"), "REJECT")
        self.assertEqual(self.forward("203.0.113.8"), {"RETURN"}, "those of Odoo are the live release's until then")

    def killed_as_it_was_pulled(self, before):
        """A release with a way out, and the one that serves; answers the host that the recovery works on."""
        staged.keep(request(id="r1", network=before))
        staged.keep(request(network={**OPEN, "tasks": [self.STORE]}))
        ledger.record(request(id="r1"), {}, [])
        if before:
            egress.place(before)
        egress.begin({**OPEN, "tasks": [self.STORE]})
        self.kernel.networks.append(egress.TASKS)
        self.assertEqual(self.task("203.0.113.7"), "RETURN")
        Journal.begin("r2", None, "r1", "r2", "a").note(step="pulled", phase="begin")
        host = mock.MagicMock()
        host.settle = lambda live: ComposeHost.settle(host, live)
        return host

    def recover(self, host):
        with mock.patch.object(service, "say"), mock.patch.object(service.tidying, "sweep"):
            service.recover(host)

    def test_what_a_release_has_opened_that_was_killed_early_is_closed_by_the_recovery(self):
        for before in (OPEN, None, {**OPEN, "tasks": [{**self.STORE, "port": 8443}]}):
            with self.subTest(before=before):
                self.recover(self.killed_as_it_was_pulled(before))
                self.assertEqual(self.task("203.0.113.7"), "REJECT")
                self.assertEqual(self.task("203.0.113.7", port=8443) == "RETURN", bool(before and before.get("tasks")))

    def test_where_the_firewall_does_not_answer_then_by_the_next_start_of_the_worker_or_the_next_release(self):
        host = self.killed_as_it_was_pulled(OPEN)
        kept = egress.kept().read_text()
        self.kernel.broken = "Another app is currently holding the xtables lock"
        self.recover(host)
        self.kernel.broken = None
        self.assertEqual((Journal.read()["outcome"], self.task("203.0.113.7")), ("failed", "RETURN"))
        self.assertTrue(egress.again())
        self.assertEqual(self.task("203.0.113.7"), "REJECT")
        egress.kept().write_text(kept)
        self.recover(host)
        self.assertEqual(self.task("203.0.113.7"), "REJECT")
        for asked in (OPEN, None):
            egress.begin({**OPEN, "tasks": [self.STORE]})
            egress.begin(asked)
            self.assertEqual(self.task("203.0.113.7"), "REJECT")

    def test_a_network_that_is_left_of_a_release_with_ways_out_has_none(self):
        egress.place({**OPEN, "tasks": [self.STORE]})
        egress.place({**OPEN, "tasks": []})
        self.kernel.networks.append(egress.TASKS)
        self.assertTrue(egress.again())
        self.assertEqual(self.task("203.0.113.7"), "REJECT")


class CheckTest(EgressCase):
    def refused(self):
        with self.assertRaises(Failure) as caught:
            egress.check(OPEN)
        failure = caught.exception
        self.assertEqual(failure.code, "HOST_UNFIT")
        self.assertTrue(failure.found and failure.expected and failure.remedy)
        return failure

    def test_it_leaves_nothing_behind_and_leads_nowhere(self):
        before = json.dumps(self.kernel.chains)
        egress.check(OPEN)
        self.assertEqual(json.dumps(self.kernel.chains), before)
        self.assertGreater(self.kernel.restored, 0)

    def test_a_host_without_iptables_is_refused_and_told_what_to_install(self):
        egress.shutil.which = lambda tool: None if tool == "ip6tables-restore" else tool
        failure = self.refused()
        self.assertIn("ip6tables-restore", failure.found)
        self.assertIn("Install the package iptables", failure.remedy)

    def test_a_kernel_that_cannot_is_refused_with_its_own_words(self):
        self.kernel.broken = "iptables-restore: Couldn't load match `conntrack'\n"
        self.assertIn("Couldn't load match", self.refused().found)
