import assert from "node:assert/strict";

import { probePort } from "../../../components/odoo/probe-port";
import { hasServed, imageSays, isTried, requireReleased, requireServed } from "../../../components/release/released";
import { releaseTag, servedTag } from "../../../components/release/tags";
import { digestOf, type MadeUpImage, madeUpRegistry } from "../../support/made-up-stack";

const hash = "f".repeat(64);
const digest = digestOf("c");
const ofIt = releaseTag("c".repeat(40), hash);
const image = { digest, content: "f" };

/** Digests that are looked up, and how often the tags are listed. */
function watched(...images: readonly MadeUpImage[]) {
  const registry = madeUpRegistry(...images);
  const asked: string[] = [];
  return {
    asked,
    registry: {
      ...registry,
      digestOf: (reference: string) => (asked.push(reference), registry.digestOf(reference)),
      tags: () => (asked.push("tags"), registry.tags()),
    },
  };
}

describe("a digest for production", () => {
  it("is a release if the tag names it to which its own labels lead, which two questions show", async () => {
    const { registry, asked } = watched({ ...image, tags: [`candidate-${hash}`, ofIt] });
    await requireReleased(registry, digest);
    assert.deepEqual(asked, ["stable", ofIt]);
  });

  it("is one if stable names it, which one question shows", async () => {
    const { registry, asked } = watched({ ...image, tags: ["stable"] });
    await requireReleased(registry, digest);
    assert.deepEqual(asked, ["stable"]);
  });

  it("is one by another tag of a release, such as that of a version, or where it says nothing of itself", async () => {
    for (const tag of ["v1.2.3", "sha-0123456789ab-00000001"]) {
      await requireReleased(madeUpRegistry({ digest, tags: ["latest", tag] }), digest);
    }
  });

  for (const [what, tags] of [
    ["a candidate", [`candidate-${hash}`]],
    ["one of a staging stack that ran a candidate by its name", [`candidate-${hash}`, "latest"]],
    ["one that somebody has named by hand", ["v1", "release", "sha-", "stable-1", "served", servedTag(hash)]],
    ["one without a tag", []],
  ] as const) {
    it(`is refused if it is ${what}`, async () => {
      const other = { digest: digestOf("d"), tags: [ofIt, "stable", "v1.0.0"] };
      await assert.rejects(
        requireReleased(madeUpRegistry({ ...image, tags }, other), digest),
        /PROMOTION_REFUSED[^]*no tag of a release names registry\.example\.com\/team\/odoo@sha256:c+[^]*npm run promote/,
      );
    });
  }

  it("asks for no address that a hostile image's labels would make of it", async () => {
    const { registry, asked } = watched({ ...image, tags: [] });
    const labels = { "org.opencontainers.image.revision": "../../x", "io.odoo.content-hash": `${hash}/../stable` };
    const hostile = { ...registry, imageOf: () => Promise.resolve({ digest, labels }) };
    await assert.rejects(requireReleased(hostile, digest), /PROMOTION_REFUSED/);
    assert.equal(await hasServed(hostile, digest), false);
    assert.deepEqual(asked, ["stable", "tags"]);
  });

  it("may be an image whose description is no JSON", async () => {
    const broken = {
      ...madeUpRegistry({ digest, tags: ["v1.0.0"] }),
      imageOf: () => Promise.reject(new SyntaxError("no JSON")),
    };
    await requireReleased(broken, digest);
    assert.equal(await hasServed(broken, digest), false);
  });
});

describe("a release", () => {
  it("has served where the tag with its content names it, and no other image with the same content", async () => {
    const again = { digest: digestOf("d"), content: "f" };
    const registry = madeUpRegistry({ ...image, tags: [servedTag(hash)] }, again);
    assert.equal(await hasServed(registry, digest), true);
    assert.equal(await hasServed(registry, again.digest), false);
    assert.equal(await hasServed(madeUpRegistry({ digest, tags: [servedTag("")] }), digest), false);
  });
});

describe("a release for production", () => {
  const other = { digest: digestOf("d"), content: "d" };
  const marked = { ...other, tags: [servedTag("d".repeat(64))] };
  const refusal = /PROMOTION_REFUSED: production runs what staging has run[^]*neither latest nor served-[^]*sha256:c+/;

  for (const tag of ["stable", "latest", servedTag(hash)]) {
    it(`may serve where ${tag.slice(0, 10)} names it`, async () => {
      await requireServed(madeUpRegistry({ ...image, tags: [ofIt, tag] }, marked), digest, "");
    });
  }

  it("may serve where nobody marks what has served", async () => {
    await requireServed(
      madeUpRegistry({ ...image, tags: [ofIt] }, { ...other, tags: ["served-x", "latest"] }),
      digest,
      "",
    );
  });

  it("is refused where staging has run others and never this one, or another image of the same content", async () => {
    for (const tags of [[ofIt], [ofIt, "v1.0.0"]]) {
      await assert.rejects(requireServed(madeUpRegistry({ ...image, tags }, marked), digest, ""), refusal);
    }
    const again = { ...other, content: "f", tags: [servedTag(hash), "stable", "latest"] };
    const registry = madeUpRegistry({ ...image, tags: [ofIt] }, again);
    await assert.rejects(requireServed(registry, digest, ""), refusal);
    assert.equal(await isTried(registry, again.digest), true);
  });

  it("may serve on the word of the stack's own file, which counts for one digest alone", async () => {
    const registry = madeUpRegistry({ ...image, tags: [ofIt] }, marked);
    await requireServed(registry, digest, digest);
    await assert.rejects(requireServed(registry, digest, other.digest), refusal);
  });
});

describe("the port of an image's probes", () => {
  it("is told by its label; an image from before, and one that says anything else, is asked by a program", async () => {
    const port = async (labels: Record<string, string>) => {
      const registry = { ...madeUpRegistry(image), imageOf: () => Promise.resolve({ digest, labels }) };
      return (await imageSays(registry, digest)).probePort;
    };
    assert.equal(await port({ "io.odoo.probe-port": "8070" }), probePort);
    for (const text of ["", "8069", "070", "8070 ", "-1", "http"]) {
      assert.equal(await port({ "io.odoo.probe-port": text }), undefined, text);
    }
    assert.equal(await port({}), undefined);
    const broken = { ...madeUpRegistry(image), imageOf: () => Promise.reject(new SyntaxError("no JSON")) };
    assert.deepEqual(await imageSays(broken, digest), { revision: "", contentHash: "", probePort: undefined });
  });
});
