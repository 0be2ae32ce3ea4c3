import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.join(__dirname, "..", "..");

interface Manager {
  readonly description: string;
  readonly managerFilePatterns: readonly string[];
  readonly matchStrings: readonly string[];
  readonly datasourceTemplate: string;
}

/** What Renovate's rules for this repository find, worked out as Renovate does: each expression in each file that a pattern names. */
describe("the bot that raises pins", () => {
  const own = JSON.parse(fs.readFileSync(path.join(root, "renovate.json"), "utf8")) as {
    customManagers: Manager[];
    enabledManagers: string[];
    "pip-compile": { managerFilePatterns: string[] };
  };
  const { customManagers, enabledManagers } = own;
  // Tests hold made-up ones; the report of a measurement says what was measured.
  const files = execFileSync("git", ["-C", root, "ls-files", "--cached", "--others", "--exclude-standard"], {
    encoding: "utf8",
  })
    .split("\n")
    .filter(
      (file) =>
        file !== "" &&
        !/^((sandbox\/)?test|addons)\/|^docs\/benchmarks\.md$|package-lock\.json$|\.(sum|png)$/.test(file) &&
        fs.existsSync(path.join(root, file)),
    );

  const found = (file: string) =>
    customManagers
      .filter(({ managerFilePatterns }) =>
        managerFilePatterns.some((pattern) => new RegExp(pattern.slice(1, -1)).test(file)),
      )
      .flatMap(({ matchStrings, datasourceTemplate }) =>
        matchStrings.flatMap((expression) =>
          [...fs.readFileSync(path.join(root, file), "utf8").matchAll(new RegExp(expression, "g"))].map(
            ({ groups = {} }) => ({
              file,
              datasource: datasourceTemplate,
              ...groups,
            }),
          ),
        ),
      );
  const pins = files.flatMap(found) as {
    file: string;
    datasource: string;
    depName: string;
    currentValue: string;
    currentDigest?: string;
  }[];

  /** Files in which the text stands, as often as it does. */
  const places = (pattern: RegExp) =>
    files
      .flatMap((file) =>
        [...fs.readFileSync(path.join(root, file), "utf8").matchAll(pattern)].map(([text]) => `${file}: ${text}`),
      )
      .sort();

  it("finds every image that is pinned by digest", () => {
    const digests = pins.flatMap(({ file, datasource, currentDigest }) =>
      datasource === "docker" && currentDigest !== undefined ? [`${file}: ${currentDigest}`] : [],
    );
    assert.ok(digests.length >= 6);
    assert.deepEqual(digests.sort(), places(/(?<!--hash=)sha256:[0-9a-f]{64}/g));
    assert.deepEqual(
      [...new Set(pins.filter(({ datasource }) => datasource === "docker").map(({ depName }) => depName))].sort(),
      ["caddy", "ghcr.io/sigstore/cosign/cosign", "golang", "odoo", "postgres"],
    );
  });

  it("finds every Python package that is pinned by version", () => {
    const packages = pins.filter(({ datasource }) => datasource === "pypi");
    assert.deepEqual(
      packages.map(({ file, depName, currentValue }) => `${file}: ${depName}==${currentValue}`).sort(),
      // What a manager of its own knows is not found twice.
      places(/[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*/g).filter((place) => !place.startsWith("gates/tools/requirements.")),
    );
    assert.ok(packages.some(({ file, depName }) => file === "Pulumi.prod.yaml" && depName === "anthropic"));
    assert.ok(packages.some(({ file, depName }) => file === "images/odoo/Dockerfile" && depName === "coverage"));
  });

  it("finds every file of a release that is pinned by its checksum", () => {
    const tools = pins.filter(({ datasource }) => datasource === "github-release-attachments");
    assert.deepEqual(
      tools.map(({ file, currentDigest }) => `${file}: "sha256": "${currentDigest}"`).sort(),
      places(/"sha256": "[0-9a-f]{64}"/g),
    );
    assert.ok(tools.some(({ depName, currentValue }) => depName === "anchore/syft" && /^\d/.test(currentValue)));
  });

  it("finds Pulumi's command line wherever a workflow brings it", () => {
    const versions = pins.filter(({ datasource }) => datasource === "npm");
    assert.deepEqual(
      versions.map(({ file, currentValue }) => `${file}: pulumi-version: ${currentValue}`).sort(),
      places(/pulumi-version: \S+/g).filter((place) => place.startsWith(".github/")),
    );
    assert.equal(versions.length, 8);
  });

  it("knows npm packages, Go modules, locked Python packages and actions by itself", () => {
    assert.deepEqual(enabledManagers, [
      "npm",
      "gomod",
      "pip-compile",
      "pip_requirements",
      "github-actions",
      "custom.regex",
    ]);
    assert.ok(files.includes("package.json") && files.includes("images/proxy/go.mod"));
    const [locked = ""] = own["pip-compile"].managerFilePatterns;
    const found = files.filter((file) => new RegExp(locked.slice(1, -1)).test(file));
    assert.deepEqual(found, ["gates/tools/requirements.txt"]);
    // It raises a pin by the command that the file names.
    assert.match(
      fs.readFileSync(path.join(root, "gates/tools/requirements.txt"), "utf8"),
      /^#\s+uv pip compile .+ requirements\.in$/m,
    );
  });

  it("has no rule that finds nothing", () => {
    for (const { description, managerFilePatterns } of customManagers) {
      for (const pattern of managerFilePatterns) {
        assert.ok(
          files.some((file) => new RegExp(pattern.slice(1, -1)).test(file)),
          `${description}: ${pattern}`,
        );
      }
    }
  });
});
