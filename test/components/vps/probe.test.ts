import assert from "node:assert/strict";

import { sshKeyPair } from "../../../sandbox/support/ssh-key";
import { ShipError } from "../../../components/shared/errors";
import { HostConnection } from "../../../components/vps/ssh";
import { type HostNeeds, judgeHost, probeHost } from "../../../components/vps/probe";
import { Secret } from "../../../components/shared/secret";
import { runHere, SshServer } from "../../support/ssh-server";

const now = Date.parse("2026-11-21T10:00:00Z");
const healthy: Readonly<Record<string, string>> = {
  os: "Debian GNU/Linux 13 (trixie)",
  kernel: "Linux 6.1.0",
  systemd: "running",
  root: "root",
  python: "3.13.5",
  client: "26.1.5+dfsg1",
  docker: "26.1.5+dfsg1",
  compose: "2.26.1-4",
  "disk:/var/lib/docker": "40000000000",
  "disk:/var/lib": "40000000000",
  memory: "3916",
  cpus: "2",
  time: String(now / 1000 + 2),
};

/** A report with lines changed, or left out where the change is `undefined`. */
function report(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const lines = Object.entries({ ...healthy, ...changes }).filter(([, value]) => value !== undefined);
  return lines.map(([key, value]) => `${key}=${value ?? ""}\n`).join("");
}

function refusal(changes: Readonly<Record<string, string | undefined>>, needs?: HostNeeds): ShipError {
  try {
    judgeHost("erp.example.com", report(changes), now, needs);
  } catch (error) {
    assert.ok(error instanceof ShipError);
    return error;
  }
  return assert.fail("it was not refused");
}

