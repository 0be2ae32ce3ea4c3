import assert from "node:assert/strict";

import fc from "fast-check";

import { ShipError } from "../components/shared/errors";
import type { Key } from "../components/settings/key";
import { settingsKeys } from "../components/settings/table";
import { readSettings } from "../settings";
import { rejectedSettings, stackFile } from "./support/stack-settings";

/** To see the same files again: SEED=<number> npx mocha test/settings-broken.test.ts */
const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000_000);
const files = 200;
const planted = "planted-value";
const keys: Readonly<Record<string, Key>> = settingsKeys;
const environment = { DIGITALOCEAN_TOKEN: "planted-token", VPS_SSH_PRIVATE_KEY: "planted-key" };
const stacks: Readonly<Record<string, Record<string, string>>> = {
  staging: stackFile("staging"),
  prod: { ...stackFile("prod"), "image:digest": `sha256:${"a".repeat(64)}` },
};

/** One thing that is wrong with a stack's file: the key that a message has to name, and what is done. */
interface Problem {
  readonly key: string;
  readonly what: string;
  readonly plant: (config: Record<string, string>) => void;
}

const wrongValue = fc
  .constantFrom(...rejectedSettings.filter(([key, value]) => isWrongByItself(key, value)))
  .map(([key, value]): Problem => ({ key, what: `is ${value}`, plant: (config) => void (config[key] = value) }));
const inPlain = fc
  .constantFrom(...Object.keys(keys).filter((key) => keys[key]?.secret === true))
  .map((key): Problem => ({ key, what: "is in plain", plant: (config) => void (config[key] = planted) }));
const missing = fc
  .constantFrom(...Object.keys(keys).filter((key) => keys[key]?.schema.safeParse(undefined).success === false))
  .map((key): Problem => ({ key, what: "is missing", plant: (config) => void Reflect.deleteProperty(config, key) }));
/** A key of the file with a letter too many: what it was meant for has its default then. */
const typo = fc
  .tuple(fc.constantFrom(...Object.keys(keys)), fc.constantFrom("s", "X", "_", "2"))
  .map(([key, letter]) => `${key}${letter}`)
  .filter((key) => !(key in keys))
  .map((key): Problem => ({ key, what: "is unknown", plant: (config) => void (config[key] = planted) }));
const brokenFile = fc.record({
  stack: fc.constantFrom("staging", "prod"),
  problems: fc.uniqueArray(fc.oneof(wrongValue, inPlain, missing, typo), {
    selector: ({ key }) => key,
    minLength: 1,
    maxLength: 8,
  }),
});

/** Whether a value is refused alone, and not for what another key says. */
function isWrongByItself(name: string, text: string): boolean {
  const key = keys[name];
  if (key === undefined) return false;
  let value: unknown = text;
  try {
    if (key.form === "data") value = JSON.parse(text);
  } catch {
    // The text itself is what is wrong then.
  }
  return key.secret !== true && !key.schema.safeParse(value).success;
}

describe(`${files} broken stack files (seed ${seed})`, () => {
  const made = fc.sample(brokenFile, { seed, numRuns: files });

  it("are made of files that are accepted as they are", () => {
    for (const config of Object.values(stacks)) readSettings({ config, secretKeys: new Set(), environment });
  });

  it("plant each kind of problem, in one file several", () => {
    const kinds = new Set(
      made.flatMap(({ problems }) =>
        problems.map(({ what }) => what.replace(/^is (?!in plain|missing|unknown).*/s, "is wrong")),
      ),
    );
    assert.deepEqual([...kinds].sort(), ["is in plain", "is missing", "is unknown", "is wrong"]);
    assert.ok(made.filter(({ problems }) => problems.length > 2).length > files / 4);
  });

  it("are each refused before any resource, with every problem by its key, and no secret", () => {
    for (const { stack, problems } of made) {
      const config = { ...stacks[stack] };
      for (const { plant } of problems) plant(config);
      const told = `${stack}: ${problems.map(({ key, what }) => `${key} ${what}`).join("; ")}`;
      let error: unknown;
      try {
        readSettings({ config, secretKeys: new Set(), environment });
      } catch (thrown) {
        error = thrown;
      }
      assert.ok(error instanceof ShipError, `${told} was accepted, or ended with ${String(error)}`);
      assert.equal(error.code, "SETTINGS_INVALID", told);
      const lines = error.message.split("\n").map((line) => line.replace(/^ *(found: *)?/, ""));
      const unnamed = problems.filter(({ key }) => !lines.some((line) => line.startsWith(`${key}: `)));
      assert.deepEqual(
        unnamed.map(({ key }) => key),
        [],
        `${told}\n${error.message}`,
      );
      assert.ok(!error.message.includes(planted), `a value that may be a secret is in:\n${error.message}`);
    }
  });
});
