import assert from "node:assert/strict";
import * as fs from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import { RegistryClient } from "../../components/registry/client";
import { Secret } from "../../components/shared/secret";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { type Listener, type Means, type Repository, retain } from "../../retention/carry-out";
import { DigitalOceanShelf } from "../../retention/digitalocean-shelf";
import { DistributionShelf } from "../../retention/distribution-shelf";
import type { Held } from "../../retention/held";
import { inventory } from "../../retention/inventory";
import type { RetentionPlan } from "../../retention/plan";
import type { Shelf } from "../../retention/shelf";
import { brokenIn } from "../support/made-up-repository";
import { historyOf, madeUpPlaces, madeUpRegistry, reportOf } from "../support/made-up-stack";
import { projectFolder, RetainedStack } from "../support/retained-stack";
import { pushSignedIndex, putOci } from "../support/signed-index";

describe("retention in DigitalOcean's registry", () => {
  const running = new RunningServers();
  const name = "example/odoo";
  const folders: string[] = [];
  let named: string;
  let locked: string[] = [];

  before(async () => {
    await running.start();
    await running.createRegistry("example");
  });
  afterEach(async () => {
    locked = [];
    // While it runs the registry takes no push.
    while ((await running.api("GET", "/v2/registries/example/garbage-collection")).status !== 404) await delay(20);
  });
  after(async () => {
    await running.remove();
    folders.forEach((folder) => fs.rmSync(folder, { recursive: true }));
  });

  const client = () => {
    const { username, password } = running.servers.push;
    return new RegistryClient(`${running.servers.registryAddress}/${name}`, {
      username,
      password: new Secret(password),
    });
  };
  const docr = (token = running.servers.token) =>
    new DigitalOceanShelf({ apiUrl: running.servers.apiUrl, token: new Secret(token) }, name);
  const held = () => inventory(docr(), client());

  const pushSigned = async (tag: string) => (await pushSignedIndex(running, name, tag)).index;

  const means = (shelf: (real: Shelf) => Shelf = (real) => real, real: () => Shelf = docr): Means => {
    const settings = { "registry:kind": "generic", "registry:host": running.servers.registryAddress };
    const whole = { ...settings, "registry:repository": name };
    const root = projectFolder({ prod: whole });
    folders.push(root);
    const stack = new RetainedStack("prod", whole);
    stack.deployment = { resources: [{ outputs: { imageDigest: named } }] };
    const repository = (): Repository => ({ shelf: shelf(real()), client: client() });
    return {
      root,
      stacks: [stack],
      places: madeUpPlaces(madeUpRegistry(), reportOf(historyOf())),
      repository,
      locked: () => Promise.resolve(locked),
      // All that was pushed today is old by then.
      now: () => new Date(Date.now() + 40 * 86_400_000),
    };
  };
  const heard = (agrees: () => boolean = () => true) => {
    const said: string[] = [];
    const plans: RetentionPlan[] = [];
    const listener: Listener = {
      say: (text) => said.push(text),
      agrees: () => Promise.resolve(agrees()),
      planned: (plan) => plans.push(plan),
    };
    return { said, plans, listener };
  };
  const collections = async () =>
    ((await running.api("GET", "/v2/registries/example/garbage-collections")).at("garbage_collections") as unknown[])
      .length;
  const tags = async () => (await client().tags()).filter((tag) => !tag.startsWith("sha256-")).sort();
  /** A shelf that is killed after `count` changes. */
  const killedAfter =
    (count: number) =>
    (real: Shelf): Shelf => {
      let left = count;
      const orKilled = (change: () => Promise<void>) => (left-- > 0 ? change() : Promise.reject(new Error("killed")));
      return {
        listsAll: real.listsAll,
        list: () => real.list(),
        untag: (tag) => orKilled(() => real.untag(tag)),
        remove: (digest) => orKilled(() => real.remove(digest)),
        collect: () => real.collect(),
      };
    };

  it("lists pages of manifests whole, and what each has to do with others", async () => {
    named = await pushSigned("sha-0123456789ab");
    await client().tag(named, "candidate-named");
    const all = await held();
    assert.deepEqual(all.map(({ tags: names }) => names.length).sort(), [0, 0, 1, 2]);
    const index = all.find(({ digest }) => digest === named);
    assert.equal(index?.children.length, 1);
    assert.equal(all.filter(({ subject }) => subject === named).length, 1);
  });

  it("removes nothing unless it is told to, and unless somebody agrees", async () => {
    await pushSigned("candidate-a");
    const before = await held();
    const { said, plans, listener } = heard(() => false);
    assert.equal(await retain(means(), false, listener), 0);
    assert.match(said[0] ?? "", /4 manifests with 3 tags stay, 4 manifests with 2 tags go, about 0 MB\ngoes /);
    assert.equal(plans[0]?.goes.length, 4);
    assert.equal(await retain(means(), true, listener), 1);
    assert.equal((await held()).length, before.length);
    assert.equal(await collections(), 0);
  });

  it("keeps what somebody has tagged while another one read the plan", async () => {
    const agrees = async () => {
      await client().tag((await client().digestOf("candidate-a")) ?? "", "needed");
      return true;
    };
    assert.equal(await retain(means(), true, { ...heard().listener, agrees }), 0);
    assert.deepEqual(await tags(), ["candidate-a", "candidate-named", "needed", "sha-0123456789ab"]);
    await docr().untag("needed");
  });

  it("removes nothing while a stack is updated, and stops where one begins", async () => {
    await pushSigned("candidate-b");
    const before = await held();
    locked = ["prod"];
    await assert.rejects(retain(means(), true, heard().listener), /RETENTION_REFUSED: .*nothing was removed/);
    locked = [];
    const begins = (real: Shelf): Shelf => ({
      ...killedAfter(99)(real),
      remove: async (digest) => {
        await real.remove(digest);
        locked = ["prod"];
      },
    });
    const count = await collections();
    await assert.rejects(retain(means(begins), true, heard().listener), /RETENTION_REFUSED: .*ended after [1-4] m/);
    const left = new Set((await held()).map(({ digest }) => digest));
    assert.ok(left.size < before.length && left.size > 4);
    assert.deepEqual(brokenIn(before, left), []);
    assert.equal(await collections(), count);
  });

  it("killed after each change leaves nothing broken, and ends well in the end", async () => {
    await pushSigned("candidate-c");
    const before: Held[] = await held();
    const own = before.filter(({ digest, subject }) => digest === named || subject === named);
    let kills = 0;
    for (let ended = false; !ended;) {
      const { listener } = heard();
      ended = await retain(means(killedAfter(1)), true, listener).then(
        () => true,
        (error: Error) => {
          assert.equal(error.message, "killed");
          return false;
        },
      );
      const left = new Set((await held()).map(({ digest }) => digest));
      assert.deepEqual(brokenIn(before, left), []);
      for (const { digest } of own) assert.ok(left.has(digest));
      if (!ended) kills += 1;
    }
    assert.ok(kills >= 5, String(kills));
    assert.deepEqual(await tags(), ["candidate-named", "sha-0123456789ab"]);
    assert.equal((await held()).length, 4);
    assert.ok((await client().imageOf(named)) !== undefined);
  });

  it("needs the scopes that are documented, and says which is missing", async () => {
    const shelf = (...scopes: string[]) => docr(running.servers.api.limitedToken(scopes));
    await shelf("registry:read").list();
    await assert.rejects(shelf("registry:update").list(), /TOKEN_SCOPE_MISSING[^]*registry:read/);
    await assert.rejects(shelf("registry:read").remove(named), /TOKEN_SCOPE_MISSING[^]*registry:delete/);
    await assert.rejects(shelf("registry:read").untag("x"), /TOKEN_SCOPE_MISSING[^]*registry:delete/);
    await assert.rejects(shelf("registry:read").collect(), /TOKEN_SCOPE_MISSING[^]*registry:update/);
    await shelf("registry:delete").untag("not-there");
  });

  it("in another registry finds by the protocol alone what hangs on an image, and removes by digest", async () => {
    const generic = () => new DistributionShelf(client());
    const found = await inventory(generic(), client());
    assert.deepEqual(found.map(({ digest }) => digest).sort(), (await held()).map(({ digest }) => digest).sort());
    const created = { "org.opencontainers.image.created": new Date().toISOString() };
    const dated = await running.push(name, "candidate-dated", "dated layer", created);
    const undated = await running.push(name, "candidate-undated", "undated layer");
    const { layers } = JSON.parse(await client().manifest(undated)) as { layers: object[] };
    // As a build cache lists its layers.
    const cache = await putOci(running, name, "index", "build-cache", { manifests: layers });
    assert.deepEqual((await inventory(generic(), client())).find(({ digest }) => digest === cache)?.children, []);
    const { said, listener } = heard();
    assert.equal(await retain(means(undefined, generic), true, listener), 0);
    assert.match(said.at(-1) ?? "", /by the registry's own means/);
    assert.equal(await client().digestOf(dated), undefined);
    assert.equal(await client().digestOf(undated), undated);
    assert.ok((await client().imageOf(named)) !== undefined);
  });

  it("in GitHub's registry shows the plan, and refuses to remove", async () => {
    const { plans, listener } = heard();
    const own = means();
    const ghcr = new RetainedStack("prod", { ...(own.stacks[0] as RetainedStack).settings, "registry:kind": "ghcr" });
    await assert.rejects(retain({ ...own, stacks: [ghcr] }, true, listener), /RETENTION_REFUSED: GitHub/);
    assert.equal(plans.length, 1);
  });
});
