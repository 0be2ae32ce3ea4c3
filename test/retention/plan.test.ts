import assert from "node:assert/strict";

import * as fc from "fast-check";

import type { Held } from "../../retention/held";
import { planAgain, planRetention } from "../../retention/plan";
import { brokenIn, closureOf, digestFor, imageNamed, today } from "../support/made-up-repository";

const nobody = new Map<string, string[]>();
const indexOf = (word: string) => digestFor(`${word} index`);
const plan = (held: readonly Held[], named: ReadonlyMap<string, readonly string[]> = nobody) =>
  planRetention(held, named, today);
const goneOf = (held: readonly Held[], named?: ReadonlyMap<string, readonly string[]>) =>
  plan(held, named).goes.map(({ digest }) => digest);

describe("the plan of what a registry keeps", () => {
  const signs = fc.constantFrom("subject" as const, "tag" as const, "both" as const, undefined);
  const tag = fc.constantFrom("candidate-1", "sha-0123456789ab", "v1.2.3", "1.2", "latest", "main-0123456789ab", "");
  const image = fc.record({ days: fc.integer({ min: 0, max: 400 }), tag, signed: signs });
  const repositories = fc
    .array(image, { minLength: 60, maxLength: 60 })
    .map((images) =>
      images.flatMap(({ days, tag: name, signed }, at) =>
        imageNamed(String(at), { days, tags: name === "" ? [] : [name], ...(signed && { signed }) }),
      ),
    );
  const stacks = fc.array(fc.integer({ min: 0, max: 59 }), { minLength: 2, maxLength: 12 });

  it("keeps every digest of two stacks and what hangs on it, of any 60 images", () => {
    fc.assert(
      fc.property(repositories, stacks, (held, numbers) => {
        const named = new Map(numbers.map((at, which) => [indexOf(String(at)), [`named by ${which % 2}`]]));
        const gone = new Set(goneOf(held, named));
        for (const start of named.keys()) {
          for (const digest of closureOf(held, start)) assert.ok(!gone.has(digest), digest);
        }
      }),
    );
  });

  it("keeps what is young, and tags that last, and leaves nothing broken wherever it is cut off", () => {
    fc.assert(
      fc.property(repositories, (held) => {
        const { goes, keeps } = plan(held);
        assert.equal(goes.length + keeps.length, held.length);
        const left = new Set(held.map(({ digest }) => digest));
        for (const { digest, tags, date } of goes) {
          assert.ok(today.getTime() - Date.parse(date) >= 30 * 86_400_000);
          assert.ok(!tags.some((name) => /^(latest|v1\.2\.3|1\.2)$/.test(name)));
          const one = held.find((other) => other.digest === digest);
          assert.ok(one?.subject === undefined || !left.has(one.subject), "it goes before what it hangs on");
          left.delete(digest);
          assert.deepEqual(brokenIn(held, left), []);
        }
      }),
    );
  });

  it("keeps the newest ten releases, whatever their age, and no candidate of that age", () => {
    const held = Array.from({ length: 12 }, (_, at) => [
      ...imageNamed(`release ${at}`, { days: 100 + at, tags: [`sha-${at}`, `main-${at}`] }),
      ...imageNamed(`candidate ${at}`, { days: 100 + at, tags: [`candidate-${at}`] }),
    ]).flat();
    const gone = new Set(goneOf(held));
    const releases = Array.from({ length: 12 }, (_, at) => gone.has(indexOf(`release ${at}`)));
    assert.deepEqual(releases, [...Array<boolean>(10).fill(false), true, true]);
    assert.ok(Array.from({ length: 12 }, (_, at) => indexOf(`candidate ${at}`)).every((one) => gone.has(one)));
  });

  it("keeps every release of the tenth's date, and all that nobody dates", () => {
    const same = Array.from({ length: 15 }, (_, at) => imageNamed(String(at), { days: 90, tags: [`sha-${at}`] }));
    assert.deepEqual(goneOf(same.flat()), []);
    const undated = imageNamed("x", { days: 90, tags: ["candidate-x"] }).map((one) => ({ ...one, date: "" }));
    assert.deepEqual(goneOf(undated), []);
  });

  it("keeps the proxy's images, stable, and the newest of a version", () => {
    const tags = ["proxy-0123abcd", "stable", "2.0", "2"];
    assert.deepEqual(goneOf(tags.flatMap((name) => imageNamed(name, { days: 900, tags: [name] }))), []);
  });

  it("takes apart with an image what hangs on it, the image first, and counts bytes that only they need", () => {
    const old = imageNamed("old", { days: 90, tags: ["candidate-old"], signed: "both" });
    const kept = imageNamed("kept", { days: 1, tags: ["candidate-kept"] });
    const { goes, bytes } = plan([...kept, ...old.toReversed()]);
    assert.equal(goes[0]?.digest, indexOf("old"));
    assert.equal(goes.length, old.length);
    // The base layer stays, as the other image has it.
    assert.equal(bytes, 100 + 4);
    assert.deepEqual(goes[0].reasons, ["never released, and older than 30 days"]);
  });

  it("keeps an old image that was signed lately", () => {
    const [index, ...parts] = imageNamed("old", { days: 90, tags: ["candidate-old"] });
    const signature = { ...imageNamed("new", { days: 1 })[2], digest: digestFor("s"), subject: index?.digest } as Held;
    assert.deepEqual(goneOf([index as Held, ...parts, signature]), []);
  });

  it("keeps a part that another index still lists", () => {
    const [old, part, ...rest] = imageNamed("old", { days: 90, tags: ["candidate-old"] });
    const young = { ...old, digest: digestFor("young"), date: today.toISOString(), children: [part?.digest] } as Held;
    assert.ok(!goneOf([young, old as Held, part as Held, ...rest]).includes(part?.digest ?? ""));
  });

  it("leaves alone what somebody has made to go round in a circle", () => {
    const digest = digestFor("x");
    const around = { ...imageNamed("x", { days: 90 })[2], digest, children: [digest], subject: digest } as Held;
    assert.deepEqual(goneOf([around]), []);
  });

  it("made anew, keeps what has come or was tagged meanwhile", () => {
    const [a, b] = ["a", "b"].map((name) => imageNamed(name, { days: 90, tags: [`candidate-${name}`] }));
    const [index, ...parts] = a ?? [];
    const earlier = plan([...(a ?? []), ...(b ?? [])]);
    assert.equal(earlier.goes.length, 6);
    const tagged = { ...index, tags: ["candidate-a", "somebody-needs-it"] } as Held;
    const come = imageNamed("come", { days: 90, tags: ["candidate-come"] });
    const again = planAgain([tagged, ...parts, ...(b ?? []), ...come], nobody, today, earlier);
    assert.deepEqual(new Set(again.goes.map(({ digest }) => digest)), new Set(b?.map(({ digest }) => digest)));
  });
});
