import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { procedure } from "../../gates/procedure";
import { causesIn, codesPage, readTests } from "../../scripts/codes-and-tests";

const root = path.join(__dirname, "..", "..");

describe("docs/codes-and-tests.md", () => {
  const page = fs.readFileSync(path.join(root, "docs", "codes-and-tests.md"), "utf8");

  it("is current", () => {
    assert.equal(page, codesPage(readTests(root)), "run: npm run docs");
  });

  it("has a row for each code of the procedure, and says of one without a test that it has none, or can have none", () => {
    const made = codesPage({ "test/a.test.ts": 'it("finds | it", () => match(text, /TEST_FAILURE/));' });
    assert.deepEqual(
      Object.keys(procedure).filter((code) => !made.includes(`\n| ${code} | no test yet |  |\n`)),
      ["PUSH_TIMEOUT", "TEST_FAILURE"],
    );
    assert.ok(made.includes("\n| PUSH_TIMEOUT | raised by nothing: the procedure says why |  |\n"), made);
    assert.ok(made.includes("\n| TEST_FAILURE | finds \\| it | `test/a.test.ts` |\n"), made);
  });

  const found = (text: string, file = "test/a.test.ts") =>
    causesIn(file, text).map(({ code, cause }) => `${code}: ${cause}`);

  it("goes by rows that begin with words, or have them as `what`, and by what a test expects", () => {
    const text = `
      const rows = [["a full registry", {}, /QUOTA_EXCEEDED/], ["a bad start", { code: "ENTRYPOINT_ERROR" }]];
      describe("An update", () => {
        const planted = [{ what: "with a broken module", code: "IMPORT_ERROR" }];
        it("stops", () => assert.match(output, /^MODULE_LOAD_ERROR: .*/));
        itWhole("waits", () => assert.match(output, /HEALTH_CHECK_FAIL/));
      });`;
    assert.deepEqual(found(text), [
      "QUOTA_EXCEEDED: a full registry",
      "ENTRYPOINT_ERROR: a bad start",
      "IMPORT_ERROR: An update: with a broken module",
      "MODULE_LOAD_ERROR: An update stops",
      "HEALTH_CHECK_FAIL: An update waits",
    ]);
    const python = `
class It(TestCase):
    def test_it_fails(self):
        self.assertEqual(caught.exception.code, "HEALTH_CHECK_FAIL")
`;
    assert.deepEqual(found(python, "test/worker/test_a.py"), ["HEALTH_CHECK_FAIL: it fails"]);
  });

  it("does not go by a code that is only named, nor by one of another list", () => {
    const text = `
      // IMPORT_ERROR
      const told = [["TEST_FAILURE", ["mail"]], ["two words", "LOW_COVERAGE"]];
      it("tells of a failure", () => { fail("SECURITY_HIGH", { code: "SECURITY_VULN" }); });
      it("misses a tool", () => assert.match(output, /TOOL_MISSING/));
      describe("A group", () => { const seen = /MALWARE_DETECTED/; });`;
    assert.deepEqual(found(text), []);
    assert.deepEqual(found('def test_a(self):\n    Failure("IMPORT_ERROR", "no")\n', "test/test_a.py"), []);
  });
});
