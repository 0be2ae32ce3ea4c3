import assert from "node:assert/strict";

import { sshKeyPair } from "../../sandbox/support/ssh-key";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { undocumented } from "../support/documented-secrets";
import { findIn } from "../support/secret-search";
import { adoptedHost } from "../support/adopted-host";
import type { PaperVps } from "../support/paper-vps";
import type { TestStack } from "../../sandbox/test/helpers/test-stack";

const [secretSignature, secretMark] = ["4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"];
const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

/** The host is a real SSH server that does nothing: what a release does to a host, the end-to-end tests show. */
describe("an update with an adopted host, on the real engine", () => {
  const running = new RunningServers();
  let host: PaperVps;
  let stack: TestStack;
  let digest: string;

  before(async () => {
    ({ host, stack, digest } = await adoptedHost(running, "vault"));
  });
  after(async () => {
    stack.remove();
    await host.server.close();
    await running.remove();
  });

  /** By an update; a preview runs the same gates, and shows it once. */
  async function refused(changes: Record<string, unknown>, code: string, runs = [() => stack.up()]): Promise<string> {
    const { config } = stack;
    let told = "";
    stack.config = { ...config, ...changes };
    const sent = host.requests.length;
    try {
      for (const run of runs) {
        const { status, output } = await run();
        told += output;
        assert.notEqual(status, 0, output);
        assert.match(output, new RegExp(`${code}: [\\s\\S]*found:[\\s\\S]*expected:[\\s\\S]*remedy:`));
        assert.ok(!stack.storedText().includes("odoo:registry:ImageRegistry"), "a resource was declared");
        assert.equal(host.requests.length, sent, "something was sent");
        assert.ok(!output.includes("OPENSSH PRIVATE KEY"));
      }
    } finally {
      stack.config = config;
    }
    return told;
  }

  it("refuses a host that is down before any resource is declared", async () => {
    await refused({ "vps:port": 1 }, "HOST_UNREACHABLE", [() => stack.preview(), () => stack.up()]);
  });

  it("refuses a host with another key", async () => {
    await refused({ "vps:hostKey": sshKeyPair().publicKey }, "HOST_KEY_MISMATCH");
  });

  it("refuses a host that takes another login", async () => {
    stack.setVariable("VPS_SSH_PRIVATE_KEY", sshKeyPair().privateKey);
    await refused({}, "HOST_LOGIN_REFUSED");
    stack.setVariable("VPS_SSH_PRIVATE_KEY", host.user.privateKey);
  });

  it("refuses a host without Docker, and one with a full disk", async () => {
    const { docker, client, compose } = host.report;
    delete host.report["docker"];
    delete host.report["client"];
    delete host.report["compose"];
    await refused({}, "TOOL_MISSING");
    Object.assign(host.report, { docker, client, compose, "disk:/var/lib": "1000000" });
    await refused({}, "DISK_SPACE_LOW");
    host.report["disk:/var/lib"] = "40000000000";
  });

  it("refuses a host that runs something else with our names, names all of it, and only looks there", async () => {
    const known = { ...host.report };
    const [byContainer, byProject, byVolume] = [
      "odoo-db|erp|/srv/erp|erp-db",
      "shop-web-1|odoo|/srv/shop|",
      "pg|books|/srv/books|odoo-db-data",
    ];
    Object.assign(host.report, { folder: "/opt/odoo" });
    Object.assign(host.report, { "container:1": byContainer, "container:2": byProject, "container:3": byVolume });
    stack.write(
      "addons/own/__manifest__.py",
      '{"name": "x", "version": "1.0", "license": "LGPL-3", "depends": ["base"]}',
    );
    stack.write("addons/own/__init__.py", "");
    const asked = host.server.commands.length;
    try {
      // Without a digest there would be an image to build and to push.
      const output = await refused({ "image:digest": "" }, "HOST_UNFIT");
      for (const named of [
        "container odoo-db (project erp in /srv/erp)",
        "container shop-web-1 (project odoo in /srv/shop)",
        "container pg (project books in /srv/books, volume odoo-db-data)",
        "files in /opt/odoo",
      ]) {
        assert.ok(output.replaceAll(/\s+/g, " ").includes(named), `${named} is not in:\n${output}`);
      }
    } finally {
      host.report = known;
    }
    const since = host.server.commands.slice(asked);
    assert.deepEqual(
      since.map(({ command }) => command),
      ["sh -s -- "],
    );
    const docker = [...(since[0]?.stdin ?? "").matchAll(/\$root docker (?:compose )?(\w+)/g)].map(([, word]) => word);
    assert.deepEqual([...new Set(docker)].sort(), ["ps", "version"]);
  });

  it("asks for the private key that a fork's preview does not have", async () => {
    stack.setVariable("VPS_SSH_PRIVATE_KEY", undefined);
    await refused({}, "SETTINGS_INVALID");
    stack.setVariable("VPS_SSH_PRIVATE_KEY", host.user.privateKey);
  });

  it("deploys the released digest, and tells where it is", async () => {
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    const outputs = await stack.outputs();
    assert.equal(outputs["vpsUrl"], "https://erp.example.com");
    assert.equal(outputs["vpsAddress"], "127.0.0.1");
    assert.equal(outputs["vpsHostKey"], host.server.hostKey);
    assert.equal(host.live?.digest, digest);
    const targets = [{ name: "vps", since: host.live.since }];
    assert.deepEqual(outputs["releases"], [{ digest, commit: "", tags: ["latest"], targets }]);
    assert.match(output, /backup:destination is empty/);
    const [sent] = host.requests;
    assert.ok(sent && "odoo_ship/__main__.py" in sent.worker && "systemd/odoo-ship.service" in sent.worker);
  });

  it("changes nothing when run again, and still warns that no dump leaves the host", async () => {
    const sent = host.requests.length;
    const { status, output } = await stack.up("--expect-no-changes");
    assert.equal(status, 0, output);
    assert.equal(host.requests.length, sent);
    assert.match(output, /backup:destination is empty/);
  });

  it("shows in a preview which file a setting changes, and deploys it in place", async () => {
    stack.config = { ...stack.config, "vps:bodyMegabytes": 200 };
    const sent = host.requests.length;
    const preview = await stack.preview();
    assert.equal(preview.status, 0, preview.output);
    assert.match(preview.output, /proxy\/Caddyfile/);
    assert.equal(host.requests.length, sent, "a preview deployed");
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.match(output, /vps-odoo-release updat/);
    assert.doesNotMatch(output, /vps-odoo-release (replac|delet)/);
    assert.equal(host.requests.length, sent + 1);
  });

  it("deploys again to a host that runs something else", async () => {
    assert.ok(host.live);
    host.live = { ...host.live, release: "fedcba9876543210" };
    const sent = host.requests.length;
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.equal(host.requests.length, sent + 1);
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
  });

  it("fails with the worker's words when a release fails, and tries again at the next update", async () => {
    const { config } = stack;
    stack.config = { ...config, "vps:bodyMegabytes": 300 };
    const error = {
      code: "TEST_CODE",
      summary: "the upgrade failed",
      found: "planted finding",
      remedy: "planted remedy",
      log: "last line of the log",
    };
    host.statuses = [{ request: { id: "x", state: "failed", error }, live: null }];
    const failed = await stack.up();
    assert.notEqual(failed.status, 0);
    for (const part of ["TEST_CODE: the upgrade failed", "planted finding", "planted remedy", "last line of the log"]) {
      assert.ok(failed.output.includes(part), `${part} is not in:\n${failed.output}`);
    }
    host.statuses = [];
    const sent = host.requests.length;
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.equal(host.requests.length, sent + 1);
  });

  it("takes the key from the stack's encrypted settings as well, hands it over without the state, and renews no release for that", async () => {
    const { config } = stack;
    const tls = sshKeyPair().privateKey;
    const kept = {
      "vps:privateKey": host.user.privateKey,
      "backup:privateKey": sshKeyPair().privateKey,
      "vps:tlsKey": tls,
    };
    const more = { "backup:destination": "ssh://dumps@203.0.113.7/odoo", "backup:hostKey": host.server.hostKey };
    stack.config = {
      ...config,
      ...more,
      "vps:tls": "files",
      "vps:tlsCertificate": certificate,
      ...(await stack.encrypted(kept)),
    };
    stack.setVariable("VPS_SSH_PRIVATE_KEY", undefined);
    const sent = host.requests.length;
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.equal(host.requests.length, sent + 1);
    const last = host.requests.at(-1)?.request as { dump: { privateKey: string }; secrets: { content?: string }[] };
    assert.equal(last.dump.privateKey, kept["backup:privateKey"]);
    assert.ok(last.secrets.some(({ content }) => content === tls));
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
    const state = {
      state: await stack.decrypted(),
      stored: stack.storedText(),
      preview: (await stack.preview("--show-sames")).output,
    };
    const lines = Object.fromEntries(Object.entries(kept).map(([name, text]) => [name, text.split("\n")[2] ?? ""]));
    assert.deepEqual(findIn(state, lines), { state: [], stored: [], preview: [] });
  });

  it("takes the key out of the state of a program before this one, with an update in place", async () => {
    const old = JSON.parse(await stack.decrypted()) as {
      deployment: { resources: { urn: string; inputs?: object; outputs?: object }[] };
    };
    const release = old.deployment.resources.find(({ urn }) => urn.endsWith("::vps-odoo-release"));
    const stdin = {
      [secretSignature]: secretMark,
      plaintext: JSON.stringify(JSON.stringify({ connection: { privateKey: host.user.privateKey } })),
    };
    Object.assign(release?.inputs ?? {}, { stdin });
    Object.assign(release?.outputs ?? {}, { stdin });
    await stack.restore(JSON.stringify(old));
    const line = host.user.privateKey.split("\n")[2] ?? "";
    assert.deepEqual(findIn({ state: await stack.decrypted() }, { line }), { state: ["line"] });
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.match(output, /vps-odoo-release updat/);
    assert.doesNotMatch(output, /(replac|delet)(ed|ing)/);
    assert.deepEqual(findIn({ state: await stack.decrypted() }, { line }), { state: [] });
  });

  it("writes no secret in plain into the state, a preview or the host's list of processes, and few into the state at all", async () => {
    const { output } = await stack.preview("--show-sames");
    const commands = host.server.commands.map(({ command }) => command).join("\n");
    const everything = stack.storedText() + output + commands;
    assert.ok(everything.includes(digest), "the search finds what is there");
    const shown = await stack.decrypted();
    const passwords = host.requests.map(({ request }) => (request["registry"] as { password: string }).password);
    assert.ok(passwords.every((password) => password.length > 8 && !everything.includes(password)));
    // What docs/secrets-in-the-state.md tells of, and nothing more.
    const secrets = {
      "SSH private key": host.user.privateKey.split("\n")[2] ?? "",
      "DigitalOcean token": running.servers.token,
      "pull password": passwords.at(-1) ?? "",
    };
    assert.deepEqual(findIn({ everything, shown }, secrets), { everything: [], shown: ["pull password"] });
    assert.deepEqual(undocumented(shown), []);
  });
});
