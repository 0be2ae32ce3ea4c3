import assert from "node:assert/strict";

import { Trial } from "../../support/trials/host-trial";

/** Address by name: what an attacker in the container would look for, and what Odoo needs. */
type Places = Readonly<Record<string, readonly [host: string, port: number]>>;

/** What stands for the world around the machine: networks of their own behind it, and servers of its own. */
const planted = { metadata: "169.254.169.254", neighbour: "10.99.0.2", internet: "198.18.222.2" } as const;
const plant = `
plant() {
  ip netns add "$1"; ip link add "h-$1" type veth peer name "p-$1" netns "$1"
  ip addr add "$3/24" dev "h-$1"; ip link set "h-$1" up
  ip -n "$1" addr add "$2/24" dev "p-$1"; ip -n "$1" link set "p-$1" up; ip -n "$1" route add default via "$3"
  systemd-run -q --collect --unit "planted-$1" ip netns exec "$1" python3 -m http.server 80
}
plant meta ${planted.metadata} 169.254.169.1
plant near ${planted.neighbour} 10.99.0.1
plant far ${planted.internet} 198.18.222.1
systemd-run -q --collect --unit planted-host python3 -m http.server 9100
for n in $(seq 50); do python3 -c 'import socket; socket.create_connection(("127.0.0.1", 9100), 1)' 2> /dev/null && break; sleep 0.2; done
`;
const uproot = `
systemctl stop planted-meta planted-near planted-far planted-host 2> /dev/null || true
for name in meta near far; do ip netns del "$name" 2> /dev/null || true; ip link del "h-$name" 2> /dev/null || true; done
`;
/** Prints, by name, whether a TCP connection comes about. */
const ask = `
import json, socket, sys
def answer(host, port):
    try:
        socket.create_connection((host, port), 5).close()
        return "open"
    except OSError as error:
        return error.strerror or type(error).__name__
print(json.dumps({name: answer(*place) for name, place in json.loads(sys.argv[1]).items()}))
`;

describe("the network of a host", () => {
  let trial: Trial;
  let places: Places;

  before(async () => {
    trial = await Trial.open();
    await trial.machine.sh(plant);
    const gateway = (network: string) =>
      trial.machine.exec([
        "docker",
        "network",
        "inspect",
        "-f",
        "{{(index .IPAM.Config 0).Gateway}}",
        `odoo_${network}`,
      ]);
    const [edge, backend] = await Promise.all([gateway("edge"), gateway("backend")]);
    places = {
      metadata: [planted.metadata, 80],
      neighbour: [planted.neighbour, 80],
      "host by its bridge": [edge, 9100],
      "host by the inner bridge": [backend, 9100],
      "host by its public address": [trial.machine.privateHost, 9100],
      "login to the host": [trial.machine.privateHost, 22],
      "host by its side of another network": ["10.99.0.1", 9100],
      "its own public address": [trial.machine.privateHost, 443],
      internet: [planted.internet, 80],
      PostgreSQL: ["db", 5432],
    };
  });
  after(() => trial.machine.sh(uproot));

  const reached = async (who: readonly string[], what: Places): Promise<Record<string, string>> =>
    JSON.parse(await trial.machine.exec([...who, "python3", "-I", "-c", ask, JSON.stringify(what)])) as Record<
      string,
      string
    >;
  const fromOdoo = () => reached(["docker", "exec", "odoo-ce"], places);
  const allowed = ["its own public address", "internet", "PostgreSQL"];
  const expected = () =>
    Object.fromEntries(Object.keys(places).map((name) => [name, allowed.includes(name) ? "open" : "No route to host"]));

  it("shows Odoo the Internet, its database and its own address, and nothing else", async () => {
    const others = Object.fromEntries(Object.entries(places).filter(([name]) => name !== "PostgreSQL"));
    const open = Object.fromEntries(Object.keys(others).map((name) => [name, "open"]));
    assert.deepEqual(await reached([], others), open, "what is planted answers the host");
    assert.deepEqual(await fromOdoo(), expected());
  });

  it("is the same after somebody has emptied the host's chains, as soon as the timer comes by", async () => {
    await trial.machine.sh(
      "iptables -A DOCKER-USER -s 203.0.113.9 -j DROP; iptables -F INPUT; iptables -D DOCKER-USER -j ODOO-SHIP-FORWARD",
    );
    assert.notDeepEqual(await fromOdoo(), expected());
    await trial.machine.sh("systemctl start odoo-ship-egress.service");
    assert.deepEqual(await fromOdoo(), expected());
    assert.match(
      await trial.machine.sh("iptables -S DOCKER-USER; iptables -D DOCKER-USER -s 203.0.113.9 -j DROP"),
      /203\.0\.113\.9/,
    );
  });

  it("is there after a power cut", async () => {
    await trial.machine.powerCut();
    await trial.machine.waitForLogin();
    assert.match(await trial.machine.sh("systemctl list-timers --all"), /odoo-ship-egress\.timer/);
    await trial.machine.sh(plant);
    assert.deepEqual(await fromOdoo(), expected());
  });

  it("is asked for before a release changes anything: a host that cannot is refused, and serves on", async () => {
    const tool = "$(command -v iptables-restore)";
    await trial.machine
      .sh(`mv ${tool} /root/kept; printf '#!/bin/sh\\necho no such table >&2\\nexit 3\\n' > /usr/sbin/iptables-restore
      chmod 755 /usr/sbin/iptables-restore`);
    try {
      const { state, error } = await trial.deploy(trial.live, { readySeconds: 91 });
      assert.deepEqual([state, error?.code], ["failed", "HOST_UNFIT"]);
      assert.deepEqual(Object.keys(await trial.machine.steps()), ["preflight", "pulled"]);
      assert.match(error?.found ?? "", /no such table/);
    } finally {
      await trial.machine.sh("mv /root/kept /usr/sbin/iptables-restore");
    }
    await trial.machine.waitForLogin();
    assert.deepEqual(await trial.wrongRelease(), []);
  });
});
