import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { parse } from "yaml";

import { composeFile, edit } from "../../bench/compose-by-hand";

describe("The Compose project by hand", () => {
  const image = (digit: string) => `registry.example.com:5000/team/odoo@sha256:${digit.repeat(64)}`;

  it("goes to another release by the digest in its file alone", () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "compose-by-hand-"));
    try {
      const file = path.join(directory, "docker-compose.yml");
      fs.writeFileSync(file, composeFile(image("a"), ["WORKERS=2"]));
      execFileSync("sh", ["-euc", edit({ image: image("b") })], { cwd: directory });
      assert.equal(fs.readFileSync(file, "utf8"), composeFile(image("b"), ["WORKERS=2"]));
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it("uses no volume of the host's own, which the program refuses", () => {
    const { services, volumes } = parse(composeFile(image("a"), ["WORKERS=2"])) as {
      services: { odoo: { volumes: string[]; environment: string[] } };
      volumes: Record<string, unknown>;
    };
    assert.ok(services.odoo.environment.includes("WORKERS=2"));
    const named = services.odoo.volumes.map((volume) => volume.split(":")[0] ?? "").filter((name) => !/^\//.test(name));
    assert.deepEqual(named, Object.keys(volumes));
    assert.ok(!named.includes("odoo-filestore"));
  });
});
