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
  it("name commit and branch, and move latest when it serves", () => {
    assert.deepEqual(builtReleaseTags(revision, hash), {
      built: {
        fixed: [
          "sha-0123456789abcdef0123456789abcdef01234567",
          "sha-0123456789ab",
          "sha-0123456",
          "sha-01234567",
          "sha-012345678",
          "sha-0123456789",
          "sha-0123456789ab-ffffffff",
          "main-0123456789ab",
        ],
        moving: [],
      },
      served: { fixed: [], moving: ["latest"] },
    });
  });

  it("name the version when it serves, and move its shorter forms to the newest", () => {
    const { served } = builtReleaseTags({ ...revision, versionTags: ["v1.9.0", "v1.10.2"] }, hash);
    assert.deepEqual(served, { fixed: ["v1.9.0", "v1.10.2"], moving: ["1.10", "1", "latest"] });
  });

  it("are none for an image with uncommitted changes", () => {
    const none = { fixed: [], moving: [] };
    assert.deepEqual(
      builtReleaseTags({ ...revision, id: `${revision.id}-dirty`, dirty: true, versionTags: ["v1.0.0"] }, hash),
      { built: none, served: none },
    );
  });

  it("call what production runs stable, and leave latest to staging", () => {
    assert.deepEqual(deployedReleaseTags("production").served.moving, ["stable"]);
    assert.deepEqual(deployedReleaseTags("staging").served.moving, ["latest"]);
  });

  it("are valid whatever the branch is called", () => {
    const valid = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "binary" }), (branch) => {
        for (const tag of builtReleaseTags({ ...revision, branch }, hash).built.fixed) {
          assert.match(tag, valid);
        }
      }),
    );
    assert.match(candidateTag(hash), valid);
  });
});
