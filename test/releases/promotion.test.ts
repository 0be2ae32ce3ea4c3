import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { TargetReport } from "../../components/odoo/history";
import { servedTag } from "../../components/release/tags";
import { remember } from "../../gates/report/history";
import { promote } from "../../releases/promotion";
import { type Proofs, realProofs } from "../../releases/proofs";
import {
  bothImages,
  digestOf,
  historyOf,
  madeUpPlaces,
  madeUpRegistry,
  MadeUpStack,
  newer,
  older,
  reportOf,
} from "../support/made-up-stack";

const repository = "registry.example.com/team/odoo";
const newest = digestOf("c");
const saleNewest = { sale: { version: "19.0.1.3", hash: "3" } };
const third = { digest: newest, tags: ["sha-cccccccccccc-00000003"], modules: saleNewest };

describe("a promotion", () => {
  let stack: MadeUpStack;
  let said: string;
  let outputs: Record<string, unknown>;
  beforeEach(() => {
    stack = new MadeUpStack();
    Object.assign(stack.settings, { "odoo:environment": "production", "registry:pullUsername": "r" });
    said = "";
    outputs = { imageDigest: newest, imageReference: `${repository}@${newest}` };
    process.env["REGISTRY_PULL_PASSWORD"] = "r";
  });
  afterEach(() => delete process.env["REGISTRY_PULL_PASSWORD"]);

  interface Changes {
    readonly digest?: string;
    readonly agrees?: boolean;
    readonly registry?: ReturnType<typeof madeUpRegistry>;
    readonly reports?: readonly TargetReport[];
    readonly proofs?: Proofs;
  }
  const run = ({ digest, agrees = true, reports = [reportOf(historyOf())], ...more }: Changes = {}) => {
    const { registry = madeUpRegistry(...bothImages, third), proofs = realProofs } = more;
    const listener = {
      say: (text: string) => void (said += `${text}\n`),
      agrees: () => Promise.resolve(agrees),
    };
    const from = { name: "staging", told: () => Promise.resolve({ whole: "odoo/staging", outputs }) };
    const places = madeUpPlaces(registry, ...reports);
    return promote("/nowhere", { from, to: stack }, { digest, usage: "usage" }, listener, places, proofs);
  };
  const toNewest = `set ${JSON.stringify({ "image:digest": newest })}`;

  it("is refused where staging has left a target out of the update, until it has run there", async () => {
    const behind = { digest: older, commit: "", tags: [], targets: [{ name: "vps", since: "" }] };
    outputs["releases"] = [{ digest: newest, commit: "", tags: [], targets: [] }, behind];
    await assert.rejects(run(), /PROMOTION_REFUSED: staging has never run this release to the end of an update/);
    assert.deepEqual(stack.done, []);
    outputs["releases"] = [{ ...behind, digest: newest }];
    assert.equal(await run(), 0);
  });

  it("shows its plan, writes the digest before it updates, and says what to commit and how to go back", async () => {
    assert.equal(await run(), 0);
    assert.deepEqual(stack.done, [toNewest, "up with the rules"]);
    for (const part of [
      "stack     prod",
      `from      ${newer} (of commit bbbbbbbbbbbb)`,
      `to        ${newest} (of commit cccccccccccc)`,
      "released  staging runs it",
      "signature not checked: gates:signing is none",
      "gates     no report of them on this machine",
      "modules   sale 19.0.1.2 → 19.0.1.3",
      "vps       schema moves, as in any release: it upgrades sale",
      "data      stay as they are",
      "door      closed for about 12 s",
      "Pulumi.prod.yaml has image:digest now: commit it",
      `npm run rollback -- --stack prod --to ${newer}`,
    ]) {
      assert.ok(said.includes(part), `${part} is not in:\n${said}`);
    }
  });

  it("writes into the stack's file what staging's state says, and the registry's tags do not", async () => {
    const marked = { digest: digestOf("e"), content: "e", tags: [servedTag("e".repeat(64))] };
    assert.equal(await run({ registry: madeUpRegistry(...bothImages, third, marked) }), 0);
    const both = { "image:digest": newest, "release:unstaged": newest };
    assert.deepEqual(stack.done, [`set ${JSON.stringify(both)}`, "up with the rules"]);
    assert.match(said, /No tag says that staging has run it: release:unstaged in Pulumi\.prod\.yaml does now/);
  });

  it("does nothing without a person's word", async () => {
    assert.equal(await run({ agrees: false }), 1);
    assert.deepEqual(stack.done, []);
  });

  it("is the first one of a production whose file names no digest yet", async () => {
    stack.settings["image:digest"] = "";
    stack.updated = undefined;
    assert.equal(await run({ reports: [reportOf(undefined, "nothing was deployed there yet")] }), 0);
    assert.deepEqual(stack.done, [toNewest, "up with the rules"]);
    assert.match(said, /from {6}nothing that is known/);
    assert.match(said, /modules {3}sale \(not there\) → 19\.0\.1\.3/);
  });

  describe("is refused, before anything is written,", () => {
    const content = "f";
    const candidate = { digest: digestOf("e"), tags: [`candidate-${content.repeat(64)}`], content };
    const released = { ...candidate, tags: [...candidate.tags, "sha-eeeeeeeeeeee-ffffffff"] };
    const served = { ...released, tags: [...released.tags, servedTag(content.repeat(64))] };
    const named = candidate.digest;
    const refusals: Readonly<Record<string, readonly [Changes & { outputs?: Record<string, unknown> }, RegExp]>> = {
      "for a candidate": [
        { digest: named, registry: madeUpRegistry(...bothImages, third, candidate) },
        /PROMOTION_REFUSED: production runs releases alone[^]*its gates have not passed/,
      ],
      "for a candidate that staging runs by its name": [
        {
          outputs: { imageReference: `${repository}@${named}` },
          registry: madeUpRegistry(...bothImages, { ...candidate, tags: [...candidate.tags, "latest"] }),
        },
        /PROMOTION_REFUSED: production runs releases alone/,
      ],
      "for a release that staging never ran to the end": [
        { digest: named, registry: madeUpRegistry(...bothImages, third, released) },
        /PROMOTION_REFUSED: staging has never run this release[^]*leave --to-digest out/,
      ],
      "for an image that its own repository does not have": [{ digest: digestOf("9") }, /IMAGE_NOT_FOUND/],
      "for another repository": [
        { outputs: { imageReference: `registry.example.com/other/odoo@${newest}` } },
        /PROMOTION_REFUSED: the two stacks have different repositories[^]*other\/odoo; prod pulls from [^ ]*team\/odoo/,
      ],
      "if staging has released nothing": [{ outputs: {} }, /PROMOTION_REFUSED: the stack staging has released nothing/],
      "for a word that is no digest": [{ digest: "latest" }, /SETTINGS_INVALID[^]*--to-digest latest/],
      "for a tag that is nowhere": [
        { digest: "sha-999999999999-99999999" },
        /IMAGE_NOT_FOUND: no release has this tag/,
      ],
      "if it goes back to data that do not fit": [
        { outputs: { imageReference: `${repository}@${older}` } },
        /PROMOTION_REFUSED[^]*vps: the data are those of newer modules[^]*npm run rollback -- --stack prod --to sha256:a/,
      ],
      "if its signature is somebody else's": [
        { proofs: () => Promise.reject(new Error("SIGNATURE_INVALID")) },
        /SIGNATURE_INVALID/,
      ],
    };
    for (const [what, [changes, expected]] of Object.entries(refusals)) {
      it(what, async () => {
        outputs = changes.outputs ?? outputs;
        const moved = historyOf({
          releases: historyOf().releases.map((one) => (one.digest === older ? { ...one, changed: ["sale"] } : one)),
        });
        await assert.rejects(run({ reports: [reportOf(moved)], ...changes }), expected);
        assert.deepEqual(stack.done, []);
      });
    }

    it("into a stack that builds", async () => {
      stack.settings["odoo:environment"] = "staging";
      await assert.rejects(run(), /PROMOTION_REFUSED: the stack prod is no production/);
      assert.deepEqual(stack.done, []);
    });

    it("but not for an earlier release that staging has run, by its digest or its tag", async () => {
      const registry = madeUpRegistry(...bothImages, third, served);
      for (const digest of [named, "sha-eeeeeeeeeeee-ffffffff"]) {
        stack = Object.assign(new MadeUpStack(), { settings: stack.settings });
        assert.equal(await run({ digest, registry }), 0);
        assert.deepEqual(stack.done, [`set ${JSON.stringify({ "image:digest": named })}`, "up with the rules"]);
        assert.match(said, /released {2}staging has run it, and runs sha256:cccccccccccc now/);
      }
    });
  });

  describe("killed, and run again as it was", () => {
    const killed = new Error("killed");

    it("goes on in the middle of an update", async () => {
      stack.update = () => {
        throw killed;
      };
      await assert.rejects(run(), killed);
      stack.update = () => ((stack.updated = newest), 0);
      assert.equal(await run(), 0);
      assert.deepEqual(stack.done, [toNewest, "up with the rules", toNewest, "up with the rules"]);
    });

    it("finds nothing to do after it", async () => {
      stack.settings["image:digest"] = stack.updated = newest;
      const live = { digest: newest, since: "2026-11-22T12:00:00Z", restored: null };
      assert.equal(await run({ reports: [reportOf(historyOf({ live, lineage: [older, newer, newest] }))] }), 0);
      assert.deepEqual(stack.done, []);
      assert.match(said, /nothing to do/);
    });
  });

  it("that fails keeps Pulumi's exit status, and says how to go on and how to give up", async () => {
    stack.update = () => 255;
    assert.equal(await run(), 255);
    assert.match(said, /run the same command again/);
    assert.match(said, new RegExp(`pulumi config set image:digest ${newer} --stack prod`));
  });

  it("tells what this machine has kept of the gates", async () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), "promotion-"));
    try {
      const entry = { stack: "odoo/staging", begun: "2026-11-22T10:00:00.000Z", seconds: 1, commit: "c" } as const;
      const image = `${repository}@${newest}`;
      remember(root, { ...entry, outcome: "incomplete", image, vulnerabilities: { high: 2, critical: 0 } });
      remember(root, {
        ...entry,
        begun: "2026-11-23T10:00:00.000Z",
        outcome: "passed",
        image: `${repository}@${older}`,
      });
      await run({ proofs: (_, settings, built, digest) => realProofs(root, settings, built, digest) });
      assert.match(said, /gates {5}incomplete on 2026-11-22, by this machine's .*: 0 CRITICAL, 2 HIGH/);
    } finally {
      fs.rmSync(root, { recursive: true });
    }
  });
});
