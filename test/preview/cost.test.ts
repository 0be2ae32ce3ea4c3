import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { parse } from "yaml";

import { sumOf } from "../../components/shared/prices";
import { costsOf } from "../../init/costs";
import { costOf } from "../../preview/cost";
import { steadyInputs } from "../../preview/noise";
import { readSettings } from "../../settings";
import { stackConfig } from "../support/program";

/** The committed dumps: what a preview of these stacks shows. */
const golden = path.join(__dirname, "..", "golden");

interface Dump {
  readonly resources: readonly { readonly type: string; readonly inputs: object }[];
}

function previewed(name: string): ReturnType<typeof costOf> {
  const { resources } = parse(fs.readFileSync(path.join(golden, `${name}.yaml`), "utf8")) as Dump;
  return costOf({
    resources: resources.map(({ type, inputs }) => ({
      urn: type,
      type,
      replaced: false,
      inputs: steadyInputs(inputs),
    })),
  });
}

describe("what a preview says that a stack costs", () => {
  const stacks: readonly [name: string, stack: string, changes: Record<string, string>][] = [
    ["staging", "staging", {}],
    ["prod", "prod", {}],
    ["prod-on-kubernetes", "prod", { "vps:mode": "none", "doks:mode": "create" }],
  ];
  for (const [name, stack, changes] of stacks) {
    it(`is what npm run init says of ${name}`, () => {
      const settings = readSettings({
        config: { ...stackConfig(stack), "image:digest": `sha256:${"1".repeat(64)}`, ...changes },
        secretKeys: new Set(),
        environment: { DIGITALOCEAN_TOKEN: "t", VPS_SSH_PRIVATE_KEY: "k" },
      });
      const { dollars, whole } = sumOf(costsOf(settings));
      const { least, unpriced } = previewed(name);
      assert.ok(dollars > 10);
      assert.equal(Math.round(least * 100) / 100, dollars);
      assert.equal(unpriced.length === 0, whole);
    });
  }
});
