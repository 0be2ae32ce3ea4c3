import assert from "node:assert/strict";
import { spawn } from "node:child_process";

import { sshKeyPair } from "../../../sandbox/support/ssh-key";
import { paths } from "../../../sandbox/config";
import type { HostRequest } from "../../../components/vps/request";
import { itWhole } from "../../support/sample";
import { digestOf } from "../../support/trials/releases";
import { Trial } from "../../support/trials/host-trial";

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program that an update runs, over SSH, as a user who is not root, and whose shell greets everyone with some lines. */
describe("handing a release over to a host", () => {
  const key = sshKeyPair();
  let trial: Trial;
  let hostKey: string;
  /** Tries again for minutes, in which all the other rows come. */
  let unanswered: Promise<Run>;

  before(async () => {
    trial = await Trial.open();
    await trial.machine.sh(
      `useradd -m -s /bin/bash -p '*' ops && install -d -m 700 -o ops /home/ops/.ssh && cat > /home/ops/.ssh/authorized_keys
       for file in .bashrc .bash_profile; do printf 'echo "Welcome to $(hostname)"\\necho "{}" >&2\\n' > /home/ops/$file; done
       echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops`,
      key.publicKey,
    );
    hostKey = await trial.machine.hostKey();
    unanswered = deploy(trial.request(trial.live, { readySeconds: 96 }), { port: 1 });
  });
  after(() => trial.machine.sh("rm /etc/sudoers.d/ops; userdel -r ops 2>&1"));
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.machine.story());
  });

  function deploy(request: HostRequest, changes: Record<string, unknown> = {}): Promise<Run> {
    return new Promise((resolve) => {
      const child = spawn("node", ["--import", "tsx", "ops/vps-deploy.ts"], {
        cwd: paths.root,
        stdio: "pipe",
        timeout: 1_200_000,
      });
      const connection = {
        host: trial.machine.host,
        port: 22,
        user: "ops",
        hostKey,
        privateKey: key.privateKey,
        ...changes,
      };
      child.stdin.end(JSON.stringify({ connection, request }));
      let [stdout, stderr] = ["", ""];
      child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
      child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
      child.on("close", (status) => resolve({ status, stdout, stderr }));
    });
  }

  it("deploys it by a user who is not root, and says how far it is", async () => {
    const { status, stdout, stderr } = await deploy(trial.request(trial.live, { readySeconds: 95 }));
    assert.equal(status, 0, stderr);
    assert.equal((JSON.parse(stdout) as { digest: string }).digest, digestOf(trial.live));
    assert.match(stderr, /Debian GNU\/Linux[\s\S]* (queued|preflight|pulled|tried|committed)\n/);
    assert.deepEqual(await trial.wrongRelease(), []);
  });

  it("finds at once that nothing has changed", async () => {
    const odoo = () => trial.machine.sh("docker inspect --format '{{.Id}} {{.State.StartedAt}}' odoo-ce");
    const before = [await odoo(), await trial.machine.steps()];
    const { status, stderr } = await deploy(trial.request(trial.live, { readySeconds: 95 }));
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /preflight/);
    assert.deepEqual([await odoo(), await trial.machine.steps()], before);
  });

  describe("refuses", () => {
    /** What a release could have touched: the worker, the project, the units, the state. */
    const touched = () =>
      trial.machine.sh(
        "find /opt/odoo-ship /opt/odoo /etc/systemd/system /var/lib/odoo-ship /usr/local/bin -newer /root/before -not -type l",
      );

    const refused = async (code: string, found: RegExp, changes: Record<string, unknown> = {}) =>
      assertRefused(await deploy(trial.request(trial.live, { readySeconds: 96 }), changes), code, found);
    function assertRefused({ status, stdout, stderr }: Run, code: string, found: RegExp): void {
      assert.notEqual(status, 0, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, new RegExp(`^${code}: [\\s\\S]*found:[\\s\\S]*expected:[\\s\\S]*remedy:`, "m"));
      assert.match(stderr, found);
    }
    beforeEach(() => trial.machine.sh("sleep 1; touch /root/before; sleep 0.1"));
    afterEach(async () => {
      assert.equal(await touched(), "");
      await trial.machine.waitForLogin();
      assert.deepEqual(await trial.wrongRelease(), []);
    });

    it("another host key", () => refused("HOST_KEY_MISMATCH", /ssh-ed25519/, { hostKey: sshKeyPair().publicKey }));

    it("another login", () => refused("HOST_LOGIN_REFUSED", /ops/, { privateKey: sshKeyPair().privateKey }));

    it("a user without the right to be root", async () => {
      await trial.machine.sh("mv /etc/sudoers.d/ops /root/sudoers-ops");
      try {
        await refused("HOST_UNFIT", /sudo/);
      } finally {
        await trial.machine.sh("mv /root/sudoers-ops /etc/sudoers.d/ops");
      }
    });

    it("a host without Docker", async () => {
      await trial.machine.sh("mv /usr/bin/docker /root/docker");
      try {
        await refused("TOOL_MISSING", /no Docker/);
      } finally {
        await trial.machine.sh("mv /root/docker /usr/bin/docker");
      }
    });

    it("a host whose Docker does not run", async () => {
      await trial.machine.sh("systemctl stop docker.socket docker.service");
      try {
        await refused("HOST_UNFIT", /Docker's engine does not answer/);
      } finally {
        await trial.machine.sh("systemctl start docker.socket docker.service");
      }
    });

    it("a host whose Docker is too old", async () => {
      // No such engine can be had here: what it would say of its version is all that is tried.
      const old = `#!/bin/sh\nif [ "$1" = version ]; then echo 19.03.15; else exec /usr/bin/docker "$@"; fi\n`;
      await trial.machine.sh("cat > /usr/local/sbin/docker && chmod +x /usr/local/sbin/docker", old);
      try {
        await refused("HOST_UNFIT", /Docker 19\.03\.15/);
      } finally {
        await trial.machine.sh("rm /usr/local/sbin/docker");
      }
    });

    it("a host without room", async () => {
      await trial.machine.fillDisk(300);
      try {
        await refused("DISK_SPACE_LOW", /GB free at/);
      } finally {
        await trial.machine.emptyDisk();
      }
    });

    it("a host that does not answer, within its limit", async () =>
      assertRefused(await unanswered, "HOST_UNREACHABLE", /./));

    itWhole("a host that is down", async () => {
      await trial.machine.powerOff();
      try {
        await refused("HOST_UNREACHABLE", /./);
      } finally {
        await trial.machine.powerOn();
      }
    });
  });
});
