import assert from "node:assert/strict";

import { recordsOf } from "../../../components/release/records";
import { digestOf } from "../../support/made-up-stack";

const own = { digest: digestOf("b"), commit: "c".repeat(40), tags: ["stable"] };
const since = "2026-11-21T10:00:00Z";

describe("the stack's output of releases", () => {
  it("is the release of the update, with each target that runs it and since when", () => {
    const running = ["vps", "cluster"].map((name) => ({ name, digest: own.digest, since }));
    assert.deepEqual(recordsOf(own, running), [
      {
        ...own,
        targets: [
          { name: "vps", since },
          { name: "cluster", since },
        ],
      },
    ]);
    assert.deepEqual(recordsOf(own, []), [{ ...own, targets: [] }]);
  });

  it("has what a target runs that the update has left out, and nothing of one that was never deployed to", () => {
    const older = digestOf("a");
    const running = [
      { name: "vps", digest: older, since },
      { name: "cluster", digest: "", since: "" },
    ];
    assert.deepEqual(recordsOf(own, running), [
      { ...own, targets: [] },
      { digest: older, commit: "", tags: [], targets: [{ name: "vps", since }] },
    ]);
  });
});
