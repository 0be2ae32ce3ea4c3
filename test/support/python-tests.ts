import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

/** Makes each test of Python's unittest in `directory` one of mocha's. */
export function pythonTests(directory: string): void {
  for (const file of fs.readdirSync(directory).filter((name) => name.startsWith("test_"))) {
    const source = fs.readFileSync(path.join(directory, file), "utf8");
    for (const [name, test] of testsOf(source)) {
      const full = `${path.basename(file, ".py")}.${test}`;
      it(name, () => {
        const { status, stderr } = spawnSync("python3", ["-B", "-m", "unittest", full], {
          cwd: directory,
          encoding: "utf8",
          timeout: 60_000,
        });
        assert.equal(status, 0, stderr);
        assert.match(stderr, /Ran 1 test/);
      });
    }
  }
}

/** A sentence and `Class.test` for each test; a class that extends another one of the file has its tests, too. */
function testsOf(source: string): [sentence: string, test: string][] {
  const tests = new Map<string, string[]>();
  let current = "";
  for (const [, name = "", base = "", test = ""] of source.matchAll(/^class ([A-Z]\w*Test)\(([\w.]*)\)|^ +def (test_\w+)\(/gm)) {
    if (test === "") {
      current = name;
      tests.set(current, [...(tests.get(base) ?? [])]);
    } else {
      tests.get(current)?.push(test);
    }
  }
  return [...tests].flatMap(([name, own]) =>
    own.map((test): [string, string] => [test.replace("test_", "").replaceAll("_", " "), `${name}.${test}`]),
  );
}
