import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { ShipError } from "../../components/shared/errors";
import { remember } from "../../gates/report/history";
import { listReleases } from "../../releases/list";
import { releasesTable } from "../../releases/table";
import {
  bothImages,
  digestOf,
  historyOf,
  madeUpPlaces,
  madeUpRegistry,
  MadeUpStack,
  newer,
  older,
  pointOfOlder,
  reportOf,
} from "../support/made-up-stack";
import { attestationText, publicKey } from "../support/signed";

describe("the list of releases", () => {
  const list = (...args: Parameters<typeof madeUpPlaces>) =>
    listReleases("/nowhere", new MadeUpStack(), madeUpPlaces(...args));

  it("has what targets and registry know, newest first, with what each is good for", async () => {
    const never = {
      digest: digestOf("c"),
      tags: ["sha-cccccccccccc-00000003", "latest"],
      created: "2026-11-22T00:00:00Z",
    };
    const { releases, notRead } = await list(madeUpRegistry(...bothImages, never), reportOf(historyOf()));
    assert.deepEqual(
      releases.map(({ digest, serves, served, points }) => [digest, serves, served, points.map(({ id }) => id)]),
      [
        [never.digest, [], [], []],
        [newer, ["vps"], ["vps"], []],
        [older, [], ["vps"], [pointOfOlder]],
      ],
    );
    assert.deepEqual(
      releases.map(({ tags }) => tags),
      [["sha-cccccccccccc-00000003"], ["sha-bbbbbbbbbbbb-00000002"], ["sha-aaaaaaaaaaaa-00000001"]],
    );
    assert.deepEqual(notRead, []);
  });

  it("of two tags of one digest makes one release", async () => {
    const twice = { digest: older, tags: ["sha-aaaaaaaaaaaa-00000001", "sha-dddddddddddd-00000004"] };
    const { releases } = await list(madeUpRegistry(twice));
    assert.deepEqual(
      releases.map(({ tags }) => tags.length),
      [2],
    );
  });

  it("says in words what it could not read, and shows the rest", async () => {
    const refusal = new ShipError({
      code: "REGISTRY_AUTH_FAILURE",
      summary: "refused",
      found: "401",
      expected: "",
      remedy: "",
    });
    const refusing = {
      ...madeUpRegistry(),
      tags: () => Promise.reject(refusal),
      imageOf: () => Promise.reject(refusal),
    };
    const found = await list(refusing, reportOf(historyOf()), reportOf(undefined, "kubectl is not there", "cluster"));
    assert.deepEqual(found.notRead, [
      "the registry: REGISTRY_AUTH_FAILURE: refused: 401",
      "cluster: kubectl is not there",
    ]);
    assert.deepEqual(
      found.releases.map(({ inRegistry, modules }) => [inRegistry, modules]),
      [
        [null, null],
        [null, null],
      ],
    );
    assert.match(releasesTable(found), /^not read {2}cluster: kubectl is not there$/m);
  });

  it("tells of an image that hosts know and the registry has lost", async () => {
    const { releases } = await list(madeUpRegistry(bothImages[1] ?? { digest: "" }), reportOf(historyOf()));
    assert.deepEqual(
      releases.map(({ inRegistry }) => inRegistry),
      [true, false],
    );
  });

  it("is a table for people", async () => {
    const text = releasesTable(await list(madeUpRegistry(...bothImages), reportOf(historyOf())));
    assert.deepEqual(text.split("\n"), [
      "digest               tag                        when              serves     gates   door  restore point",
      "sha256:bbbbbbbbbbbb  sha-bbbbbbbbbbbb-00000002  2026-11-21 12:00  vps        passed  12 s  none",
      "  by an unknown author, modules: sale 19.0.1.2",
      "sha256:aaaaaaaaaaaa  sha-aaaaaaaaaaaa-00000001  2026-11-20 12:00  once: vps  passed  none  20261121t120000z",
      "  by an unknown author, modules: sale 19.0.1.1",
    ]);
    assert.equal(releasesTable({ stack: "prod", releases: [], notRead: [] }), "no release of the stack prod is known");
  });

  it("fits a terminal of 120 letters, with as many modules as a line has room for", async () => {
    const modules = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`module_${at}`, { version: "19.0.1.0.0", hash: "" }]),
    );
    const image = { digest: newer, tags: ["sha-bbbbbbbbbbbb-00000002"], modules };
    const [point] = historyOf().points;
    assert.ok(point !== undefined);
    const history = historyOf({
      releases: historyOf().releases.map((one) => ({ ...one, door: 90 * 60 })),
      points: [1, 2, 3].map(() => ({ ...point, digest: newer })),
    });
    const text = releasesTable(await list(madeUpRegistry(image), reportOf(history)));
    assert.match(text, / {2}90 min {2}20261121t120000z \+2$/m);
    assert.match(text, /^ {2}by .*, modules: module_0 19\.0\.1\.0\.0, module_1 .* and 3\d more$/m);
    assert.deepEqual(
      text.split("\n").filter((line) => line.length > 120),
      [],
    );
  });

  it("has the commit, of the image or of its tag, and for how long each target was closed", async () => {
    const [first, second] = bothImages;
    assert.ok(first !== undefined && second !== undefined);
    const registry = madeUpRegistry({ ...first, commit: "" }, second);
    const { releases } = await list(registry, reportOf(historyOf()), reportOf(historyOf(), "", "cluster"));
    assert.deepEqual(
      releases.map(({ commit, door }) => [commit, door]),
      [
        [
          "b".repeat(40),
          [
            { target: "vps", seconds: 12.4 },
            { target: "cluster", seconds: 12.4 },
          ],
        ],
        [
          "a".repeat(12),
          [
            { target: "vps", seconds: null },
            { target: "cluster", seconds: null },
          ],
        ],
      ],
    );
  });

  describe("in a clone of the project", () => {
    let root: string;
    let commit: string;
    const git = (...args: string[]) =>
      execFileSync("git", ["-C", root, ...args], { stdio: "pipe", encoding: "utf8" }).trim();
    const listHere = (...args: Parameters<typeof madeUpPlaces>) =>
      listReleases(root, new MadeUpStack(), madeUpPlaces(...args));

    beforeEach(() => {
      root = fs.mkdtempSync(path.join(os.tmpdir(), "releases-"));
      git("init", "-q");
      const person = ["-c", "user.name=Ada Lovelace", "-c", "user.email=ada@example.com"];
      git(...person, "commit", "-qm", "first", "--allow-empty");
      commit = git("rev-parse", "HEAD");
    });
    afterEach(() => fs.rmSync(root, { recursive: true }));

    it("names who has written a release, without an address; nobody for a commit that is not there", async () => {
      git("-c", "user.name=ada@example.com", "-c", "user.email=x", "commit", "-qm", "second", "--allow-empty");
      const [old, next] = bothImages;
      assert.ok(old !== undefined && next !== undefined);
      const unknown = { digest: digestOf("c"), tags: ["sha-cccccccccccc-00000003"] };
      const images = [{ ...old, commit }, { ...next, commit: git("rev-parse", "HEAD") }, unknown];
      const found = await listHere(madeUpRegistry(...images));
      assert.deepEqual(Object.fromEntries(found.releases.map(({ digest, author }) => [digest, author])), {
        [older]: "Ada Lovelace",
        [newer]: "ada",
        [unknown.digest]: "",
      });
      assert.match(releasesTable(found), /^ {2}by Ada Lovelace, modules: sale 19\.0\.1\.1$/m);
      assert.ok(!JSON.stringify(found).includes("example.com"));
    });

    it("tells how the gates ended by this machine's report, else by the tag; of a candidate it tells nothing", async () => {
      remember(root, {
        stack: "odoo/staging",
        begun: "2026-11-20T08:00:00.000Z",
        outcome: "incomplete",
        seconds: 1,
        commit,
        image: `registry.example.com/team/odoo@${newer}`,
      });
      const [old, next] = bothImages;
      assert.ok(old !== undefined && next !== undefined);
      const { releases } = await listHere(madeUpRegistry({ ...old, tags: [] }, next), reportOf(historyOf()));
      assert.deepEqual(
        releases.map(({ gates: { outcome, by } }) => [outcome, by]),
        [
          ["incomplete", "report"],
          [null, ""],
        ],
      );
    });
  });

  describe("of a stack whose releases are signed", () => {
    const signedStack = new MadeUpStack();
    Object.assign(signedStack.settings, {
      "gates:signing": "key",
      "gates:publicKey": publicKey(),
    });
    const listSigned = (...args: Parameters<typeof madeUpPlaces>) =>
      listReleases("/nowhere", signedStack, madeUpPlaces(...args));
    const told = async (...statements: string[]) => {
      const { releases } = await listSigned(madeUpRegistry({ digest: newer, statements }), reportOf(historyOf()));
      return releases.find(({ digest }) => digest === newer)?.gates;
    };

    it("tells how the gates ended, and what they did not check, by the statement that hangs on the image", async () => {
      const attested = (...args: [outcome?: string, notChecked?: string[]]) => attestationText("key", newer, ...args);
      assert.deepEqual(await told(attested()), { outcome: "passed", by: "statement", notChecked: [] });
      assert.deepEqual(await told(attested("incomplete", ["hadolint is missing"])), {
        outcome: "incomplete",
        by: "statement",
        notChecked: ["image: hadolint is missing"],
      });
      assert.equal((await told(attested("failed")))?.outcome, "failed");
      assert.equal((await told(attested("failed"), attested()))?.outcome, "passed");
      assert.equal((await told(attestationText("key", older)))?.outcome, null);
    });

    it("says that the statements could not be read, and shows the rest", async () => {
      const broken = new ShipError({
        code: "MANIFEST_ERROR",
        summary: "no answer",
        found: "503",
        expected: "",
        remedy: "",
      });
      const registry = { ...madeUpRegistry(...bothImages), referrers: () => Promise.reject(broken) };
      const { releases, notRead } = await listSigned(registry, reportOf(historyOf()));
      assert.deepEqual(notRead, ["results of gates: MANIFEST_ERROR: no answer: 503"]);
      assert.equal(releases.length, 2);
    });
  });

  it("shows no control character of what a module or a label says", async () => {
    const bad = {
      digest: older,
      tags: bothImages[0]?.tags ?? [],
      created: "\u001b[2J",
      modules: { "x\u001b[31m": { version: "\n1", hash: "" } },
    };
    assert.match(releasesTable(await list(madeUpRegistry(bad))), /\?\[2J.*\n.*x\?\[31m \?1$/m);
  });
});
