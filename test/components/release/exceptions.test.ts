import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { readExceptions } from "../../../components/release/exceptions";

const now = new Date("2026-03-01T12:00:00Z");
const entry = { vulnerability: "CVE-2026-1234", package: "libssl3t64", reason: "nothing listens with it" };

describe("The exceptions of the gate of vulnerabilities", () => {
  let root: string;
  beforeEach(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), "exceptions-"))));
  afterEach(() => fs.rmSync(root, { recursive: true }));

  const read = (content: string | readonly object[]) => {
    fs.writeFileSync(path.join(root, "e.yaml"), typeof content === "string" ? content : JSON.stringify(content));
    return readExceptions(root, "e.yaml", now);
  };

  it("are read as people write them", () => {
    const text = `# why
- vulnerability: CVE-2026-1234
  package: libssl3t64
  reason: nothing listens with it
  expires: 2026-05-30
`;
    const { vulnerability: id, ...rest } = entry;
    assert.deepEqual(read(text), [{ ...rest, id, expires: "2026-05-30" }]);
    assert.deepEqual(read("# none yet\n"), []);
    assert.deepEqual(readExceptions(root, "", now), []);
  });

  it("are no mistake when they have expired: the gate tells of them", () => {
    assert.equal(read([{ ...entry, expires: "2026-02-28" }]).length, 1);
  });

  const refused: [what: string, content: string | object[], expected: RegExp][] = [
    ["without a reason", [{ ...entry, reason: undefined, expires: "2026-03-10" }], /entry 1: reason: /],
    ["with an empty reason", [{ ...entry, reason: "  ", expires: "2026-03-10" }], /entry 1: reason: says too little/],
    ["without an end", [entry], /entry 1: expires: is not a date/],
    ["with an end that is far", [{ ...entry, expires: "2026-05-31" }], /2026-05-31 is more than 90 days ahead/],
    ["that is no day", [{ ...entry, expires: "2026-02-30" }], /expires: is not a date/],
    ["for any package", [{ ...entry, package: undefined, expires: "2026-03-10" }], /entry 1: package: /],
    ["with a key that counts for nothing", [{ ...entry, expires: "2026-03-10", until: "x" }], /entry 1: .*until/],
    ["twice", [1, 2].map(() => ({ ...entry, expires: "2026-03-10" })), /entry 2: CVE-2026-1234 in libssl3t64 .*twice/],
    ["in a file that is no list", "vulnerabilities: []", /the file: /],
    ["in a file that is no YAML", "- [", /SETTINGS_INVALID/],
  ];
  for (const [what, content, expected] of refused) {
    it(`are refused ${what}`, () => assert.throws(() => read(content), expected));
  }

  it("are refused all at once, and if their file is not there", () => {
    assert.throws(() => read([entry, { ...entry, reason: "x" }]), /entry 1: [^]*entry 2: reason[^]*entry 2: expires/);
    assert.throws(() => readExceptions(root, "absent.yaml", now), /SETTINGS_INVALID[^]*absent\.yaml[^]*ENOENT/);
  });
});
