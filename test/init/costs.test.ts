import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { prices, sumOf } from "../../components/shared/prices";
import { sizeOfSlug } from "../../components/shared/size-slug";
import { costsOf, costWords } from "../../init/costs";
import { readSettings, type Settings } from "../../settings";
import { stackConfig } from "../support/program";

const environment = { DIGITALOCEAN_TOKEN: "t", VPS_SSH_PRIVATE_KEY: "k" };
const settings = (stack: string, changes: Record<string, string> = {}): Settings =>
  readSettings({ config: { ...stackConfig(stack), ...changes }, secretKeys: new Set(), environment });

describe("what a stack costs", () => {
  it("is the sum of its machines", () => {
    const vps = settings("staging", { "doks:mode": "none", "vps:backups": "true" });
    assert.deepEqual(costsOf(vps), [
      { what: "registry, basic", dollars: 5 },
      { what: "Droplet s-2vcpu-4gb", dollars: 24 },
      { what: "its backups", dollars: 24 * 0.2 },
      { what: "Volume, 50 GiB", dollars: 5 },
    ]);
    const doks = settings("staging", {
      "vps:mode": "none",
      "doks:databaseMode": "managed",
      "doks:highAvailability": "true",
    });
    assert.deepEqual(
      costsOf(doks).map(({ dollars }) => dollars),
      [5, 48, 40, 12, 2.1, prices.databases["db-s-2vcpu-4gb"]],
    );
  });

  it("has no figure for a size that is not in the list, and says so", () => {
    const costs = costsOf(
      settings("staging", { "doks:mode": "none", "vps:size": "x9-8vcpu-16gb", "vps:backups": "true" }),
    );
    assert.deepEqual(sumOf(costs), { dollars: 10, whole: false });
    assert.match(costWords("staging", costs).join("\n"), /what is not in the list: https:[^]*\? {2}Droplet x9/);
  });

  it("is nothing for what is there already", () => {
    const adopted = {
      "vps:mode": "adopt",
      "vps:host": "h.acme.io",
      "vps:hostKey": `ssh-ed25519 AAAA${"a".repeat(64)}`,
    };
    const none = { "doks:mode": "none", "registry:ownership": "adopt" };
    assert.deepEqual(costsOf(settings("staging", { ...adopted, ...none })), []);
  });
});

describe("the list of prices", () => {
  it("has its day, and sizes whose names say memory and processors", () => {
    assert.match(prices.date, /^20\d\d-\d\d-\d\d$/);
    for (const [slug, dollars] of Object.entries(prices.droplets)) {
      assert.ok(dollars > 0);
      // Names of the older plans for processors, as c-2, tell no memory.
      assert.ok(sizeOfSlug(slug) !== undefined || /^c-\d+$/.test(slug), slug);
    }
  });

  it("has every machine of the committed stacks, and each tier", () => {
    for (const stack of ["staging", "prod"]) {
      const text = fs.readFileSync(path.join(__dirname, "..", "..", `Pulumi.${stack}.yaml`), "utf8");
      const sizes = [...text.matchAll(/(?:vps:size|nodeSize): (\S+)/g)].map((match) => match[1] ?? "");
      assert.equal(sizes.length, 2);
      for (const slug of sizes) assert.ok(slug in prices.droplets, slug);
    }
    assert.deepEqual(Object.keys(prices.registries), ["starter", "basic", "professional"]);
  });
});
