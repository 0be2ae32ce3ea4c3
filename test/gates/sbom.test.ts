import assert from "node:assert/strict";
import * as fs from "node:fs";

import { type CycloneDx, sbom, sbomFiles } from "../../gates/sbom";
import type { WatchedTools } from "../support/gate-tools";
import { paperBench } from "../support/paper-bench";
import { type PaperLayer, type PaperRegistry, paperStack } from "../support/paper-registry";
import type { Programs } from "../support/programs";

const release = JSON.stringify({ modules: { shop: { version: "18.0.1.2.0", hash: "0".repeat(64) } } });
const layers: readonly PaperLayer[] = [
  { by: "base", files: { "etc/os-release": "ID=debian" } },
  { by: "RUN python3", files: { "opt/odoo/release.json": release } },
];

describe("The gate that lists what an image is made of", () => {
  let registry: PaperRegistry;
  let programs: Programs;
  let tools: WatchedTools;
  const bench = paperBench();

  beforeEach(() => {
    ({ registry, programs, tools } = bench());
    syft([{ type: "library", name: "openssl", version: "3.0" }]);
  });

  function syft(components: CycloneDx["components"], end = ""): void {
    programs.recorded(
      "syft",
      `env > "$0.env"; ${end}
      for one; do case "$one" in
        spdx-json=*) echo '{"spdxVersion": "SPDX-2.3"}' > "\${one#*=}";;
        cyclonedx-json=*) echo '${JSON.stringify({ bomFormat: "CycloneDX", components })}' > "\${one#*=}";;
      esac; done`,
    );
  }

  it("leaves both lists beside the report, named by the digest, with the Odoo modules and their versions", async () => {
    const image = registry.image(layers, 1);
    const { facts } = await sbom.run({ stack: paperStack, image }, tools);
    const files = sbomFiles(programs.folder, image);
    assert.deepEqual([facts["packages"], facts["modules"]], [1, 1]);
    assert.ok(files.spdx.includes(image.split("@sha256:")[1]?.slice(0, 12) ?? "none"));
    assert.match(fs.readFileSync(files.spdx, "utf8"), /SPDX-2\.3/);
    const { components = [] } = JSON.parse(fs.readFileSync(files.cyclonedx, "utf8")) as CycloneDx;
    assert.deepEqual(
      components.map(({ name, version }) => `${name} ${version ?? ""}`),
      ["openssl 3.0", "shop 18.0.1.2.0"],
    );
    assert.match(JSON.stringify(components), /"\/opt\/odoo\/release\.json"/);
    assert.deepEqual([tools.untold, registry.left()], [[], []]);
  });

  it("hands Syft the login by a file alone, and no other secret", async () => {
    process.env["PLANTED_TOKEN"] = "planted-token";
    process.env["SYFT_EXCLUDE"] = "planted";
    await sbom.run({ stack: paperStack, image: registry.image(layers, 1) }, tools).finally(() => {
      delete process.env["PLANTED_TOKEN"];
      delete process.env["SYFT_EXCLUDE"];
    });
    const environment = fs.readFileSync(`${programs.folder}/syft.env`, "utf8");
    assert.doesNotMatch(environment, /planted/i);
    assert.match(environment, /^DOCKER_CONFIG=/m);
    assert.doesNotMatch(programs.calls("syft").join(), /planted/);
  });

  it("is no list without a package, or of a Syft that broke", async () => {
    const image = registry.image(layers, 1);
    syft([{ type: "file", name: "a" }]);
    await assert.rejects(sbom.run({ stack: paperStack, image }, tools), /SCAN_INCOMPLETE[^]*no package/);
    syft([], "echo 'no such host' >&2; exit 1");
    await assert.rejects(sbom.run({ stack: paperStack, image }, tools), /SCAN_INCOMPLETE[^]*no such host/);
    assert.ok(!fs.existsSync(sbomFiles(programs.folder, image).spdx));
  });

  it("says so if the image has no record of its modules", async () => {
    const { facts } = await sbom.run({ stack: paperStack, image: registry.image(layers.slice(0, 1)) }, tools);
    assert.equal(facts["modules"], 0);
    assert.match(tools.untold.join(), /no \/opt\/odoo\/release\.json/);
  });
});
