import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import type { TargetHistory } from "../../../components/odoo/history";
import { RegistryClient } from "../../../components/registry/client";
import { releaseTag, servedTag } from "../../../components/release/tags";
import { Secret } from "../../../components/shared/secret";
import { rollBack } from "../../../releases/carry-out";
import { DigitalOceanShelf } from "../../../retention/digitalocean-shelf";
import type { Held } from "../../../retention/held";
import { inventory } from "../../../retention/inventory";
import { digestOf, RunningServers } from "../../../sandbox/test/helpers/running-servers";
import type { TestStack, Watch } from "../../../sandbox/test/helpers/test-stack";
import { brokenIn, closureOf } from "../../support/made-up-repository";
import { madeUpPlaces, MadeUpStack, pointOfOlder, reportOf } from "../../support/made-up-stack";
import { PaperVps } from "../../support/paper-vps";
import { pushSignedIndex, putOci } from "../../support/signed-index";
import { setInFile, teamStacks } from "../../support/team-stacks";

const repository = "acme/odoo";
/** A tag has the beginning of both. */
const contentOf = (at: number) => String(at).padStart(8, "0").padEnd(64, "a");
const commitOf = (at: number) => String(at).padStart(12, "0").padEnd(40, "a");

/**
 * The two files as they are committed, filled in by `npm run init`, but for their hosts, which are adopted: these are
 * SSH servers that do nothing, and tell what they are told of ten releases each. A droplet would need Docker.
 */
