import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const script = path.join(__dirname, "..", "..", "scripts", "simple_deploy.sh");
const digest = `sha256:${"a".repeat(64)}`;
const image = `registry.example.com:5000/team/odoo@${digest}`;

/** Programs that stand in for the host: `ssh` runs what it is told on this machine, `odoo-ship` is the test's. */
const stubs = (odooShip: string, ssh: string): Record<string, string> => ({
  "odoo-ship": `echo "odoo-ship $*" >> "$CALLS"; ${odooShip}`,
  ssh: `echo "ssh $*" >> "$CALLS"; ${ssh}`,
  sudo: 'shift; exec "$@"',
  // The pause before connecting again; all others are the limit.
  sleep: 'if [ "$1" = 5 ]; then exit 0; fi; exec /bin/sleep "$1"',
});
const runHere = 'for last; do :; done; exec sh -c "$last"';

const serving = (text: string) => `case "$1" in status) echo "live      ${text} since now";; *) exit 0;; esac`;

describe("simple_deploy.sh", () => {
  let folder: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "simple-deploy-"));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  function run(args: string[], odooShip = serving(image), ssh = runHere, variables: Record<string, string> = {}) {
    for (const [name, text] of Object.entries(stubs(odooShip, ssh))) {
      fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    const calls = path.join(folder, "calls");
    const env = { PATH: `${folder}:/usr/bin:/bin`, CALLS: calls, ...variables };
    const { status, stdout, stderr } = spawnSync("/bin/sh", [script, ...args], { env, encoding: "utf8" });
    return {
      status,
      output: stdout + stderr,
      calls: fs.existsSync(calls) ? fs.readFileSync(calls, "utf8").trim().split("\n") : [],
    };
  }

  it("deploys to this machine", () => {
    const { status, output, calls } = run([image]);
    assert.equal(status, 0, output);
    assert.deepEqual(calls, ["odoo-ship status", `odoo-ship deploy --image ${image}`, "odoo-ship status"]);
    assert.match(output, new RegExp(`${digest} serves`));
  });

  it("deploys to a host whose key is known, and asks nobody for a password", () => {
    const { status, calls } = run(["ops@erp.example.com", image]);
    assert.equal(status, 0);
    const [ssh = ""] = calls;
    for (const part of ["StrictHostKeyChecking=yes", "BatchMode=yes", "ConnectTimeout=", " ops@erp.example.com "]) {
      assert.ok(ssh.includes(part), ssh);
    }
    assert.ok(calls.includes(`odoo-ship deploy --image ${image}`));
  });

  it("fails as the release does", () => {
    const failing = 'case "$1" in status) ;; *) echo "MODULE_LOAD_ERROR: planted" >&2; exit 1;; esac';
    const { status, output } = run([image], failing);
    assert.equal(status, 1);
    assert.match(output, /MODULE_LOAD_ERROR: planted/);
  });

  it("takes up a broken connection, without deploying twice", () => {
    const breaking = `case "$*" in *"deploy --image"*) exit 255;; esac; ${runHere}`;
    const { status, calls } = run(["erp", image], undefined, breaking);
    assert.equal(status, 0);
    assert.equal(calls.filter((call) => call.startsWith("odoo-ship resume")).length, 1);
    assert.equal(calls.filter((call) => /^ssh .*deploy --image/.test(call)).length, 1);
  });

  it("does not take another image's success for its own", () => {
    const { status, output } = run([image], serving(image.replace(digest, `sha256:${"b".repeat(64)}`)));
    assert.equal(status, 75);
    assert.match(output, /RELEASE_MISMATCH/);
  });

  it("waits no longer than its limit", () => {
    const endless = 'case "$1" in status) ;; *) exec /bin/sleep 3600;; esac';
    const { status, output } = run([image], endless, runHere, { SIMPLE_DEPLOY_LIMIT: "1" });
    assert.equal(status, 75);
    assert.match(output, /DEPLOY_TIMEOUT/);
  });

  const unreachable: [message: string, status: number, code: string][] = [
    ["Host key verification failed.", 255, "HOST_KEY_MISMATCH"],
    ["ops@erp: Permission denied (publickey).", 255, "HOST_LOGIN_REFUSED"],
    ["ssh: connect to host erp port 22: Connection refused", 255, "HOST_UNREACHABLE"],
    ["sudo: a password is required", 1, "HOST_LOGIN_REFUSED"],
    ["sh: 1: odoo-ship: not found", 127, "RELEASE_INCOMPLETE"],
  ];
  for (const [message, sshStatus, code] of unreachable) {
    it(`says ${code} for "${message}", and changes nothing`, () => {
      const { status, output, calls } = run(["erp", image], undefined, `echo "${message}" >&2; exit ${sshStatus}`);
      assert.equal(status, 69);
      assert.match(output, new RegExp(`^${code}: `));
      assert.ok(output.includes(message), output);
      assert.equal(calls.length, 1);
    });
  }

  it("without arguments says what serves on this machine, what to type, and deploys nothing", () => {
    const { status, output, calls } = run([]);
    assert.equal(status, 64);
    assert.deepEqual(calls, ["odoo-ship status"]);
    assert.match(output, /^live {6}registry.*@sha256:[^]*usage: simple_deploy\.sh .*vpsAddress, imageReference/m);
  });

  const wrong: string[][] = [
    ["registry.example.com/team/odoo:latest"],
    ["erp", "registry.example.com/team/odoo:latest"],
    [`team/odoo@${digest}; reboot`],
    [`team/odoo@${digest}\nteam/other@${digest}$(reboot)`],
    ["-oProxyCommand=reboot", image],
    ["erp;reboot", image],
    ["erp", image, "more"],
  ];
  for (const args of wrong) {
    it(`refuses ${JSON.stringify(args.map((arg) => arg.replaceAll("a".repeat(64), "…")))}`, () => {
      const { status, calls } = run(args);
      assert.equal(status, 64);
      assert.deepEqual(calls, []);
    });
  }
});
