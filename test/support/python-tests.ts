import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

/** Makes each test of Python's unittest in `directory` one of mocha's. */
export function pythonTests(directory: string): void {
  for (const file of fs.readdirSync(directory).filter((name) => name.startsWith("test_"))) {
    const source = fs.readFileSync(path.join(directory, file), "utf8");
    let current = "";
    for (const [, kind, name] of source.matchAll(/^\s*(class|def) ((?:[A-Z]\w*Test)|(?:test_\w+))\(/gm)) {
      if (kind === "class") {
        current = name ?? "";
        continue;
      }
      const test = `${path.basename(file, ".py")}.${current}.${name ?? ""}`;
      it((name ?? "").replace("test_", "").replaceAll("_", " "), () => {
        const { status, stderr } = spawnSync("python3", ["-B", "-m", "unittest", test], {
          cwd: directory,
          encoding: "utf8",
          timeout: 30_000,
        });
        assert.equal(status, 0, stderr);
        assert.match(stderr, /Ran 1 test/);
      });
    }
  }
}
