import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";

import { sandboxEnvironment } from "../../../sandbox/environment";
import { preparedImage } from "../../../sandbox/images/base";
import { runningSandbox } from "../../support/running-sandbox";
import { HardenedOdoo, OdooClient } from "../../support/odoo";
import { buildTree } from "../../support/tree-image";

type Modules = Record<string, { version: string; hash: string }>;

const digest = `sha256:${"e".repeat(64)}`;
const limitMs = 120_000;

/** The image of the working tree on the sandbox's base, with a real PostgreSQL that holds a marker as the deployment's worker writes it. */
describe("the image on a database with a release marker", () => {
  let odoo: HardenedOdoo;
  let own: Modules;
  let installed: Record<string, string>;

  before(async () => {
    const servers = await runningSandbox();
    odoo = new HardenedOdoo(
      await buildTree(servers, "marker"),
      preparedImage("postgres").pinned,
      sandboxEnvironment(servers),
    );
    await odoo.start(["release_info"]);
    const printed = odoo.docker(
      "run",
      "--rm",
      "--network",
      "none",
      "--read-only",
      "--entrypoint",
      "python3",
      odoo.image,
      ...listModules,
    );
    own = (JSON.parse(printed) as { modules: Modules }).modules;
    installed = JSON.parse(
      sql("SELECT json_object_agg(name, latest_version) FROM ir_module_module WHERE state = 'installed'"),
    ) as typeof installed;
    sql(`CREATE ROLE clerk LOGIN PASSWORD '${odoo.password}'; CREATE SCHEMA odoo_ship;
      CREATE TABLE odoo_ship.marker (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        state text, digest text, modules jsonb, changed timestamptz DEFAULT now())`);
  });
  after(() => {
    odoo.remove();
    spawnSync("docker", ["rmi", odoo.image], { stdio: "ignore" });
  });

  const listModules = ["-I", "/opt/odoo/modules.py"];
  const name = () => odoo.container.replace(/-odoo$/, "");
  const sql = (text: string) =>
    odoo.docker(
      "exec",
      `${name()}-db`,
      "psql",
      "-qAt",
      "-v",
      "ON_ERROR_STOP=1",
      "-U",
      "odoo",
      "-d",
      "odoo",
      "-c",
      text,
    );
  const accepted = () =>
    Object.fromEntries(Object.keys(installed).map((module) => [module, [own[module]?.hash ?? "absent"]]));

  function mark(modules: Record<string, readonly string[]>, state = "ready"): void {
    sql(`DELETE FROM odoo_ship.marker; INSERT INTO odoo_ship.marker (state, digest, modules)
      VALUES ('${state}', '${digest}', '${JSON.stringify(modules)}')`);
  }

  /** A container beside the served one, with its secrets, network and data. */
  function run(command: readonly string[], ...variables: string[]): { status: number | null; output: string } {
    const environment = [
      "DB_PASSWORD_FILE=/run/secrets/db",
      "ADMIN_PASSWD_FILE=/run/secrets/admin",
      ...variables,
    ].flatMap((pair) => ["-e", pair]);
    const shape = [
      "--read-only",
      "--cap-drop",
      "ALL",
      "--tmpfs",
      "/tmp",
      "--tmpfs",
      "/run",
      "--label",
      "odoo.sandbox=1",
    ];
    const beside = ["--network", name(), "--volumes-from", odoo.container];
    const { status, stdout, stderr } = spawnSync(
      "docker",
      ["run", "--rm", "-i", ...shape, ...beside, ...environment, odoo.image, ...command],
      { encoding: "utf8", timeout: limitMs, input: "" },
    );
    return { status, output: `${stdout}${stderr}` };
  }

  /** Starts the served container anew; answers its address once Odoo shows the login page. */
  async function restart(): Promise<string> {
    odoo.docker("restart", "--time", "20", odoo.container);
    const url = `http://${odoo.docker("port", odoo.container, "8069").split("\n")[0] ?? ""}`;
    const end = Date.now() + limitMs;
    for (;;) {
      const answer = await fetch(`${url}/web/login`, { signal: AbortSignal.timeout(15_000) }).catch(() => undefined);
      if (answer?.status === 200) {
        return url;
      }
      assert.ok(Date.now() < end, odoo.docker("logs", "--tail", "20", odoo.container));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  function assertRefused(command: readonly string[], expected: RegExp, ...variables: string[]): void {
    const { status, output } = run(command, ...variables);
    assert.equal(status, 78, output);
    assert.match(output, expected);
    assert.equal(output.trim().split("\n").length, 1, output);
  }

  it("lists each installed module with the version that the database has", () => {
    assert.ok(Object.keys(installed).length > 10 && installed["release_info"] !== undefined);
    const versions = Object.fromEntries(Object.keys(installed).map((module) => [module, own[module]?.version]));
    assert.deepEqual(versions, installed);
    assert.ok(Object.keys(own).length > 500, `${Object.keys(own).length} modules`);
  });

  it("starts on the marker of its own release, as it did without one", async () => {
    mark(accepted());
    const client = await OdooClient.login(await restart(), "odoo", "admin", "admin");
    assert.ok(await client.call("release.info", "current"));
  });

  it("does not start on the marker of a newer release, in the container that served before", () => {
    mark({ ...accepted(), release_info: ["f".repeat(64)] });
    odoo.docker("restart", "--time", "20", odoo.container);
    assert.equal(odoo.docker("wait", odoo.container), "78");
    const log = spawnSync("docker", ["logs", "--tail", "1", odoo.container], { encoding: "utf8" }).stderr;
    assert.match(
      log,
      /^RELEASE_MISMATCH: database 'odoo' \(release sha256:e{64}\) does not belong to this image \(.+\): module release_info is [0-9a-f]{12} here and f{12} there: deploy /,
    );
  });

  it("does not upgrade, install or open a shell there either, and starts again once the marker is its own", async () => {
    mark({ ...accepted(), sale_of_tomorrow: ["0"] });
    for (const command of [
      ["odoo", "-u", "all", "--stop-after-init"],
      ["-i", "base"],
      ["odoo", "shell"],
      ["odoo", "shell", "-d", "odoo"],
    ]) {
      assertRefused(command, /^RELEASE_MISMATCH: .*module sale_of_tomorrow is not in this image/);
    }
    assert.equal(run(["odoo", "--version"]).status, 0);
    mark(accepted());
    await restart();
  });

  it("does not start while a deployment changes the database, save for the deployment's own task", () => {
    mark(accepted(), "upgrading");
    assertRefused(["odoo"], /^RELEASE_IN_PROGRESS: database 'odoo' .* is being changed by a deployment/);
    const { status, output } = run(
      ["odoo", "-u", "release_info", "--stop-after-init", "--no-http"],
      "ODOO_RELEASE_TASK=1",
    );
    assert.equal(status, 0, output);
    assert.match(output, /Module release_info loaded/, "Odoo really worked on the database");
  });

  it("does not start where it may not read the marker, or waits for it in vain", async () => {
    mark(accepted());
    assertRefused(["odoo"], /^RELEASE_UNKNOWN: .*permission denied for schema odoo_ship/, "DB_USER=clerk");
    const lock = "BEGIN; LOCK TABLE odoo_ship.marker; SELECT pg_sleep(3600)";
    const locker = spawn("docker", ["exec", `${name()}-db`, "psql", "-U", "odoo", "-d", "odoo", "-c", lock], {
      stdio: "ignore",
    });
    while (
      sql(
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'odoo_ship.marker'::regclass",
      ) === "0"
    ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assertRefused(["odoo"], /^RELEASE_UNKNOWN: .*canceling statement due to statement timeout/);
    sql(
      "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'odoo_ship.marker'::regclass",
    );
    locker.kill();
  });

  it("goes on where the database does not exist, and tells when one exists that lets nobody in", () => {
    // Odoo would make the database; the template that is not there ends that quickly.
    const absent = run(["odoo", "-d", "absent", "--stop-after-init", "-i", "base", "--no-http", "--db-template=none"]);
    assert.match(absent.output, /database: odoo@db/, "Odoo itself was started");
    sql("CREATE DATABASE closed ALLOW_CONNECTIONS false");
    const closed = run(["odoo", "-d", "closed"]);
    assert.equal(closed.status, 69, closed.output);
    assert.match(closed.output, /^DATABASE_CONNECTION_ERROR: database 'closed' does not let Odoo in/);
  });
});
