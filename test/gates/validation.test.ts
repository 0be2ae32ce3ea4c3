import assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";

import { SecretDesk } from "../../components/shared/secret-desk";
import { Secret } from "../../components/shared/secret";
import { validation, type ValidationOrder } from "../../gates/validation";
import { gateTools } from "../support/gate-tools";
import { Programs } from "../support/programs";
import { type Answers, given, passwords, trialDocker } from "../support/trial-docker";

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}`;
const errorLine = "2026-01-02 03:04:05,678 1 ERROR odoo odoo.modules.registry: Failed to load registry";

describe("The gate of the validation", () => {
  let programs: Programs;
  let desk: SecretDesk;
  let registry: http.Server;
  let order: ValidationOrder;
  /** What `latest` names; undefined: nothing was released yet. */
  let latest: string | undefined;

  before(async () => {
    registry = http.createServer((request, response) => {
      const there = latest !== undefined && request.url === "/v2/team/odoo/manifests/latest";
      response.writeHead(there ? 200 : 404, there ? { "docker-content-digest": latest } : {}).end();
    });
    await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
    const repository = `127.0.0.1:${(registry.address() as AddressInfo).port}/team/odoo`;
    order = {
      stack: `odoo/validation-${process.pid}`,
      image: `${repository}@${digestOf("a")}`,
      postgres: `docker.io/library/postgres@${digestOf("b")}`,
      extensions: ["unaccent"],
      modules: ["shop", "sale"],
      own: ["shop"],
      repository,
    };
    const login = { "registry:username": new Secret("x"), "registry:password": new Secret("y") };
    desk = await SecretDesk.open(order.stack, { ...login, "registry:tokenHost": new Secret("") });
  });
  after(() => {
    desk.close();
    registry.close();
  });
  beforeEach(() => {
    latest = undefined;
    programs = new Programs();
    docker();
  });
  afterEach(() => programs.remove());

  const states = (shop: string, sale = "installed") => `case "$question" in
    *"SELECT name, state"*) printf 'shop|${shop}\\nsale|${sale}\\n';;
    *"SELECT name FROM"*) printf 'shop\\nsale\\n';;
  esac`;
  const docker = (answers: Answers = {}) => trialDocker(programs, { psql: states("installed"), ...answers });
  const run = async () => {
    const tools = gateTools(programs.folder, { strict: true });
    return { ...(await validation.run(order, tools)), untold: tools.untold };
  };
  const asked = (part: string) => programs.calls("docker").filter((call) => call.includes(part));

  it("installs the configured modules, serves them and uses the server, then keeps the filled database", async () => {
    const { facts, warnings, untold } = await run();
    assert.deepEqual(facts, { used: ["login page", "create and read"], upgraded: "no release before" });
    assert.deepEqual([...warnings, ...untold], []);
    assert.match(asked("-i shop,sale").join(), /--without-demo=all --stop-after-init --no-http/);
    const calls = programs.calls("docker");
    const kept = calls.findIndex((call) => call.startsWith("commit ") && call.includes(`populated/${order.stack}`));
    assert.ok(kept > calls.findIndex((call) => call.includes("WORKERS=2")));
    assert.match(given(programs), /CREATE EXTENSION IF NOT EXISTS "unaccent" SCHEMA public/);
  });

  it("starts every container as production does, with PostgreSQL alone in reach and no password in an argument", async () => {
    latest = digestOf("d");
    await run();
    const containers = asked(order.repository).filter((call) => call.startsWith("run "));
    assert.ok(containers.length >= 3);
    for (const call of containers) {
      assert.match(
        call,
        /--read-only .*--cap-drop=ALL .*no-new-privileges .*--network (none|container:odoo-gate-\w+) /,
      );
    }
    const calls = programs.calls("docker").join("\n");
    assert.ok(passwords(programs).length > 0);
    for (const password of passwords(programs)) assert.ok(!calls.includes(password));
  });

  it("leaves no container and no volume, whatever comes of it", async () => {
    docker({ leftovers: "echo left", odoo: "exit 1" });
    await assert.rejects(run());
    assert.deepEqual(
      programs
        .calls("docker")
        .slice(-4)
        .map((call) => call.split(" label=")[0]?.trim()),
      ["ps --all --quiet --filter", "rm --force --volumes left", "volume ls --quiet --filter", "volume rm left"],
    );
  });

  const refusals: readonly [string, Answers, RegExp][] = [
    [
      "a module that does not install",
      { odoo: "echo 'ParseError: shop'; exit 1" },
      /MODULE_LOAD_ERROR[^]*ParseError: shop/,
    ],
    [
      "an error in the log of an Odoo that ends well",
      { odoo: `echo '${errorLine}'` },
      /MODULE_LOAD_ERROR[^]*Failed to load/,
    ],
    ["a module that cannot be imported", { odoo: "echo 'ImportError: no stripe'; exit 1" }, /IMPORT_ERROR[^]*stripe/],
    [
      "a PostgreSQL that is gone",
      { odoo: "echo 'DATABASE_CONNECTION_ERROR: PostgreSQL at db did not let Odoo in'; exit 69" },
      /DATABASE_CONNECTION_ERROR[^]*did not let/,
    ],
    ["a container that cannot be started", { odoo: "echo 'no such runtime' >&2; exit 125" }, /CONTAINER_START_FAILURE/],
    ["a server that does not come up", { ready: "echo 500; exit 1" }, /HEALTH_CHECK_FAIL[^]*login page: 500/],
    [
      "a server that fails the smoke test",
      { smoke: `echo '{"failed": "create and read", "found": "AccessError", "passed": []}'` },
      /HEALTH_CHECK_FAIL[^]*create and read: AccessError/,
    ],
    ["a smoke test that breaks", { smoke: "echo Traceback >&2; exit 1" }, /HEALTH_CHECK_FAIL[^]*Traceback/],
    ["an error in the server's log", { logs: `echo '${errorLine}'` }, /HEALTH_CHECK_FAIL[^]*Failed to load/],
    [
      "a module that Odoo left out without a word",
      { psql: states("uninstalled") },
      /MODULE_LOAD_ERROR[^]*shop: uninstalled/,
    ],
    ["a module that was left unfinished", { psql: states("to upgrade") }, /MODULE_LOAD_ERROR[^]*shop: to upgrade/],
  ];
  for (const [what, answers, expected] of refusals) {
    it(`refuses ${what}`, async () => {
      docker(answers);
      await assert.rejects(run(), expected);
    });
  }

  it("does not fail because its database cannot be kept for later", async () => {
    docker({ commit: "echo 'no space left' >&2; exit 1" });
    assert.deepEqual((await run()).facts["upgraded"], "no release before");
  });

  describe("upgrades a filled database of the release that serves", () => {
    const modules = (before: object, now: object) => {
      const answer = (of: object) => JSON.stringify({ series: "18.0", modules: of });
      return `case "$*" in *${digestOf("d")}*) echo '${answer(before)}';; *) echo '${answer(now)}';; esac`;
    };
    const shop = (hash: string) => ({ shop: { hash }, sale: { hash: "1" } });
    beforeEach(() => (latest = digestOf("d")));

    it("by the modules whose content differs, and no others", async () => {
      docker({ modules: modules(shop("1"), shop("2")) });
      assert.deepEqual((await run()).facts["upgraded"], ["shop"]);
      assert.match(asked("-u shop ").join(), new RegExp(order.image));
    });

    it("and does nothing where no content differs, or the same release serves", async () => {
      docker({ modules: modules(shop("1"), shop("1")) });
      assert.deepEqual((await run()).facts["upgraded"], []);
      latest = digestOf("a");
      assert.equal((await run()).facts["upgraded"], "the release that serves");
      assert.deepEqual(asked(" -u "), []);
    });

    it("and fails with the release, not with the one before", async () => {
      docker({
        modules: modules(shop("1"), shop("2")),
        odoo: `case "$*" in *"-u shop"*) echo 'ParseError: shop/views.xml'; exit 1;; esac`,
      });
      await assert.rejects(run(), /MODULE_LOAD_ERROR[^]*-u shop[^]*views\.xml/);
    });

    it("which the image before makes where it is not kept, and says so where that one cannot", async () => {
      const missing = `case "$*" in *odoo-ship-gates*) test -f "$0.made";; *) echo sha256:1;; esac`;
      const commit = `case "$*" in *populated*) touch "$0.made";; esac`;
      docker({ modules: modules(shop("1"), shop("2")), image: missing, commit: `${commit}; echo sha256:2` });
      assert.deepEqual((await run()).facts["upgraded"], ["shop"]);
      docker({
        modules: modules(shop("1"), shop("2")),
        image: `case "$*" in *odoo-ship-gates*) exit 1;; *) echo sha256:1;; esac`,
        odoo: `case "$*" in *${digestOf("d")}*) echo broken; exit 1;; esac`,
      });
      const { facts, untold } = await run();
      assert.equal(facts["upgraded"], "no database of it");
      assert.match(untold.join(), /the upgrade from the release before, which cannot be installed here: MODULE_LOAD/);
    });

    it("unless the image lacks what that one has installed: it is uninstalled before, by hand", async () => {
      docker({ modules: modules(shop("1"), { sale: { hash: "1" } }) });
      const { facts, untold } = await run();
      assert.equal(facts["upgraded"], "modules are gone");
      assert.match(untold.join(), /installed what is not here: shop/);
    });

    it("and leaves another series of Odoo to a migration", async () => {
      const other = `case "$*" in *${digestOf("d")}*) echo '{"series": "17.0", "modules": {}}';; *) echo '{"series": "18.0", "modules": {}}';; esac`;
      docker({ modules: other });
      const { untold } = await run();
      assert.match(untold.join(), /from Odoo 17\.0 to 18\.0/);
    });
  });
});
