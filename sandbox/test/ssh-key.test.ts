import assert from "node:assert/strict";

import ssh2 from "ssh2";

import { sshKeyPair } from "../support/ssh-key";

describe("a key pair of the sandbox", () => {
  it("can be read, also where the public half would begin with a zero byte", () => {
    // About four of a thousand would not: more than can be missed.
    for (let n = 0; n < 2000; n++) assert.ok(!(ssh2.utils.parseKey(sshKeyPair().privateKey) instanceof Error));
  });
});
