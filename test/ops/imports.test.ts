import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { buildSync } from "esbuild";

const root = path.join(__dirname, "..", "..");

/** Packages that a program of the project imports, by itself or through others of the project's files. */
function packagesOf(file: string): Set<string> {
  const { metafile } = buildSync({
    entryPoints: [file],
    absWorkingDir: root,
    bundle: true,
    packages: "external",
    platform: "node",
    write: false,
    metafile: true,
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  return new Set(
    imports.filter(({ external, path: name }) => external && !name.startsWith("node:")).map(({ path: name }) => name),
  );
}

describe("programs that Pulumi starts", () => {
  const programs = fs.readdirSync(path.join(root, "ops")).map((name) => `ops/${name}`);

  for (const program of programs) {
    it(`${program} does not wait for Pulumi's SDK`, () => {
      assert.deepEqual(
        [...packagesOf(program)].filter((name) => name.startsWith("@pulumi/")),
        [],
      );
    });
  }

  it("would be seen to import it", () => {
    assert.ok(packagesOf("index.ts").has("@pulumi/pulumi"));
  });
});
