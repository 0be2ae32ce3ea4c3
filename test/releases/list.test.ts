import assert from "node:assert/strict";

import { ShipError } from "../../components/shared/errors";
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
      "digest               tag                        when              serves     restore point     modules",
      "sha256:bbbbbbbbbbbb  sha-bbbbbbbbbbbb-00000002  2026-11-21 12:00  vps        none              sale 19.0.1.2",
      "sha256:aaaaaaaaaaaa  sha-aaaaaaaaaaaa-00000001  2026-11-20 12:00  once: vps  20261121t120000z  sale 19.0.1.1",
    ]);
    assert.equal(releasesTable({ stack: "prod", releases: [], notRead: [] }), "no release of the stack prod is known");
  });

  it("shows no control character of what a module or a label says", async () => {
    const bad = {
      digest: older,
      tags: bothImages[0]?.tags ?? [],
      created: "\u001b[2J",
      modules: { "x\u001b[31m": { version: "\n1", hash: "" } },
    };
    assert.match(releasesTable(await list(madeUpRegistry(bad))), /\?\[2J.*x\?\[31m \?1$/m);
  });
});
