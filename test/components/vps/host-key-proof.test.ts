import assert from "node:assert/strict";

import { sshKeyPair } from "../../../sandbox/support/ssh-key";
import type { ShipError } from "../../../components/shared/errors";
import { hostKeyProof, provenHostKey } from "../../../components/vps/host-key-proof";
import { Secret } from "../../../components/shared/secret";
import { PaperVps } from "../../support/paper-vps";

const nonce = "0123456789abcdef";
/** No test waits for its end. */
const long = 300_000;

describe("the proof of a new host's key", () => {
  let host: PaperVps;
  let told: string[];
  beforeEach(async () => {
    host = new PaperVps();
    told = [];
    await host.server.start();
  });
  afterEach(() => host.server.close());

  const prove = (totalMs: number, privateKey = host.user.privateKey) =>
    provenHostKey(
      { host: "127.0.0.1", port: host.server.port, user: "root", privateKey: new Secret(privateKey) },
      nonce,
      { totalMs, pauseMs: 50 },
      (line) => told.push(line),
    );
  const refusal = (attempt: Promise<unknown>) =>
    attempt.then(
      () => assert.fail("it was taken"),
      (error: unknown) => error as ShipError,
    );

  it("gives the key that the host proved", async () => {
    host.proofs = [hostKeyProof(nonce, host.server.hostKey)];
    host.greeting = "Welcome to erp\n";
    assert.equal(await prove(0), host.server.hostKey);
  });

  it("waits for a host that boots, and says so once for each thing", async () => {
    host.proofs = ["", "", hostKeyProof(nonce, host.server.hostKey)];
    assert.equal(await prove(long), host.server.hostKey);
    assert.deepEqual(told, ["waiting for 127.0.0.1 to boot: no proof on the host yet"]);
  });

  it("refuses at once somebody who passes on another host's proof", async () => {
    host.proofs = [hostKeyProof(nonce, sshKeyPair().publicKey)];
    assert.equal((await refusal(prove(long))).code, "HOST_KEY_MISMATCH");
    assert.equal(host.server.logins, 1);
  });

  it("refuses a proof that was made without the nonce, or that is none", async () => {
    for (const proof of [hostKeyProof("another", host.server.hostKey), "planted", "0".repeat(64)]) {
      host.proofs = [proof];
      assert.equal((await refusal(prove(0))).code, "HOST_KEY_MISMATCH", proof);
    }
  });

  it("says after its time what was in the way", async () => {
    assert.equal((await refusal(prove(200))).code, "HOST_UNFIT");
    assert.equal((await refusal(prove(200, sshKeyPair().privateKey))).code, "HOST_LOGIN_REFUSED");
    await host.server.close();
    const down = provenHostKey(
      { host: "127.0.0.1", port: 1, user: "root", privateKey: new Secret(host.user.privateKey) },
      nonce,
      { totalMs: 0, pauseMs: 1 },
      () => undefined,
    );
    assert.equal((await refusal(down)).code, "HOST_UNREACHABLE");
    await host.server.start();
  });
});
