import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.join(__dirname, "..", "..");
/** What is shipped; the sandbox and the tests are machines' own. */
const product = ["components", "images", "ops", "scripts", "worker", "index.ts", "settings.ts"];
const limits = ["--memory", "--cpus", "--pids-limit", "--cap-drop ALL", "--security-opt no-new-privileges"];

interface Start {
  readonly place: string;
  /** Words of the command, with what its variables hold. */
  readonly words: string;
}

/** Each place that starts a container with `docker run`, by words of a shell or by a list of arguments. Compose's own limits are in its files. */
function starts(file: string, text: string): Start[] {
  return [...text.matchAll(/(["'`]?)\bdocker\1,? +(["'`]?)(?:container\b\2,? +\2)?run\b\2(?!\w)/g)].flatMap(
    ({ index, 1: quote }) => {
      const line = text.slice(text.lastIndexOf("\n", index) + 1, index);
      // What people read: comments, and prose in documentation of the code.
      if (/^\s*(#|\/\/|\*|\/\*)/.test(line) || line.includes("`docker ")) {
        return [];
      }
      const rest = text.slice(index);
      const end = quote === "" ? rest.search(/(?<!\\)\n/) : rest.indexOf("]");
      const words = withVariables(rest.slice(0, end === -1 ? undefined : end), text);
      return [{ place: `${file}:${text.slice(0, index).split("\n").length}`, words }];
    },
  );
}

/** `*NAME` of Python, `...name` of TypeScript and `${name}` of a shell, by what the same file gives them. */
function withVariables(command: string, text: string): string {
  const replaced = command.replaceAll(
    /\*([A-Z_]+)|\.\.\.(\w+)|\$\{(\w+)\}/g,
    (all, python?: string, script?: string, shell?: string) => {
      const name = python ?? script ?? shell ?? "";
      const list = new RegExp(`^(?:const )?${name} = \\[([^\\]]*)\\]`, "m").exec(text);
      const words = new RegExp(`^${name}="([^"]*)"`, "m").exec(text);
      return list?.[1] ?? words?.[1] ?? all;
    },
  );
  return replaced.replaceAll(/["'`,\s]+/g, " ");
}

const files = execFileSync("git", ["ls-files", "--", ...product], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => /\.(ts|py|sh|mjs)$/.test(file));
const found = files.flatMap((file) => starts(file, fs.readFileSync(path.join(root, file), "utf8")));

describe("docker run", () => {
  it("is found where it is, in each of the languages", () => {
    assert.deepEqual(
      [
        'args = ["docker", "run", "--rm", *READER, image]\nREADER = ["--memory", "1m"]',
        "docker run ${limits} \\\n  --rm image\n  --memory later",
        'if timeout 3 docker run --cpus 1 "$@"; then',
        'run("docker", ["docker", "container", "run", ...flags]);\nconst flags = ["--memory", "1m"];',
        "# docker run, as people say\n",
        'compose(["docker", "compose", "run", "x"])',
      ].map((text) => starts("f", text).map(({ words }) => words.trim())),
      [
        ["docker run --rm --memory 1m image"],
        ["docker run ${limits} \\ --rm image"],
        ["docker run --cpus 1 $@ ; then"],
        ["docker container run --memory 1m"],
        [],
        [],
      ],
    );
    assert.deepEqual(
      new Set(found.map(({ place }) => place.split(":")[0])),
      new Set([
        "images/odoo/addons_files.py",
        "images/odoo/smoke-test.sh",
        "worker/odoo_ship/hosts/compose_images.py",
        "worker/odoo_ship/hosts/compose_signature.py",
      ]),
    );
  });

  for (const { place, words } of found) {
    it(`at ${place} has an end to what it may take`, () => {
      const missing = limits.filter((limit) => !words.includes(`${limit} `) && !words.endsWith(limit));
      assert.deepEqual(missing, [], words);
    });
  }
});
