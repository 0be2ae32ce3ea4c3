import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { stringify } from "yaml";

import { clusterApi, clusterFunctions, clusterOutputs } from "./support/paper-cluster";
import { sshKeyPair } from "../sandbox/support/ssh-key";
import { type ProgramRun, runProgram, secretOf, stackConfig, type World } from "./support/program";

const root = path.join(__dirname, "..");
const digest = `sha256:${"d".repeat(64)}`;

const hostKey = sshKeyPair();

/** What each command prints. */
const printed: Readonly<Record<string, string>> = {
  "vps-host-nonce": "planted",
  "vps-host-host-key": hostKey.publicKey,
  "vps-odoo-release": JSON.stringify({ url: "https://erp.example.com", digest, warnings: [] }),
};

const world: World = {
  outputs: {
    "digitalocean:index/containerRegistry:ContainerRegistry": () => ({
      endpoint: "registry.digitalocean.com/insightpulse",
    }),
    "digitalocean:index/containerRegistryDockerCredentials:ContainerRegistryDockerCredentials": () => ({
      dockerCredentials: JSON.stringify({
        auths: { "registry.digitalocean.com": { auth: Buffer.from("planted:planted").toString("base64") } },
      }),
      credentialExpirationTime: "2027-02-19T10:00:00Z",
    }),
    "docker:index/image:Image": (inputs) => ({
      repoDigest: `${String(inputs["imageName"]).replace(/:(candidate|proxy)-.*/, "")}@${digest}`,
    }),
    "command:local:Command": (_, name) => ({ stdout: printed[name] ?? "" }),
    "digitalocean:index/sshKey:SshKey": () => ({ fingerprint: "00:11:22" }),
    "digitalocean:index/volume:Volume": () => ({}),
    "digitalocean:index/droplet:Droplet": () => ({ id: "4711" }),
    "digitalocean:index/firewall:Firewall": () => ({}),
    "digitalocean:index/reservedIp:ReservedIp": () => ({ ipAddress: "203.0.113.9" }),
    "digitalocean:index/reservedIpAssignment:ReservedIpAssignment": () => ({}),
    ...clusterOutputs,
  },
  functions: clusterFunctions,
  fetch: (method, url) => {
    const { host, pathname } = url;
    if (host === "api.digitalocean.com" && pathname === "/v2/registries/insightpulse") {
      return new Response("{}", { status: known.registry ? 200 : 404 });
    }
    if (host === "api.digitalocean.com" && pathname.startsWith("/v2/account/keys/")) {
      return new Response("{}", { status: 404 });
    }
    if (host === "api.digitalocean.com" && pathname.startsWith("/v2/kubernetes/")) {
      return clusterApi(pathname);
    }
    if (host === "registry-1.docker.io" && method === "HEAD") {
      const { digest: recorded } = JSON.parse(
        fs.readFileSync(path.join(root, "images/odoo/base-image.json"), "utf8"),
      ) as {
        digest: string;
      };
      return new Response(null, { status: 200, headers: { "docker-content-digest": recorded } });
    }
    // What staging has released says so of itself, and its tag names it.
    const registry = host === "registry.digitalocean.com" || host === "registry.example.com";
    if (registry && method === "GET" && pathname.endsWith(`/manifests/${digest}`)) {
      return new Response(JSON.stringify({ config: { digest } }));
    }
    if (registry && method === "GET" && pathname.endsWith(`/blobs/${digest}`)) {
      const Labels = {
        "org.opencontainers.image.revision": "0".repeat(40),
        "io.odoo.content-hash": "1".repeat(64),
        "io.odoo.probe-port": "8070",
      };
      return new Response(JSON.stringify({ config: { Labels } }));
    }
    const tags = ["sha-000000000000-11111111", `served-${"1".repeat(64)}`];
    if (host === "registry.digitalocean.com" && tags.some((tag) => pathname.endsWith(`/manifests/${tag}`))) {
      return new Response(null, { headers: { "docker-content-digest": digest } });
    }
    if (registry && method === "HEAD") {
      // Staging has left the proxy's image there.
      const there = pathname.endsWith(digest) || (known.registry && pathname.includes("/manifests/proxy-"));
      return new Response(null, { status: there ? 200 : 404, headers: { "docker-content-digest": digest } });
    }
    return undefined;
  },
};
const known = { registry: false };

