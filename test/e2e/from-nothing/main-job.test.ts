import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";

import { preparedImage } from "../../../sandbox/images/base";
import { sandboxEnvironment } from "../../../sandbox/environment";
import { readServers } from "../../../sandbox/servers-control";
import { npm } from "../../support/npm";
import { docker, HardenedOdoo, OdooClient } from "../../support/odoo";

interface Release {
  readonly contentHash: string;
  readonly revision: string;
  readonly modules: Record<string, { version: string; hash: string }>;
}

const database = "odoo";
const limited = () => ({ signal: AbortSignal.timeout(60_000) });

describe("npm start", () => {
  let reference: string;
  let environment: NodeJS.ProcessEnv;
  let odoo: HardenedOdoo;
  let url: string;
  let client: OdooClient;

  before(async () => {
    const { status, output } = await npm(["start"]);
    assert.equal(status, 0, output);
    reference = /^imageReference +(\S+)$/m.exec(output)?.[1] ?? "";
    assert.match(reference, /^127\.0\.0\.1:5055\/sandbox\/odoo@sha256:[0-9a-f]{64}$/, output);
    environment = sandboxEnvironment(readServers());
    docker(environment, "pull", "-q", reference);
    odoo = new HardenedOdoo(reference, preparedImage("postgres").pinned, environment);
    url = await odoo.start(["release_info"]);
    client = await OdooClient.login(url, database, "admin", "admin");
  });
  after(() => odoo.remove());

  it("ends with the same digest in under a minute the second time, without a build or a push", async () => {
    const requests = async () => {
      const servers = readServers();
      assert.ok(servers !== undefined);
      const answer = await fetch(`${servers.apiUrl}/_sandbox/requests`, {
        headers: { authorization: `Bearer ${servers.token}` },
        ...limited(),
      });
      return (
        JSON.stringify(await answer.json()).match(/"method":"(PUT|POST|PATCH)","path":"\/v2\/sandbox\/odoo/g)?.length ??
        0
      );
    };
    const before = await requests();
    const { status, output } = await npm(["start"]);
    assert.equal(status, 0, output);
    assert.ok(output.includes(reference), output);
    assert.equal(await requests(), before);
  });

  it("serves health and the login page with a read-only root and no capabilities", async () => {
    const health = await fetch(`${url}/web/health`, limited());
    assert.deepEqual([health.status, await health.json()], [200, { status: "pass" }]);
    assert.match(await (await fetch(`${url}/web/login`, limited())).text(), /name="login"/);
    assert.throws(() => odoo.docker("exec", odoo.container, "touch", "/opt/odoo/x"), /Read-only file system/);
    assert.equal(odoo.docker("exec", odoo.container, "id", "-u"), "100");
  });

  it("tells by RPC which release runs, as the image's label says", async () => {
    const release = (await client.call("release.info", "current")) as Release;
    const labels = JSON.parse(
      odoo.docker("image", "inspect", "--format", "{{json .Config.Labels}}", reference),
    ) as Record<string, string>;
    assert.equal(release.contentHash, labels["io.odoo.content-hash"]);
    assert.equal(release.revision, labels["org.opencontainers.image.revision"]);
    assert.deepEqual(release.modules, JSON.parse(labels["io.odoo.modules"] ?? "{}"));
    assert.ok(release.modules["release_info"]);
  });

  it("renders a PDF with style sheet and image", async () => {
    const arch = `<t t-name="e2e.page"><t t-call="web.html_container"><div class="article"><h1 class="text-primary">Planted title</h1>
      <img src="/web/static/img/logo.png"/></div></t></t>`;
    await client.call("ir.config_parameter", "set_param", ["report.url", "http://127.0.0.1:8069"]);
    await client.call("ir.ui.view", "create", [{ name: "e2e.page", key: "e2e.page", type: "qweb", arch }]);
    await client.call("ir.actions.report", "create", [
      { name: "e2e", report_name: "e2e.page", report_type: "qweb-pdf", model: "res.partner" },
    ]);
    const login = await fetch(`${url}/web/session/authenticate`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      ...limited(),
      body: JSON.stringify({ jsonrpc: "2.0", params: { db: database, login: "admin", password: "admin" } }),
    });
    const cookie = login.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");
    const answer = await fetch(`${url}/report/pdf/e2e.page/1`, { headers: { cookie }, ...limited() });
    const pdf = Buffer.from(await answer.arrayBuffer());
    assert.equal(answer.status, 200, pdf.toString().slice(0, 500));
    assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
    assert.ok(pdf.includes("/Subtype /Image"), "the PDF has no image");
    const log = spawnSync("docker", ["logs", odoo.container], { encoding: "utf8", env: environment }).stderr;
    assert.match(log, /GET \/web\/assets\/\S*report_assets_common\S*\.css\S* HTTP\/1\.\d" 200/);
    assert.match(log, /GET \/web\/static\/img\/logo\.png HTTP\/1\.\d" (200|304)/);
  });

  it("keeps secrets out of processes, the image, its history and the container's description", () => {
    const places = {
      processes: odoo.docker(
        "exec",
        odoo.container,
        "sh",
        "-c",
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '",
      ),
      hostProcesses: execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }),
      history: odoo.docker("history", "--no-trunc", reference),
      image: odoo.docker("image", "inspect", reference),
      container: odoo.docker("inspect", odoo.container),
    };
    const token = readServers()?.token;
    assert.ok(token !== undefined);
    for (const [place, text] of Object.entries(places)) {
      assert.ok(text.length > 100, `${place} is empty`);
      for (const secret of [odoo.password, odoo.adminPassword, token]) {
        assert.ok(!text.includes(secret), `a secret is in ${place}`);
      }
    }
    const configuration = odoo.docker("exec", odoo.container, "cat", "/run/odoo/odoo.conf");
    assert.ok(configuration.includes(odoo.password), "the search finds the secret where it belongs");
    assert.ok(!configuration.includes(odoo.adminPassword), "the master password is hashed");
  });

  const mistakes: [what: string, variables: Record<string, string>, named: string][] = [
    ["a wrong password variable", { DB_PASS: "x", ADMIN_PASSWD: "x" }, "DB_PASSWORD"],
    ["workers that are no number", { DB_PASSWORD: "x", ADMIN_PASSWD: "x", WORKERS: "many" }, "WORKERS"],
    ["a secret file that cannot be read", { DB_PASSWORD_FILE: "/root/none", ADMIN_PASSWD: "x" }, "DB_PASSWORD_FILE"],
  ];
  for (const [what, variables, named] of mistakes) {
    it(`answers ${what} with one line and exit status 78`, () => {
      const { status, output } = odoo.once(variables);
      assert.equal(status, 78, output);
      assert.equal(output.trim().split("\n").length, 1, output);
      assert.ok(output.includes(named), output);
    });
  }

  it("passes the image's own smoke test, and ends well on SIGTERM", () => {
    const smoke = spawnSync("sh", ["images/odoo/smoke-test.sh", reference], {
      encoding: "utf8",
      env: { ...environment, SMOKE_POSTGRES_IMAGE: odoo.postgres },
    });
    assert.equal(smoke.status, 0, smoke.stdout + smoke.stderr);
    assert.match(smoke.stdout, /installed base,release_info/);
  });

  it("runs the new release's addons also where the base image's volume was carried over", () => {
    const volume = `odoo-e2e-trap-${process.pid}`;
    try {
      odoo.docker("volume", "create", "--label", "odoo.sandbox=1", volume);
      odoo.docker(
        "run",
        "--rm",
        "-u",
        "0",
        "--entrypoint",
        "sh",
        "-v",
        `${volume}:/mnt/extra-addons`,
        reference,
        "-c",
        "rm -rf /mnt/extra-addons/* && mkdir -p /mnt/extra-addons/release_info && echo old > /mnt/extra-addons/release_info/__init__.py",
      );
      const paths = odoo.docker(
        "run",
        "--rm",
        "--tmpfs",
        "/run",
        "--entrypoint",
        "python3",
        "-v",
        `${volume}:/mnt/extra-addons`,
        reference,
        "-c",
        "import configparser; c = configparser.ConfigParser(interpolation=None); c.read('/etc/odoo/odoo.conf'); print(c['options']['addons_path'])",
      );
      assert.ok(paths.split(",").includes("/opt/odoo/extra-addons"), paths);
      assert.ok(!paths.includes("/mnt/extra-addons"), paths);
      assert.match(
        odoo.docker(
          "run",
          "--rm",
          "--entrypoint",
          "cat",
          "-v",
          `${volume}:/mnt/extra-addons`,
          reference,
          "/opt/odoo/extra-addons/release_info/__manifest__.py",
        ),
        /release/i,
      );
    } finally {
      odoo.docker("volume", "rm", volume);
    }
  });
});