describe("the judgement of a host", () => {
  it("takes a host that has all", () => {
    const facts = judgeHost("erp.example.com", report(), now);
    assert.deepEqual([facts.memoryMiB, facts.cpus, facts.asRoot, facts.docker], [3916, 2, "", "26.1.5+dfsg1"]);
  });

  it("uses sudo for a user who is not root", () => {
    assert.equal(judgeHost("erp.example.com", report({ root: "sudo" }), now).asRoot, "sudo -n ");
  });

  it("takes ports that our own proxy holds", () => {
    judgeHost("erp.example.com", report({ "port:80": "odoo-proxy", "port:443": "odoo-proxy" }), now);
  });

  const findings: [title: string, changes: Record<string, string | undefined>, code: string, found: RegExp][] = [
    ["no Docker", { client: undefined, docker: undefined, compose: undefined }, "TOOL_MISSING", /no Docker$/],
    ["no Compose", { compose: undefined }, "TOOL_MISSING", /no Docker Compose plugin/],
    ["no Python", { python: undefined }, "TOOL_MISSING", /no Python 3/],
    ["no systemd", { systemd: undefined }, "TOOL_MISSING", /no systemd/],
    ["an engine that does not answer", { docker: undefined }, "HOST_UNFIT", /engine does not answer/],
    ["a Docker that is too old", { docker: "19.03.15" }, "HOST_UNFIT", /Docker 19\.03\.15/],
    ["a Compose that is too old", { compose: "v2.19.1" }, "HOST_UNFIT", /Docker Compose v2\.19\.1/],
    ["a Python that is too old", { python: "3.8.10" }, "HOST_UNFIT", /Python 3\.8\.10/],
    ["no right to be root", { root: undefined, docker: undefined, compose: undefined }, "HOST_UNFIT", /sudo/],
    ["a port that nginx holds", { "port:80": "nginx" }, "PORT_TAKEN", /port 80 is held by nginx/],
    ["a port that an Odoo holds", { "port:8069": "python3" }, "PORT_TAKEN", /port 8069 is held by python3/],
    [
      "a disk that is full",
      { "disk:/var/lib/docker": "9900000000" },
      "DISK_SPACE_LOW",
      /9\.9 GB free at \/var\/lib\/docker/,
    ],
    ["another processor", { machine: "aarch64" }, "HOST_UNFIT", /the host is aarch64, the image linux\/amd64/],
    ["Docker from snap", { snap: "docker" }, "HOST_UNFIT", /from snap/],
    [
      "another project's containers that have the names of ours",
      { "container:1": "odoo-db|erp|/srv/erp|erp-db", "container:2": "web|erp|/srv/erp|", "container:3": "odoo-ce|||" },
      "HOST_UNFIT",
      /here: container odoo-db \(project erp in \/srv\/erp\); container odoo-ce$/,
    ],
    [
      "an installation by hand in our folder, of our project's name",
      { folder: "/opt/odoo", "container:1": "odoo-db-1|odoo|/opt/odoo|odoo_db" },
      "HOST_UNFIT",
      /container odoo-db-1 \(project odoo in \/opt\/odoo\); files in \/opt\/odoo$/,
    ],
    [
      "a volume of ours that another container uses, on a host of ours, too",
      { ours: "yes", "container:1": "pg|erp|/srv/erp|odoo-db-data,other" },
      "HOST_UNFIT",
      /container pg \(project erp in \/srv\/erp, volume odoo-db-data\)$/,
    ],
    ["a clock that is wrong", { time: String(now / 1000 - 3600) }, "HOST_UNFIT", /3600 s behind/],
    ["an answer that was cut off", { time: undefined }, "HOST_UNFIT", /only a part/],
  ];
  for (const [title, changes, code, found] of findings) {
    it(`refuses ${title}`, () => {
      const error = refusal(changes, { platform: "linux/amd64" });
      assert.equal(error.code, code);
      assert.match(error.failure.found, found);
      assert.ok(!error.failure.found.includes("\n"), "one cause, one finding");
      assert.match(error.message, /erp\.example\.com .*nothing there was changed/);
    });
  }

  it("takes its own containers, and others that only look alike", () => {
    const ours = { ours: "yes", folder: "/opt/odoo", "container:1": "odoo-ce|odoo|/opt/odoo|odoo-filestore" };
    const others = { "container:2": "odoo-ce2|erp|/srv/erp|my-odoo-db-data", "container:3": "odoo-dbx|||" };
    judgeHost("erp.example.com", report({ ...ours, ...others, machine: "x86_64" }), now, { platform: "linux/amd64" });
  });

  it("takes the oldest versions that it allows", () => {
    judgeHost("erp.example.com", report({ docker: "20.10.24", compose: "2.20.0", python: "3.9.2" }), now);
  });

  it("refuses a volume that is not mounted, so that no empty database is made beside the real one", () => {
    const needs = { mount: "/mnt/odoo-data" };
    assert.match(refusal({}, needs).failure.found, /nothing is mounted at \/mnt\/odoo-data/);
    judgeHost("erp.example.com", report({ mounted: "/mnt/odoo-data" }), now, needs);
  });

  it("leaves it to the worker of a host that is ours how much room a release needs", () => {
    const low = { "disk:/var/lib/docker": "3000000000", "disk:/var/lib": "3000000000" };
    judgeHost("erp.example.com", report({ ...low, ours: "yes" }), now);
    assert.doesNotMatch(refusal(low).failure.remedy, /prune/);
    assert.equal(refusal({ "disk:/var/lib": "400000000", ours: "yes" }).failure.expected, "0.5 GB free");
  });

  it("names every finding at once, each with its code", () => {
    const { failure } = refusal({
      client: undefined,
      docker: undefined,
      compose: undefined,
      "disk:/var/lib": "1",
      "port:443": "caddy",
    });
    assert.equal(failure.code, "TOOL_MISSING");
    assert.match(failure.summary, /3 findings/);
    assert.deepEqual(
      failure.found.split("\n").map((line) => line.split(":")[0]),
      ["TOOL_MISSING", "PORT_TAKEN", "DISK_SPACE_LOW"],
    );
  });
});

describe("the probe", () => {
  it("reads this machine, changes nothing, and leaves the judgement to what it found", async () => {
    const user = sshKeyPair();
    let printed = "";
    const server = new SshServer(user.publicKey, async (command, stdin) => {
      const outcome = await runHere(command, stdin);
      printed = typeof outcome === "string" ? outcome : (outcome.stdout ?? "") + (outcome.stderr ?? "");
      return outcome;
    });
    await server.start();
    const access = { host: "127.0.0.1", port: server.port, user: "root", hostKey: server.hostKey };
    const connection = await HostConnection.connect({ ...access, privateKey: new Secret(user.privateKey) });
    // Whether this machine could run Odoo is not the question here.
    await probeHost(connection, "127.0.0.1", { mount: "/proc" }).catch((error: unknown) =>
      assert.ok(error instanceof ShipError),
    );
    connection.end();
    await server.close();
    for (const line of [
      /^kernel=Linux \d/m,
      /^memory=\d{3,}$/m,
      /^cpus=\d+$/m,
      /^disk:\/var\/lib=\d{6,}$/m,
      /^time=\d{10}$/m,
      /^mounted=\/proc$/m,
    ]) {
      assert.match(printed, line);
    }
    assert.doesNotMatch(printed, /not found|syntax/i);
  });
});
