import assert from "node:assert/strict";

import { harmless } from "../../preview/untrusted";

describe("a text of a stranger", () => {
  const cases: readonly (readonly [what: string, text: string, not: RegExp])[] = [
    ["a mention", "look @owner", /@owner/],
    ["a mention in what only seems to be code", "\\`@owner`", /(^|[^\\])\\`@owner/],
    ["a mention after two backticks", "``@owner``", /^``@/],
    ["an entity", "&#64;owner", /&#/],
    ["a link", "[free](https://evil.example)", /(^|[^\\])\[|https:\/\//],
    ["a picture", "![x](http://evil.example/p.png)", /!\[|http:\/\//],
    ["HTML", '<img src="x">', /<img/],
    ["HTML within the fold", "<details><summary><img src=x></summary>", /<img/],
    ["a reference to an issue", "closes #12 and GH-7", /#12|GH-7/],
    ["a fence", "~~~html\n```\n@owner", /^(~~~|```)/m],
    ["characters that hide others", "a\u202e\u0007b", /\u202e|\p{Cc}b/u],
    [
      "HTML behind the fold",
      "<details><summary>Files (1)</summary>\n`<a href=x>`\n</details>\n`<b>`",
      /<\/?(summary|details)>\n`</,
    ],
    ["cells of a table, which are cut before code is", "a | b\n--- | ---\n`[x](y) | @z`", /(^|[^\\])\|/],
    ["another comment's marker", "<!-- preview of this pull request -->", /<!--/],
  ];
  for (const [what, text, not] of cases) {
    it(`has no ${what}`, () => {
      assert.match(text, not);
      assert.doesNotMatch(harmless(text), not);
    });
  }

  it("keeps the form of a preview", () => {
    const text =
      "### Preview of `x`\n\n- **Modules:** `a@b` → `c`\n\n<details><summary>Files (1)</summary>\n\n- `d`\n\n</details>\n";
    assert.equal(harmless(text).trimEnd(), text.trimEnd());
  });

  it("ends, and closes what it has folded", () => {
    const text = `<details><summary>Files (9)</summary>\n${"x".repeat(70_000)}`;
    const found = harmless(text);
    assert.ok(found.length < 65_000);
    assert.match(found, /<\/details>\n\n\*The rest was left out/);
  });
});
