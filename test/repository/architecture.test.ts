import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { buildSync } from "esbuild";

import { findCircle, folderArrows, importsOf } from "../support/imports";

const root = path.join(__dirname, "..", "..");

const files = execFileSync("git", ["-C", root, "ls-files", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => /\.(ts|mjs|js|py|go|sh)$/.test(file) && fs.existsSync(path.join(root, file)));
const product = files.filter((file) =>
  /^((index|settings)\.ts$|load-program\.js$|(components|criteria|gates|init|ops|policy|preview|releases|retention|worker|images|scripts)\/)/.test(
    file,
  ),
);
const program = product.filter((file) => file.endsWith(".ts"));
const components = program.filter((file) => file.startsWith("components/"));
const sandbox = files.filter((file) => /^sandbox\/.*\.ts$/.test(file));

/** Imports of these files that a rule refuses, each as `file -> what it imports`. */
function refused(from: readonly string[], rule: (imported: string) => boolean): string[] {
  return from.flatMap((file) =>
    importsOf(root, file)
      .files.filter(rule)
      .map((imported) => `${file} -> ${imported}`),
  );
}

describe("The product's sources", () => {
  it("have no arrow between the two targets", () => {
    const [vps, kubernetes] = ["components/vps/", "components/kubernetes/"];
    const of = (folder: string) => components.filter((file) => file.startsWith(folder));
    assert.ok(of(vps).length > 5 && of(kubernetes).length > 5);
    assert.deepEqual(
      refused(of(vps), (imported) => imported.startsWith(kubernetes)),
      [],
    );
    assert.deepEqual(
      refused(of(kubernetes), (imported) => imported.startsWith(vps)),
      [],
    );
  });

  it("have no circle between the folders of components/", () => {
    const arrows = folderArrows(root, components);
    assert.ok([...arrows.values()].reduce((sum, targets) => sum + targets.size, 0) > 10);
    assert.equal(findCircle(arrows)?.join(" -> "), undefined);
  });

  it("know nothing of the sandbox, of tests and of benchmarks", () => {
    assert.deepEqual(
      refused(program, (imported) => /^(sandbox|test|bench)\//.test(imported)),
      [],
    );
    const python = product.filter((file) => file.endsWith(".py"));
    assert.ok(python.length > 10);
    const imports = /^\s*(from|import)\s+(sandbox|test|bench)\b/m;
    assert.deepEqual(
      python.filter((file) => imports.test(fs.readFileSync(path.join(root, file), "utf8"))),
      [],
    );
  });

  it("of commands and of programs that an update starts load none of Pulumi's SDK, which takes most of a second", () => {
    const beside = [
      ...program.filter((file) => file.startsWith("ops/")),
      ...["list", "promote", "rollback"].map((name) => `releases/${name}.ts`),
      ...["criteria/criteria.ts", "gates/key.ts", "init/init.ts", "preview/main.ts", "retention/main.ts"],
    ];
    const loads = packagesLoaded([...beside, "index.ts"]);
    assert.ok(loads.get("index.ts")?.includes("@pulumi/pulumi"));
    assert.deepEqual(
      beside.filter((file) => loads.get(file)?.some((name) => name.startsWith("@pulumi/"))),
      [],
    );
  });

  it("have an index.ts of less than 80 lines", () => {
    assert.ok(linesOf("index.ts").length < 80);
  });

  it("have no file of more than 300 lines", () => {
    assert.deepEqual(
      product.filter((file) => linesOf(file).length > 300),
      [],
    );
  });

  it("have no line of more than 120 characters", () => {
    assert.deepEqual(
      product.filter((file) => linesOf(file).some((line) => [...line].length > 120)),
      [],
    );
  });
});

describe("The packages of the repository", () => {
  interface Package {
    readonly dependencies?: Record<string, string>;
    readonly devDependencies?: Record<string, string>;
  }
  const read = (file: string) => JSON.parse(fs.readFileSync(path.join(root, file), "utf8")) as Package;
  const own = read("package.json");
  const sandboxes = read("sandbox/package.json");
  const packagesOf = (sources: readonly string[]) =>
    [...new Set(sources.flatMap((file) => importsOf(root, file).packages))].sort();
  const missing = (names: readonly string[], { dependencies = {}, devDependencies = {} }: Package) =>
    names.filter((name) => !(name in dependencies) && !(name in devDependencies));

  it("are named where they are imported: those of the product as what everyone needs", () => {
    assert.ok(packagesOf(program).includes("@pulumi/pulumi") && packagesOf(sandbox).includes("@grpc/grpc-js"));
    assert.deepEqual(missing(packagesOf(program), { dependencies: own.dependencies ?? {} }), []);
    assert.deepEqual(missing(packagesOf(sandbox), sandboxes), []);
    assert.deepEqual(missing(packagesOf(files.filter((file) => /^(test|bench)\/.*\.ts$/.test(file))), own), []);
  });

  it("of the sandbox are left out by `npm ci --omit=dev`, and pinned as the product pins them", () => {
    assert.equal(sandboxes.dependencies, undefined);
    const pins: Record<string, string> = { ...own.dependencies, ...own.devDependencies };
    for (const [name, version] of Object.entries(sandboxes.devDependencies ?? {}))
      assert.equal(version, pins[name] ?? version, name);
  });

  it("do not import each other's tests", () => {
    assert.deepEqual(
      refused(sandbox, (imported) => /^(test|bench)\//.test(imported)),
      [],
    );
    const isTest = (file: string) => file.startsWith("sandbox/test/");
    assert.deepEqual(
      refused(
        sandbox.filter((file) => !isTest(file)),
        isTest,
      ),
      [],
    );
  });
});

describe("The reader of imports", () => {
  let directory: string;
  beforeEach(() => (directory = fs.mkdtempSync(path.join(os.tmpdir(), "imports-"))));
  afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

  const write = (sources: Record<string, string>): string[] => {
    for (const [file, text] of Object.entries(sources)) {
      fs.mkdirSync(path.join(directory, path.dirname(file)), { recursive: true });
      fs.writeFileSync(path.join(directory, file), text);
    }
    return Object.keys(sources);
  };

  it("finds a circle of folders, whichever way a file is imported", () => {
    const made = write({
      "start/zero.ts": 'import { one } from "../a/one";\nimport "./other";\n',
      "a/one.ts": 'import type { Two } from "../b/two";\n',
      "b/two.ts": 'export const three = () => import("../b/c/three");\n',
      "b/c/three.ts": 'export * from "../../a/one";\n',
    });
    assert.deepEqual(findCircle(folderArrows(directory, made)), ["a", "b", "b/c", "a"]);
  });

  it("finds none where two files of a folder import each other, or two ways lead to one folder", () => {
    const made = write({
      "a/one.ts": 'import "./two";\nimport "../b/three";\nimport "../c/four";\n',
      "a/two.ts": 'import "./one";\n',
      "b/three.ts": 'import "../c/four";\n',
      "c/four.ts": 'import "node:fs";\n',
    });
    const arrows = folderArrows(directory, made);
    assert.deepEqual([...(arrows.get("a") ?? [])], ["b", "c"]);
    assert.equal(findCircle(arrows), undefined);
  });

  it("tells packages from files", () => {
    write({
      "a/one.ts":
        'import "node:fs";\nimport "@scope/name/part";\nimport "plain/part";\nimport "../b";\nrequire("later");\n',
    });
    assert.deepEqual(importsOf(directory, "a/one.ts"), { files: ["b"], packages: ["@scope/name", "plain", "later"] });
  });
});

/** Which packages these files load with all that they import; what is imported as a type alone is not loaded. */
function packagesLoaded(entryPoints: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const { metafile } = buildSync({
    entryPoints: [...entryPoints],
    absWorkingDir: root,
    outdir: "nowhere",
    bundle: true,
    packages: "external",
    platform: "node",
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const outputs = Object.values(metafile.outputs);
  return new Map(outputs.map(({ entryPoint = "", imports }) => [entryPoint, imports.map(({ path: name }) => name)]));
}

function linesOf(file: string): string[] {
  return fs.readFileSync(path.join(root, file), "utf8").trimEnd().split("\n");
}
