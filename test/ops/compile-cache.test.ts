import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.join(__dirname, "..", "..");

describe("The programs that an update starts", () => {
  it("load what Node has compiled before: each imports that first", () => {
    const programs = fs.readdirSync(path.join(root, "ops")).filter((name) => name !== "configuration-reference.ts");
    const first = programs.map(
      (name) => /^import .*/m.exec(fs.readFileSync(path.join(root, "ops", name), "utf8"))?.[0],
    );
    assert.ok(programs.length > 5);
    assert.deepEqual(new Set(first), new Set(['import "../components/shared/compile-cache";']));
  });

  it("keep it in the project, where nobody else puts code before us", () => {
    const script =
      'require("./components/shared/compile-cache"); console.log(require("node:module").getCompileCacheDir())';
    const env = { ...process.env, NODE_COMPILE_CACHE: undefined };
    const told = execFileSync(process.execPath, ["--import", "tsx", "-e", script], {
      cwd: root,
      env,
      encoding: "utf8",
    });
    assert.ok(told.startsWith(path.join(root, ".build", "program", "compiled")), told);
  });
});