/** The dump of a stack: every resource, sorted; what the content of this tree decides, and secrets, are masked. */
function dump({ resources, outputs }: ProgramRun): string {
  const sorted = [...resources].sort((a, b) => a.type.localeCompare(b.type) || a.name.localeCompare(b.name));
  const shown = JSON.parse(
    // What goes by standard input is secret as a whole, and rendered by functions that have tests of their own.
    JSON.stringify({ resources: sorted, outputs }, (key, value: unknown) =>
      key === "stdin" && secretOf(value) !== undefined
        ? "[secret]"
        : key === "odoo_ship.zip" || key === "task_agent.py"
          ? "<worker's file>"
          : value,
    ),
  ) as unknown;
  return (
    stringify(shown, { sortMapEntries: true, lineWidth: 0 })
      .replaceAll(/ssh-ed25519 \S+/g, "ssh-ed25519 <key>")
      .replaceAll("planted", "[secret]")
      .replaceAll(digest, "sha256:<digest>")
      .replaceAll(/MODULES: .*/g, "MODULES: <modules>")
      .replaceAll(/(?<!sha256:)\b[0-9a-f]{64}\b/g, "<content hash>")
      .replaceAll(/(\.build\/(odoo|proxy)\/)[0-9a-f]{16}\b/g, "$1<16 digits>")
      .replaceAll(/\b[0-9a-f]{40}\b/g, "<commit>")
      .replaceAll(/(:proxy-)[0-9a-f]{32}\b/g, "$1<32 digits>")
      .replaceAll(/(REQUEST: )"?[0-9a-f]{16}"?/g, "$1<request>")
      .replaceAll(/(odoo-upgrade-)[0-9a-f]{16}/g, "$1<request>")
      .replaceAll(/(WORKER: )"?[0-9a-f]{12}"?/g, "$1<worker>")
      .replaceAll(/\b[0-9a-f]{12} (?=[\w.])/g, "<12 digits> ")
      .replaceAll(/(sha-|main-|-push-|20260102-)[0-9a-f]{12}\b/g, "$1<12 digits>")
      // As many as this clone of the repository needs.
      .replaceAll(/sha-[0-9a-f]{7,11}\b/g, "sha-<short>")
      .replaceAll(/(sha-<12 digits>-)[0-9a-f]{8}\b/g, "$1<8 digits>")
  );
}

describe("the golden dump", () => {
  let project: string;
  let variables: NodeJS.ProcessEnv;

  before(() => {
    variables = { ...process.env };
    project = fs.mkdtempSync(path.join(os.tmpdir(), "golden-"));
    for (const folder of ["addons", "images", "worker"]) {
      fs.cpSync(path.join(root, folder), path.join(project, folder), { recursive: true });
    }
    const git = (...args: string[]) =>
      execFileSync("git", ["-C", project, ...args], {
        stdio: "pipe",
        env: { ...process.env, GIT_COMMITTER_DATE: "2026-01-02T03:04:05Z" },
      });
    git("init", "-q", "-b", "main");
    git("add", "-A");
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "all");
  });
  after(() => fs.rmSync(project, { recursive: true }));
  // What one stack has set must not meet the next, nor another file in the same process.
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in variables)) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, variables);
  });

  const stacks: [name: string, stack: string, changes: Record<string, string>, registry: boolean][] = [
    ["staging", "staging", {}, false],
    ["prod", "prod", { "image:digest": digest }, true],
    ["prod-on-kubernetes", "prod", { "image:digest": digest, "vps:mode": "none", "doks:mode": "create" }, true],
  ];
  for (const [name, stack, changes, registry] of stacks) {
    it(`of ${name} is as committed`, async () => {
      known.registry = registry;
      process.env["DIGITALOCEAN_TOKEN"] = "planted";
      process.env["VPS_SSH_PRIVATE_KEY"] = hostKey.privateKey;
      const actual = dump(await runProgram(project, stack, { ...stackConfig(stack), ...changes }, world));
      const file = path.join(__dirname, "golden", `${name}.yaml`);
      if (process.env["UPDATE_GOLDEN"] === "1") {
        fs.writeFileSync(file, actual);
      }
      assert.equal(
        actual,
        fs.readFileSync(file, "utf8"),
        "a resource changed: look at the difference, then: npm run golden",
      );
    });
  }

  it("of no stack has the push login where host or cluster pull with one of their own", async () => {
    known.registry = true;
    const [push, pull] = ["planted-push-password", "planted-pull-password"];
    const variables = {
      DIGITALOCEAN_TOKEN: "planted",
      VPS_SSH_PRIVATE_KEY: hostKey.privateKey,
      REGISTRY_PASSWORD: push,
    };
    Object.assign(process.env, variables, { REGISTRY_PULL_PASSWORD: pull });
    const other = {
      "registry:kind": "generic",
      "registry:host": "registry.example.com",
      "registry:ownership": "adopt",
    };
    const logins = { "registry:username": "pusher", "registry:pullUsername": "puller" };
    const config = { ...stackConfig("staging"), ...other, ...logins, "image:digest": digest };
    const { resources, outputs } = await runProgram(project, "staging", config, world);
    // A pull secret is base64 in base64.
    const decoded = (text: string) =>
      text.replaceAll(/[A-Za-z0-9+/]{24,}=*/g, (part) => Buffer.from(part, "base64").toString());
    const has = (secret: string) =>
      resources
        .filter(({ inputs }) => {
          const text = JSON.stringify(inputs);
          return [text, decoded(text), decoded(decoded(text))].some((form) => form.includes(secret));
        })
        .map(({ name }) => name);
    assert.deepEqual(has(push), []);
    assert.ok(
      resources.some(({ name }) => name === "served-tags"),
      "the last one is declared",
    );
    assert.deepEqual(has(pull).sort(), ["doks-namespace-registry", "vps-odoo-release"]);
    assert.deepEqual(outputs["pullCredentials"], { username: "puller", password: pull });
  });
});
