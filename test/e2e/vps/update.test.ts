import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../../../sandbox/config";
import { until } from "../../../sandbox/process";
import { npm, type ScriptRun } from "../../support/npm";
import { sample } from "../../support/sample";
import { RpcClient } from "../../support/endpoint";
import { SandboxCluster } from "../../support/sandbox-cluster";
import { pulumi } from "../../support/sandbox-stack";
import { passwordFile, SandboxHost } from "../../support/sandbox-host";

const addon = path.join(paths.root, "addons", "release_info");
const source = path.join(addon, "release.py");
const model = path.join(addon, "models", "release_info.py");

/** Ends the upgrade of a database that holds this parameter: no gate can know what is in the live one. */
const planted = "release_info.planted";
const failsOnLiveData = `
    def init(self):
        if self.env["ir.config_parameter"].sudo().get_param("${planted}"):
            raise RuntimeError("planted failure")
`;

interface Status {
  readonly live: { readonly digest: string; readonly release: string };
  readonly request: { readonly state: string; readonly error: { readonly code: string } | null };
  readonly points: readonly { readonly id: string; readonly from: string }[];
}

/** The whole way: a changed addon, `npm start`, a build, a release on the host. What happens on the host alone is tried in 5 to 7. */
describe("an update of the VPS", () => {
  const original = fs.readFileSync(source, "utf8");
  const originalModel = fs.readFileSync(model, "utf8");
  let changes = 0;
  let live: string;
  let begun: string | undefined;

  let host: SandboxHost;
  let cluster: SandboxCluster;
  let client: RpcClient;
  /** What the containers of Odoo were made from, as the node's runtime tells. */
  const onCluster = () =>
    new Set(cluster.running().flatMap(({ name, image }) => (name === "odoo" ? [image.split("@")[1]] : [])));
  const status = () => JSON.parse(host.sh("odoo-ship status --json")) as Status;
  const change = () => fs.writeFileSync(source, `${original}\n# changed by a test: ${process.pid} ${++changes}\n`);
  const digestIn = (output: string) => /^imageDigest +(\S+)$/m.exec(output)?.[1];
  const start = async (onOutput?: (output: string) => void): Promise<ScriptRun> => {
    const run = await npm(["start"], onOutput);
    assert.equal(run.status, 0, run.output);
    return run;
  };
  const assertLive = async (run: ScriptRun) => {
    const { live: now, request } = status();
    assert.equal(now.digest, digestIn(run.output));
    // The pod before the new one lets its requests end.
    await until(() => onCluster().size === 1, 600_000, 1000);
    assert.deepEqual(onCluster(), new Set([now.digest]));
    assert.equal(request.state, "succeeded");
    live = now.digest;
  };

  before(async () => {
    const run = await start();
    host = await SandboxHost.open();
    cluster = await SandboxCluster.open();
    await assertLive(run);
    begun = live;
  });
  after(async () => {
    fs.writeFileSync(source, original);
    fs.writeFileSync(model, originalModel);
    if (begun === undefined) return;
    // The same content is the same release as before, and a rollback to a release is a person's word: so is it here.
    const first = status().points.find((point) => point.from === begun);
    if (first !== undefined) {
      host.sh(`odoo-ship rollback --with-data --to ${first.id}`);
      // The cluster's Odoo goes as a whole instead, which is a thing that may happen to one.
      cluster.k("delete namespace odoo --timeout=600s");
      await pulumi("refresh", "--yes", "--skip-preview", "--non-interactive");
      await start();
    }
    host.close();
  });

  it("changes nothing the second time, and starts no container anew", async () => {
    const started = () => host.sh("docker inspect --format '{{.Id}} {{.State.StartedAt}}' odoo-ce odoo-db odoo-proxy");
    const before = started();
    await assertLive(await start());
    assert.equal(started(), before);
  });

  it("of one changed addon upgrades that module alone, and runs the new code, though its connection is lost in the middle", async () => {
    const points = status().points.length;
    const before = live;
    change();
    let cut = false;
    const run = await start((output) => {
      if (!cut && /vps-odoo-release \w+.* (rehearsed|closed)\b/.test(output)) {
        cut = true;
        // Ours is one of those that it cuts.
        host.run("pkill -KILL -f 'sshd(-session)?: root'");
      }
    });
    assert.ok(cut, run.output);
    await assertLive(run);
    assert.notEqual(live, before);
    assert.equal(status().points.length, points + 1);
    assert.match(host.sh("journalctl -u odoo-ship -o cat --no-pager"), /maintenance: upgrades release_info\n/);
    if (!fs.existsSync(passwordFile)) {
      const shown = /^password: (\S+)$/m.exec(host.sh("odoo-ship first-login"))?.[1] ?? "";
      fs.writeFileSync(passwordFile, shown, { mode: 0o600 });
    }
    client = await RpcClient.login(host.endpoint(), "odoo", "admin", fs.readFileSync(passwordFile, "utf8"));
    const release = (await client.call("release.info", "current")) as { digest: string };
    assert.equal(release.digest, live);
  });

  const steps = ["pulled", "rehearsed", "closed", "cloned", "upgraded", "swapped", "tried"] as const;
  // The real engine is killed in operator/rollback, too, over a host that answers as one does.
  for (const step of sample(steps, [])) {
    // What ends between two looks of the update is not told: then the next step is as good.
    const seen = new RegExp(`vps-odoo-release \\w+.* (${steps.slice(steps.indexOf(step)).join("|")})\\b`);
    it(`goes on by itself after a SIGKILL of pulumi at "${step}", and the next update finds it done`, async () => {
      change();
      let killed = false;
      const cut = await npm(["start"], (output) => {
        if (!killed && seen.test(output)) {
          killed = true;
          killPulumi();
        }
      });
      assert.ok(killed, cut.output);
      assert.notEqual(cut.status, 0, cut.output);
      await assertLive(await start());
    });
  }

  it("that fails tells the code and the log, and the previous release serves", async () => {
    const before = live;
    await client.call("ir.config_parameter", "set_param", [planted, "yes"]);
    fs.writeFileSync(model, originalModel + failsOnLiveData);
    const run = await npm(["start"]);
    assert.notEqual(run.status, 0);
    assert.match(run.output, /MODULE_LOAD_ERROR: in the rehearsal/);
    assert.match(run.output, /planted failure/);
    assert.equal(status().live.digest, before);
    fs.writeFileSync(model, originalModel);
  });
});

/** The engine and its providers, as a machine that loses power ends them. */
function killPulumi(): void {
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [program = "", ...args] = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (
        path.basename(program) === "pulumi" &&
        args.includes("up") &&
        fs.readlinkSync(`/proc/${pid}/cwd`) === paths.root
      ) {
        process.kill(-Number(pid), "SIGKILL");
      }
    } catch {
      // It has ended meanwhile.
    }
  }
}

// A test that edits the checkout's sources must not run beside another.
const changed = execFileSync("git", ["status", "--porcelain", "--", "addons"], { cwd: paths.root, encoding: "utf8" });
if (changed !== "") throw new Error(`addons/ has changes that this test would overwrite:\n${changed}`);