describe("staging and production from the committed files, on the real engine", () => {
  const running = new RunningServers();
  const staging = new PaperVps();
  const prod = new PaperVps(staging.user);
  /** Digests in the order of their releases. */
  const releases: string[] = [];
  const candidates: string[] = [];
  const young: string[] = [];
  const caches: string[] = [];
  let stack: TestStack;
  let stagingRan: string[];
  let prodRan: string[];
  let pushed: Held[];

  const login = (user: "push" | "pull") => {
    const { username, password } = running.servers[user];
    const access = { username, password: new Secret(password) };
    return new RegistryClient(`${running.servers.registryAddress}/${repository}`, access);
  };
  const held = () => {
    const { apiUrl, token } = running.servers;
    return inventory(new DigitalOceanShelf({ apiUrl, token: new Secret(token) }, repository), login("push"));
  };

  before(async () => {
    await Promise.all([running.start(), staging.server.start(), prod.server.start()]);
    stack = await teamStacks(running, staging.user.privateKey);
    for (const [name, host] of [
      ["staging", staging],
      ["prod", prod],
    ] as const) {
      const { port, hostKey } = host.server;
      const own = { "vps:mode": "adopt", "vps:host": "127.0.0.1", "vps:port": String(port), "vps:user": "ops" };
      await setInFile(stack, name, { ...own, "vps:hostKey": hostKey });
    }
    await pushImages();
    // Staging has run the later ones, since its tags say so; production every second one, from before that, too.
    stagingRan = releases.slice(10, 20);
    prodRan = releases.slice(0, 20).filter((_, at) => at % 2 === 0);
    for (const [at, digest] of releases.entries()) {
      if (stagingRan.includes(digest)) await login("push").tag(digest, servedTag(contentOf(at)));
    }
    pushed = await held();
    const fresh = new Set(young);
    const closures = releases.map((release) => closureOf(pushed, release));
    for (const { digest } of pushed) {
      const at = closures.findIndex((closure) => closure.has(digest));
      if (!fresh.has(digest)) running.age(repository, digest, 100 - at);
    }
  });
  after(async () => {
    stack?.remove();
    await Promise.all([staging.server.close(), prod.server.close()]);
    await running.remove();
  });

  /** Thirty releases, each third one an index with its signature; twenty old candidates, five young ones, five caches. */
  async function pushImages(): Promise<void> {
    for (let at = 0; at < 30; at++) {
      const tag = `candidate-${contentOf(at)}`;
      const labels = { "org.opencontainers.image.revision": commitOf(at), "io.odoo.content-hash": contentOf(at) };
      const digest =
        at % 3 === 0
          ? (await pushSignedIndex(running, repository, tag, labels)).index
          : await running.push(repository, tag, `layer of ${at}`, labels);
      await login("push").tag(digest, releaseTag(commitOf(at), contentOf(at)));
      releases.push(digest);
    }
    for (let at = 0; at < 25; at++) {
      const digest = await running.push(repository, `candidate-${contentOf(100 + at)}`);
      (at < 20 ? candidates : young).push(digest);
    }
    for (const [at, digest] of candidates.slice(0, 5).entries()) {
      const { layers } = JSON.parse(await login("push").manifest(digest)) as { layers: object[] };
      // As a build cache lists its layers.
      caches.push(await putOci(running, repository, "index", `cache-${at}`, { manifests: layers }));
    }
  }

  /** What a host's worker would tell after these releases, oldest first. */
  const tell = (host: PaperVps, ran: readonly string[]): void => {
    const since = (at: number) => `2026-10-${String(at + 10)}T12:00:00Z`;
    const noted = { left: null, door: null, changed: [], added: [] };
    const [first = ""] = ran;
    const live = host.live?.digest ?? ran.at(-1) ?? "";
    host.history = {
      live: { digest: live, since: since(ran.length), restored: null },
      lineage: [...ran],
      installed: ["base"],
      problem: "",
      releases: ran
        .map((digest, at) => ({ ...noted, digest, since: since(at), before: ran[at - 1] ?? null }))
        .reverse(),
      points: [{ id: pointOfOlder, digest: first, at: since(1), bytes: 1, minutes: 5, rows: 7 }],
    } satisfies TargetHistory;
  };
  /** Pulumi's own commands are for this stack from now on. */
  const use = (name: "staging" | "prod") => stack.setVariable("PULUMI_STACK", name);
  const fileOf = (name: string) => fs.readFileSync(path.join(stack.project, `Pulumi.${name}.yaml`), "utf8");
  const retention = (onOutput?: Watch) =>
    stack.command("retention/main.ts", ["--stack", "staging", "--stack", "prod", "--apply", "--yes"], onOutput);
  const promote = (onOutput?: Watch) =>
    stack.command("releases/promote.ts", ["--from", "staging", "--to", "prod", "--yes"], onOutput);
  const digestAt = (at: number) => releases[at] ?? "";
  const newest = () => digestAt(19);

  it("staging runs a release by its digest, in the registry that its file would make", async () => {
    use("staging");
    await setInFile(stack, "staging", { "image:digest": newest() });
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.equal(staging.live?.digest, newest());
    tell(staging, stagingRan);
  });

  it("a promotion that is killed in the middle keeps retention away until it has ended", async () => {
    use("prod");
    tell(prod, prodRan);
    // Pulumi has noted by then what it is in the middle of.
    const answer = prod.receive;
    prod.receive = "never";
    const killed = await promote(endWhen(() => prod.requests.length > 0));
    prod.receive = answer;
    assert.notEqual(killed.status, 0);
    assert.equal(prod.requests.length, 1, killed.output);
    const locked = await retention();
    assert.match(locked.output, /RETENTION_REFUSED: a stack is being updated[^]*Pulumi's lock on prod/);
    await stack.unlock();
    const pending = await retention();
    assert.match(pending.output, /RETENTION_REFUSED: an update is under way, or was killed[^]*the state of prod/);
    assert.equal((await held()).length, pushed.length);
  });

  it("production runs the same digest after the same command, and builds nothing", async () => {
    const { status, output } = await promote();
    assert.equal(status, 0, output);
    tell(prod, [...prodRan, newest()]);
    assert.equal(prod.live?.digest, newest());
    assert.equal((await stack.outputs())["imageDigest"], newest());
    assert.equal(await login("push").digestOf("stable"), newest());
    assert.match(fileOf("prod"), new RegExp(`^# Production deploys[^]*image:digest: "?${newest()}`));
    const { deployment } = JSON.parse(await stack.decrypted()) as { deployment: { resources: { type: string }[] } };
    const types = deployment.resources.map(({ type }) => type);
    assert.ok(types.includes("odoo:registry:ImageRegistry"), "the types are found");
    assert.deepEqual(
      types.filter((type) => type.startsWith("docker:")),
      [],
    );
    assert.doesNotMatch(fileOf("prod"), /release:unstaged/);
  });

  it("production takes no release that staging never ran, also where Pulumi alone is asked", async () => {
    await setInFile(stack, "prod", { "image:digest": digestAt(25) });
    const { status, output } = await stack.up();
    await setInFile(stack, "prod", { "image:digest": newest() });
    assert.notEqual(status, 0);
    assert.match(output, /PROMOTION_REFUSED: production runs what staging has run[^]*release:unstaged sha256:/);
    assert.equal(prod.live?.digest, newest());
  });

  it("retention goes on once Pulumi's state was told what became of the killed one, as its refusal says", async () => {
    const refused = await retention();
    const [, remedy = ""] = /then pulumi (refresh [^\n]*)/.exec(refused.output) ?? [];
    assert.equal(remedy, "refresh --clear-pending-creates --stack prod", refused.output);
    const { status, output } = await stack.pulumi(...remedy.split(" "), "--yes", "--skip-preview", "--non-interactive");
    assert.equal(status, 0, output);
    assert.equal((await held()).length, pushed.length);
  });

  it("retention that is killed in the middle breaks nothing, and ends with the same command", async () => {
    const removals = () => running.servers.api.log.list().filter(({ method }) => method === "DELETE").length;
    const begun = removals();
    const killed = await retention(endWhen(() => removals() >= begun + 12));
    assert.notEqual(killed.status, 0, killed.output);
    const middle = new Set((await held()).map(({ digest }) => digest));
    assert.ok(middle.size < pushed.length, killed.output);
    assert.deepEqual(brokenIn(pushed, middle), []);
    const { status, output } = await retention();
    assert.equal(status, 0, output);
    while ((await running.api("GET", "/v2/registries/acme/garbage-collection")).status !== 404) await delay(20);
    const left = (await held()).map(({ digest }) => digest);
    // The one that serves got tags just now, by which it is one of the newest ten, too.
    const kept = [...stagingRan, ...prodRan, ...releases.slice(21), ...young];
    assert.deepEqual(left.sort(), [...new Set(kept.flatMap((digest) => [...closureOf(pushed, digest)]))].sort());
    assert.ok(left.length < middle.size, "the kill came in the middle");
    for (const digest of [...candidates, ...caches, digestAt(1), digestAt(20)]) assert.ok(!left.includes(digest));
  });

  it("every digest of both stacks can be pulled then, and what hangs on it", async () => {
    const registry = login("pull");
    for (const digest of new Set([...stagingRan, ...prodRan])) {
      for (const one of closureOf(pushed, digest)) {
        const manifest = await registry.manifest(one);
        const { config, layers = [] } = JSON.parse(manifest) as { config?: Blob; layers?: Blob[] };
        for (const blob of [...(config ? [config] : []), ...layers]) {
          assert.equal(digestOf((await registry.content(`blobs/${blob.digest}`)) ?? ""), blob.digest);
        }
      }
      assert.ok((await registry.imageOf(digest)) !== undefined);
    }
  });

  it("every one can be rolled back to, by the plan", async () => {
    process.env["REGISTRY_PULL_PASSWORD"] = running.servers.pull.password;
    try {
      for (const [environment, host, ran] of [
        ["staging", staging, stagingRan],
        ["production", prod, prodRan],
      ] as const) {
        for (const to of ran.filter((digest) => digest !== newest())) {
          const made = new MadeUpStack();
          const { registryAddress: address } = running.servers;
          Object.assign(made.settings, { "odoo:environment": environment, "registry:pullUsername": "pull" });
          Object.assign(made.settings, { "registry:host": address, "registry:repository": repository });
          made.settings["image:digest"] = made.updated = newest();
          let said = "";
          const listener = { say: (text: string) => void (said += text), agrees: () => Promise.resolve(false) };
          const places = madeUpPlaces(login("pull"), reportOf(host.history as TargetHistory));
          const order = { to, way: undefined, usage: "usage" };
          assert.equal(await rollBack("/nowhere", made, order, listener, places), 1);
          assert.match(said, new RegExp(`to +${to} \\(of commit [^]*data +stay as they are`));
        }
      }
    } finally {
      delete process.env["REGISTRY_PULL_PASSWORD"];
    }
  });

  for (const [name, host, at] of [
    ["prod", prod, 0],
    ["staging", staging, 10],
  ] as const) {
    it(`${name} goes back to the oldest of its ten`, async () => {
      use(name);
      const { status, output } = await stack.command("releases/rollback.ts", [
        "--stack",
        name,
        "--to",
        digestAt(at),
        "--yes",
      ]);
      assert.equal(status, 0, output);
      assert.equal(host.live?.digest, digestAt(at));
      assert.equal((await stack.outputs())["imageDigest"], digestAt(at));
      // Production ran it before tags told what staging has run.
      assert.equal(fileOf(name).includes(`release:unstaged: ${digestAt(at)}`), name === "prod");
    });
  }
});

interface Blob {
  readonly digest: string;
}

/** Kills a command as soon as something is so, from its first output on. It has to become so before the command ends. */
function endWhen(isSo: () => boolean): Watch {
  let looking: NodeJS.Timeout | undefined;
  return (_, end) => {
    looking ??= setInterval(() => {
      if (!isSo()) return;
      clearInterval(looking);
      end("SIGKILL");
    }, 2).unref();
  };
}
