import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { python } from "./python";

const runner = path.join(__dirname, "python_tests.py");

/**
 * Makes each test of Python's unittest in `directory` one of mocha's. The tests of a file run in one process, before
 * mocha's first.
 */
export function pythonTests(directory: string): void {
  for (const file of fs.readdirSync(directory).filter((name) => name.startsWith("test_"))) {
    const module = path.basename(file, ".py");
    describe(file, () => {
      const told = new Map<string, readonly string[]>();
      let output = "";
      before(() => {
        const result = spawnSync(python, ["-B", runner, module], {
          cwd: directory,
          encoding: "utf8",
          stdio: ["ignore", "pipe", "pipe", "pipe"],
          timeout: 20 * 60_000,
        });
        output = result.stdout + result.stderr;
        for (const line of (result.output[3] ?? "").split("\n").filter((text) => text !== "")) {
          const { test, problems } = JSON.parse(line) as { test: string; problems: string[] };
          told.set(test, problems);
        }
      });
      for (const [name, test] of testsOf(fs.readFileSync(path.join(directory, file), "utf8"))) {
        it(name, () => {
          const problems = told.get(`${module}.${test}`);
          assert.ok(problems !== undefined, `it did not run to its end:\n${output}`);
          assert.equal(problems.join("\n"), "");
        });
      }
    });
  }
}

/** A sentence and `Class.test` for each test; a class that extends another one of the file has its tests, too. */
function testsOf(source: string): [sentence: string, test: string][] {
  const tests = new Map<string, string[]>();
  let current = "";
  for (const [, name = "", base = "", test = ""] of source.matchAll(
    /^class ([A-Z]\w*Test)\(([\w.]*)\)|^ +def (test_\w+)\(/gm,
  )) {
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
