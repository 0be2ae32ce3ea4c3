import assert from "node:assert/strict";

interface Lane {
  readonly files: readonly string[];
  readonly heavy?: boolean;
  readonly alone?: boolean;
  readonly changes?: readonly string[];
  readonly uses?: readonly string[];
}
type ToBegin = (waiting: readonly Lane[], running: readonly Lane[]) => Lane[];

describe("Which lanes of the end-to-end tests run beside each other", () => {
  let toBegin: ToBegin;
  before(async () => {
    const file = "../../scripts/lanes.mjs";
    ({ toBegin } = (await import(file)) as { toBegin: ToBegin });
  });

  const lane = (name: string, more: Omit<Lane, "files"> = {}): Lane => ({ files: [name], ...more });
  const begun = (waiting: Lane[], running: Lane[] = []) => toBegin(waiting, running).map(({ files: [name] }) => name);

  it("are three, of which two are heavy", () => {
    const heavy = ["a", "b", "c"].map((name) => lane(name, { heavy: true }));
    assert.deepEqual(begun([...heavy, lane("d"), lane("e")]), ["a", "b", "d"]);
    assert.deepEqual(begun([lane("d"), lane("e"), ...heavy]), ["d", "e", "a"]);
    assert.deepEqual(begun([lane("d")], heavy.slice(0, 2)), ["d"]);
    assert.deepEqual(begun([lane("d")], [lane("e"), ...heavy.slice(0, 2)]), []);
  });

  it("are none beside one that runs alone, before or after it", () => {
    const alone = lane("alone", { alone: true });
    assert.deepEqual(begun([alone, lane("a")]), ["alone"]);
    assert.deepEqual(begun([lane("a")], [alone]), []);
    assert.deepEqual(begun([lane("a"), alone, lane("b")]), ["a"]);
    assert.deepEqual(begun([alone], [lane("a")]), []);
  });

  it("are not two of which one changes what the other changes or uses: the one listed first goes first", () => {
    const changing = lane("changing", { changes: ["tree"] });
    const using = lane("using", { uses: ["tree"] });
    const other = lane("other", { uses: ["tree"], changes: ["bucket"] });
    assert.deepEqual(begun([using, changing, other]), ["using"]);
    assert.deepEqual(begun([using, other, changing]), ["using", "other"]);
    assert.deepEqual(begun([other], [changing]), []);
    assert.deepEqual(begun([changing], [using]), []);
    assert.deepEqual(begun([lane("again", { changes: ["bucket"] }), using], [other]), ["using"]);
  });
});
