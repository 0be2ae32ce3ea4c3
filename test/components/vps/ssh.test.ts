import assert from "node:assert/strict";
import * as net from "node:net";

import { fingerprint, publicKeyOf } from "../../../components/vps/ssh-keys";
import { sshKeyPair } from "../../../sandbox/support/ssh-key";
import { type HostAccess, HostConnection } from "../../../components/vps/ssh";
import { ShipError } from "../../../components/shared/errors";
import { Secret } from "../../../components/shared/secret";
import { runHere, SshServer } from "../../support/ssh-server";

const user = sshKeyPair();

describe("a connection to a host", () => {
  let server: SshServer;
  const access = (changes: Partial<HostAccess> = {}): HostAccess => ({
    host: "127.0.0.1",
    port: server.port,
    user: "root",
    privateKey: new Secret(user.privateKey),
    hostKey: server.hostKey,
    connectMs: 5_000,
    ...changes,
  });
  async function refusal(attempt: Promise<unknown>): Promise<ShipError> {
    const error = await attempt.then(
      () => assert.fail("it was not refused"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ShipError, String(error));
    assert.ok(!error.message.includes("BEGIN OPENSSH"), "the private key is in the message");
    return error;
  }

  beforeEach(async () => {
    server = new SshServer(user.publicKey, runHere);
    await server.start();
  });
  afterEach(() => server.close());

  it("runs a command with what it is given, and tells status and both outputs", async () => {
    const connection = await HostConnection.connect(access());
    const result = await connection.exec("cat; echo noted >&2; exit 3", { stdin: "input with 'quotes'\n" });
    assert.deepEqual(result, { status: 3, stdout: "input with 'quotes'\n", stderr: "noted\n" });
    assert.equal(connection.hostKey, server.hostKey);
    connection.end();
  });

  it("moves megabytes both ways", async () => {
    const connection = await HostConnection.connect(access());
    const stdin = "0123456789abcdef".repeat(200_000);
    assert.equal((await connection.exec("cat", { stdin })).stdout.length, stdin.length);
    connection.end();
  });

  it("asks for the type of key that is pinned, though the server has others", async () => {
    const others = await serverWith(["ecdsa-sha2-nistp256"]);
    try {
      const connection = await HostConnection.connect(access({ port: others.port, hostKey: others.hostKey }));
      assert.equal(connection.hostKey, others.hostKey);
      connection.end();
    } finally {
      await others.close();
    }
  });

  it("tells a key that is not the pinned one by both fingerprints, and logs in nowhere", async () => {
    const { publicKey: pinned } = sshKeyPair();
    const error = await refusal(HostConnection.connect(access({ hostKey: pinned })));
    assert.equal(error.code, "HOST_KEY_MISMATCH");
    assert.ok(error.failure.found.includes(fingerprint(server.hostKey)));
    assert.ok(error.failure.expected.includes(fingerprint(pinned)));
    assert.equal(server.logins, 0);
  });

  it("tells a host that has no key of the pinned type", async () => {
    const rsa =
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7vbqajDw4o6gJy8UtmIbkcpnkO3Kwc4qsEnSZp/TR+fQi62F79RHWmwKOtFmwteURgLbj7D/WGuNLGOfa/2vse3G2eHnHl5CB8ruRX9fBl/KgwCVr2JaEuUm66bBQeP5XeBotdR4cvX38uPYivCDdPjJ1QWPdspTBKcxeFbccDw==";
    const error = await refusal(HostConnection.connect(access({ hostKey: rsa })));
    assert.equal(error.code, "HOST_KEY_MISMATCH");
  });

  it("tells a login that the host refuses, with the line that it needs", async () => {
    const other = sshKeyPair();
    const error = await refusal(HostConnection.connect(access({ privateKey: new Secret(other.privateKey) })));
    assert.equal(error.code, "HOST_LOGIN_REFUSED");
    assert.ok(error.failure.expected.includes(other.publicKey));
  });

  it("tells a port where nothing listens, and a name that nobody has", async () => {
    const gone = access();
    await server.close();
    const refused = await refusal(HostConnection.connect(gone));
    assert.equal(refused.code, "HOST_UNREACHABLE");
    assert.match(refused.failure.found, /refused/);
    const unknown = await refusal(HostConnection.connect({ ...gone, host: "no-such-host.invalid" }));
    assert.equal(unknown.code, "HOST_UNREACHABLE");
    await server.start();
  });

  it("does not wait for ever for a host that takes the connection and says nothing", async () => {
    const silent = net.createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as net.AddressInfo;
    const error = await refusal(HostConnection.connect(access({ port, connectMs: 500 })));
    assert.equal(error.code, "HOST_UNREACHABLE");
    silent.close();
  });

  it("ends a command that takes longer than its time", async () => {
    server.handler = () => "never";
    const connection = await HostConnection.connect(access());
    const error = await refusal(connection.exec("sleep", { limitMs: 300 }));
    assert.match(error.failure.found, /did not end within 0.3 s/);
  });

  it("tells a connection that is lost while a command runs, and refuses another command on it", async () => {
    server.handler = () => "connection lost";
    const connection = await HostConnection.connect(access());
    assert.equal((await refusal(connection.exec("one"))).code, "HOST_UNREACHABLE");
    assert.equal((await refusal(connection.exec("two"))).code, "HOST_UNREACHABLE");
  });

  it("refuses a private key that is none, one with a passphrase, and a host key that is none, without naming them", async () => {
    assert.equal(publicKeyOf(new Secret(user.privateKey)), user.publicKey);
    const none = await refusal(HostConnection.connect(access({ privateKey: new Secret("planted-nonsense") })));
    assert.equal(none.code, "SETTINGS_INVALID");
    assert.ok(!none.message.includes("planted-nonsense"));
    assert.equal((await refusal(HostConnection.connect(access({ hostKey: "AAAA" })))).code, "SETTINGS_INVALID");
  });

  async function serverWith(types: "ecdsa-sha2-nistp256"[]): Promise<SshServer> {
    const { default: ssh2 } = await import("ssh2");
    const keys = types.map(() => ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 }).private);
    const made = new SshServer(user.publicKey, runHere, keys);
    await made.start();
    return made;
  }
});
