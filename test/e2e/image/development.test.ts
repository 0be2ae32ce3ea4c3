import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { paths } from "../../../sandbox/config";
import { baseRecord, preparedImage } from "../../../sandbox/images/base";
import { sandboxEnvironment } from "../../../sandbox/environment";
import { readServers } from "../../../sandbox/servers-control";
import { freePort } from "../../../sandbox/support/listen";
import { runningSandbox } from "../../support/running-sandbox";
import { OdooClient } from "../../support/odoo";

const startMs = 300_000;
/** How long an edit may take to be served; a restart of Odoo is in it. */
const reloadMs = 300_000;

/** For tests only: the addresses that this machine keeps for them, and the label by which the sandbox's things are found. */
const override = `
services: {odoo: {labels: {odoo.sandbox: "1"}}, db: {labels: {odoo.sandbox: "1"}}}
networks: {default: {labels: {odoo.sandbox: "1"}, ipam: {config: [{subnet: 198.18.89.0/24}]}}}
volumes: {odoo-data: {labels: {odoo.sandbox: "1"}}, db-data: {labels: {odoo.sandbox: "1"}}}
`;

describe("docker compose up with the development file", () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "development-"));
  const project = `odoo-development-${process.pid}`;
  const module = path.join(directory, "addons/release_info");
  let variables: Record<string, string>;
  let url: string;

  before(async () => {
    await runningSandbox();
    for (const file of ["docker-compose.yml", "images/odoo/reload.py", "addons"]) {
      fs.cpSync(path.join(paths.root, file), path.join(directory, file), { recursive: true });
    }
    fs.writeFileSync(path.join(directory, "test.yml"), override);
    // Read by the container's user.
    fs.chmodSync(directory, 0o755);
    const port = await freePort();
    variables = {
      ODOO_BASE_IMAGE: pinned(baseRecord),
      POSTGRES_IMAGE: preparedImage("postgres").pinned,
      ODOO_PORT: String(port),
    };
    url = `http://127.0.0.1:${port}`;
    compose("up", "--detach", "--quiet-pull");
    await until(
      "the login page",
      startMs,
      async () => (await fetch(`${url}/web/login`, { signal: AbortSignal.timeout(15_000) })).status === 200,
    );
    compose("run", "--rm", "odoo", "odoo", "-d", "odoo", "-i", "release_info", "--stop-after-init");
  });
  after(() => {
    compose("down", "--volumes", "--timeout", "5");
    fs.rmSync(directory, { recursive: true });
  });

  /** Runs Compose on the copy of the project; on a machine without it, the one in the image of the sandbox's VPS. */
  function compose(...args: string[]): string {
    const own = spawnSync("docker", ["compose", "version"]).status === 0;
    const inImage = [
      "run",
      "--rm",
      "-v",
      "/var/run/docker.sock:/var/run/docker.sock",
      "-v",
      `${directory}:${directory}`,
      "-w",
      directory,
    ];
    const settings = Object.keys(variables).flatMap((name) => ["-e", name]);
    const prefix = own ? [] : [...inImage, ...settings, "--entrypoint", "docker", imageWithCompose()];
    const files = ["compose", "-p", project, "-f", "docker-compose.yml", "-f", "test.yml"];
    const result = spawnSync("docker", [...prefix, ...files, ...args], {
      cwd: directory,
      env: { ...sandboxEnvironment(readServers()), ...variables },
      encoding: "utf8",
      timeout: startMs,
    });
    assert.equal(result.status, 0, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
    return result.stdout + result.stderr;
  }

  async function until(what: string, limitMs: number, done: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + limitMs;
    while (!(await done().catch(() => false))) {
      if (Date.now() > end) {
        assert.fail(`${what}: not within ${limitMs} ms\n${compose("logs", "--tail", "40")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  function edit(file: string, from: string, to: string): void {
    const text = fs.readFileSync(path.join(module, file), "utf8");
    assert.ok(text.includes(from), `${file} has no ${from}`);
    fs.writeFileSync(path.join(module, file), text.replace(from, to));
  }

  const client = () => OdooClient.login(url, "odoo", "admin", "admin");
  const digest = async () => ((await (await client()).call("release.info", "current")) as { digest: string }).digest;
  const form = async () =>
    JSON.stringify(await (await client()).call("res.config.settings", "get_view", [], { view_type: "form" }));

  it("serves Odoo to this machine only, with the module of ./addons", async () => {
    assert.equal(await digest(), "");
    assert.match(await form(), /Running release/);
    assert.match(compose("ps", "--all"), new RegExp(`127\\.0\\.0\\.1:${new URL(url).port}->8069`));
  });

  it("serves an edited view without a restart", async () => {
    const before = compose("logs", "odoo").split("HTTP service (werkzeug) running").length;
    edit("views/res_config_settings_views.xml", 'string="Running release"', 'string="Planted title"');
    await until("the edited view", reloadMs, async () => (await form()).includes("Planted title"));
    assert.equal(compose("logs", "odoo").split("HTTP service (werkzeug) running").length, before);
  });

  it("serves edited Python code, having started Odoo anew by itself", async () => {
    edit("release.py", 'environ.get("ODOO_IMAGE_DIGEST", "")', '"planted code"');
    await until("the edited code", reloadMs, async () => (await digest()) === "planted code");
    assert.match(
      compose("logs", "odoo"),
      /reload: \/mnt\/extra-addons\/release_info\/release\.py changed: starting anew/,
    );
  });

  it("goes on serving while a file is half written, and serves it once it is whole", async () => {
    edit("release.py", '"planted code"', '"planted');
    await until("the reason", reloadMs, () =>
      Promise.resolve(/goes on with the old code: .*release\.py:\d+: SyntaxError/.test(compose("logs", "odoo"))),
    );
    assert.equal(await digest(), "planted code");
    edit("release.py", '"planted', '"planted again"');
    await until("the whole file", reloadMs, async () => (await digest()) === "planted again");
  });

  it("serves again once code that could not be imported is mended", async () => {
    edit("release.py", "CURRENT = read(os.environ)", "CURRENT = no_such_name");
    await until("the failure", reloadMs, () =>
      Promise.resolve(compose("logs", "odoo").includes("name 'no_such_name' is not defined")),
    );
    edit("release.py", "CURRENT = no_such_name", "CURRENT = read(os.environ)");
    await until("the mended code", reloadMs, async () => (await digest()) === "planted again");
  });

  it("keeps the database over down and up", async () => {
    compose("down", "--timeout", "10");
    compose("up", "--detach");
    await until("the edited code", reloadMs, async () => (await digest()) === "planted again");
  });
});

function pinned(record: string): string {
  const { reference, digest } = JSON.parse(fs.readFileSync(record, "utf8")) as { reference: string; digest: string };
  return `${reference}@${digest}`;
}

function imageWithCompose(): string {
  const images = spawnSync("docker", ["images", "--format", "{{.Repository}}:{{.Tag}}", "odoo-sandbox/vps"], {
    encoding: "utf8",
  });
  const [image] = images.stdout.split("\n");
  assert.ok(image, "neither the docker command nor an image odoo-sandbox/vps has Docker Compose");
  return image;
}
