import assert from "node:assert/strict";

import { newestReleases } from "../../releases/newest";
import { digestOf, madeUpRegistry } from "../support/made-up-stack";

describe("the releases that the report of the gates lists", () => {
  it("are those of the registry, without the image that the report is about and without candidates", async () => {
    const image = (digit: string, day: number, ...tags: string[]) => ({
      digest: digestOf(digit),
      tags,
      created: `2026-11-0${day}T00:00:00Z`,
    });
    const registry = madeUpRegistry(
      image("a", 1, "sha-aaaaaaaaaaaa-00000001", "sha-dddddddddddd-00000004"),
      image("b", 3, "sha-bbbbbbbbbbbb-00000002", "latest"),
      image("c", 4, `candidate-${"c".repeat(64)}`),
      image("d", 5, "sha-dddddddddddd-00000003"),
    );
    assert.deepEqual(await newestReleases(registry, digestOf("d")), [
      {
        digest: digestOf("b"),
        tags: ["sha-bbbbbbbbbbbb-00000002"],
        commit: "b".repeat(40),
        created: "2026-11-03T00:00:00Z",
      },
      {
        digest: digestOf("a"),
        tags: ["sha-aaaaaaaaaaaa-00000001", "sha-dddddddddddd-00000004"],
        commit: "a".repeat(40),
        created: "2026-11-01T00:00:00Z",
      },
    ]);
  });

  it("are the newest twenty", async () => {
    const two = (at: number) => String(at).padStart(2, "0");
    const images = Array.from({ length: 25 }, (_, at) => ({
      digest: `sha256:${two(at).repeat(32)}`,
      tags: [`sha-${two(at).repeat(6)}-00000001`],
      created: `2026-11-${two(at + 1)}T00:00:00Z`,
    }));
    const days = (await newestReleases(madeUpRegistry(...images), "")).map(({ created }) => created.slice(8, 10));
    assert.deepEqual([days.length, days[0], days.at(-1)], [20, "25", "06"]);
  });
});
