import assert from "node:assert/strict";

import fc from "fast-check";

import { candidateTag } from "../../../components/image/candidate-tag";
import type { Revision } from "../../../components/shared/git";
import { builtReleaseTags, deployedReleaseTags } from "../../../components/release/tags";

const revision: Revision = {
  id: "0123456789abcdef0123456789abcdef01234567",
  created: "2026-11-21T00:00:00Z",
  dirty: false,
  branch: "main",
  versionTags: [],
};

const hash = "f".repeat(64);

describe("the tags of a release", () => {
  it("name commit and branch, and move latest", () => {
    assert.deepEqual(builtReleaseTags(revision, hash), {
      fixed: ["sha-0123456789ab", "sha-0123456789ab-ffffffff", "main-0123456789ab"],
      moving: ["latest"],
    });
  });

  it("name the version and move its shorter forms to the newest", () => {
    const tags = builtReleaseTags({ ...revision, versionTags: ["v1.9.0", "v1.10.2"] }, hash);
    assert.deepEqual(tags.fixed.slice(3), ["v1.9.0", "v1.10.2"]);
    assert.deepEqual(tags.moving, ["1.10", "1", "latest"]);
  });

  it("claim no commit for an image with uncommitted changes", () => {
    assert.deepEqual(
      builtReleaseTags({ ...revision, id: `${revision.id}-dirty`, dirty: true, versionTags: ["v1.0.0"] }, hash),
      {
        fixed: [],
        moving: ["latest"],
      },
    );
  });

  it("call what production runs stable, and leave latest to staging", () => {
    assert.deepEqual(deployedReleaseTags("production").moving, ["stable"]);
    assert.deepEqual(deployedReleaseTags("staging").moving, ["latest"]);
  });

  it("are valid whatever the branch is called", () => {
    const valid = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "binary" }), (branch) => {
        for (const tag of builtReleaseTags({ ...revision, branch }, hash).fixed) {
          assert.match(tag, valid);
        }
      }),
    );
    assert.match(candidateTag(hash), valid);
  });
});
