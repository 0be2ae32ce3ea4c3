import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import fc from "fast-check";

import { candidateTag } from "../../../components/image/candidate-tag";
import { type Revision, revisionOf } from "../../../components/shared/git";
import { builtReleaseTags, deployedReleaseTags } from "../../../components/release/tags";

const revision: Revision = {
  id: "0123456789abcdef0123456789abcdef01234567",
  shortId: "0123456",
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
      served: { fixed: [], moving: [`served-${hash}`, "latest"] },
    });
  });

  describe("of a real commit", () => {
    let folder: string;
    const run = (program: string, ...args: string[]) =>
      execFileSync(program, args, { cwd: folder, encoding: "utf8", stdio: "pipe" }).trim();
    before(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), "tags-"));
      fs.mkdirSync(path.join(folder, "addons"));
      fs.writeFileSync(path.join(folder, "addons/requirements.txt"), "");
      run("git", "init", "-q", "-b", "main");
      run("git", "add", "addons");
      run("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "first");
    });
    after(() => {
      fs.rmSync(folder, { recursive: true });
    });

    for (const [abbreviation, digits] of Object.entries({ auto: 7, 4: 4, 6: 6, 9: 9, 11: 11, 16: 16, no: 40 })) {
      it(`have the one that people type where core.abbrev is ${abbreviation}`, () => {
        run("git", "config", "core.abbrev", abbreviation);
        const typed = run("sh", "-c", "echo sha-$(git rev-parse --short HEAD)");
        assert.equal(typed.length, "sha-".length + digits);
        const { fixed } = builtReleaseTags(revisionOf(folder, ["addons"], [], {}), hash).built;
        assert.ok(fixed.includes(typed), `${typed} is not in ${fixed.join(" ")}`);
        assert.equal(new Set(fixed).size, fixed.length);
        assert.ok(fixed.length <= 9, "each tag costs a request");
      });
    }
  });

  it("name the version when it serves, and move its shorter forms to the newest", () => {
    const { served } = builtReleaseTags({ ...revision, versionTags: ["v1.9.0", "v1.10.2"] }, hash);
    assert.deepEqual(served, { fixed: ["v1.9.0", "v1.10.2"], moving: [`served-${hash}`, "1.10", "1", "latest"] });
  });

  it("leave the shorter forms where they are when an older line gets a correction", () => {
    const shorter = (version: string, present: readonly string[]) =>
      builtReleaseTags({ ...revision, versionTags: [version] }, hash, present).served.moving.slice(1, -1);
    const present = ["v1.9.0", "v1.10.0", "v2.0.0", "1", "latest", "v1.11.0-rc1", "sha-0123456"];
    assert.deepEqual(shorter("v1.9.1", present), ["1.9"]);
    assert.deepEqual(shorter("v1.10.1", present), ["1.10", "1"]);
    assert.deepEqual(shorter("v1.10.0", present), ["1.10", "1"]);
    assert.deepEqual(shorter("v1.8.9", present), ["1.8"]);
    assert.deepEqual(shorter("v2.0.0", []), ["2.0", "2"]);
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
