import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

const tools = path.join(__dirname, "..", "tools");
/** Programs of one node: most of each is Kubernetes' own packages. */
const ofNode = ["coredns", "kubernetes-cloud", "kubernetes"];

/** Versions by module, as go.mod lists them: all that a program is made of. */
function versions(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^\t(?:require )?(\S+) (v\S+)/gm)].map(([, name = "", version = ""]) => [name, version]),
  );
}

/** Modules that two of the texts have in different versions. */
function apart(texts: readonly string[]): string[] {
  const found = new Map<string, Set<string>>();
  for (const text of texts)
    for (const [name, version] of versions(text)) found.set(name, (found.get(name) ?? new Set()).add(version));
  return [...found].filter(([, all]) => all.size > 1).map(([name, all]) => `${name}: ${[...all].join(", ")}`);
}

describe("the modules of a node's programs", () => {
  const texts = ofNode.map((name) => fs.readFileSync(path.join(tools, name, "go.mod"), "utf8"));

  it("have the same versions in each of them, so that what they share is compiled once", () => {
    assert.ok(texts.every((text) => versions(text).size > 30));
    assert.deepEqual(apart(texts), []);
  });

  it("would be found if they had not", () => {
    const [one = ""] = texts;
    assert.deepEqual(apart([one, one.replace(/^(\tk8s\.io\/client-go) v\S+/m, "$1 v0.1.2")]), [
      `k8s.io/client-go: ${versions(one).get("k8s.io/client-go") ?? ""}, v0.1.2`,
    ]);
  });
});
