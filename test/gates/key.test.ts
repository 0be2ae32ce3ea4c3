import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { makeKey } from "../../gates/key";
import { addCosign } from "../support/signed";
import { Programs } from "../support/programs";

describe("npm run gates:key", () => {
  let programs: Programs;
  let root: string;
  const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8");
  const make = 'echo "private by $COSIGN_PASSWORD" > signing.key; echo public > signing.pub';

  beforeEach(() => {
    programs = new Programs();
    root = fs.mkdtempSync(path.join(os.tmpdir(), "key-"));
    addCosign(programs, make);
  });
  afterEach(() => {
    programs.remove();
    fs.rmSync(root, { recursive: true });
  });

  it("leaves the public key to be committed, and the rest where only this user reads it", async () => {
    const commands = await makeKey(root, "planted");
    assert.equal(read("signing.pub"), "public\n");
    assert.equal(read(".build/signing/signing.key"), "private by planted\n");
    assert.equal(read(".build/signing/password"), "planted");
    assert.equal(fs.statSync(path.join(root, ".build", "signing")).mode & 0o077, 0);
    assert.doesNotMatch(`${commands.join("\n")}${programs.calls("cosign").join("\n")}`, /planted/);
  });

  it("makes a password of its own, another one each time", async () => {
    await makeKey(root);
    const first = read(".build/signing/password");
    fs.rmSync(path.join(root, ".build", "signing"), { recursive: true });
    await makeKey(root);
    assert.ok(first.length >= 32);
    assert.notEqual(read(".build/signing/password"), first);
  });

  it("keeps the earlier public key, for images that it has signed", async () => {
    fs.writeFileSync(path.join(root, "signing.pub"), "earlier\n");
    await makeKey(root);
    assert.equal(read("signing.pub"), "earlier\npublic\n");
  });

  it("overwrites no private key that may be stored nowhere else", async () => {
    await makeKey(root, "first");
    await assert.rejects(makeKey(root, "second"), /SIGNING_FAILURE[^]*has a key of an earlier call/);
    assert.equal(read(".build/signing/signing.key"), "private by first\n");
    assert.equal(read("signing.pub"), "public\n");
  });

  it("changes nothing where cosign makes none, and begins anew after a cut", async () => {
    addCosign(programs, "touch signing.key; echo no >&2; exit 1");
    await assert.rejects(makeKey(root), /SIGNING_FAILURE/);
    assert.equal(fs.existsSync(path.join(root, "signing.pub")), false);
    addCosign(programs, make);
    await makeKey(root, "again");
    assert.equal(read(".build/signing/signing.key"), "private by again\n");
  });
});
