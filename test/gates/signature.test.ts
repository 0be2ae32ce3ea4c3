import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { SecretDesk } from "../../components/shared/secret-desk";
import { Secret } from "../../components/shared/secret";
import { reportFile } from "../../gates/report/files";
import { signature, type SignatureOrder } from "../../gates/signature";
import { addCosign, attestationText, bundleText, SignedRegistry, publicKey } from "../support/signed";
import { gateTools } from "../support/gate-tools";
import { Programs } from "../support/programs";

const digest = `sha256:${"a".repeat(64)}`;
const privateKey = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nplanted-key\n-----END …";
const password = "planted-password";
const stack = "odoo/signature-test";

describe("The gate that signs", () => {
  const ours = publicKey();
  let programs: Programs;
  let registry: SignedRegistry;
  let desk: SecretDesk;
  let root: string;

  const orderFor = (changes: Partial<SignatureOrder> = {}): SignatureOrder => ({
    stack,
    image: `${registry.repository}@${digest}`,
    signing: "key",
    signers: [{ publicKey: ours }],
    gates: [{ name: "image", outcome: "passed", notChecked: [] }],
    ...changes,
  });
  const run = (changes?: Partial<SignatureOrder>) => signature.run(orderFor(changes), gateTools(root));
  /** What cosign was told to do, without its looks. */
  const signed = () =>
    programs
      .calls("cosign")
      .filter((call) => /^(sign|attest|public-key) /.test(call))
      // Without the folder of the file.
      .map((call) => call.replace(/--predicate \S*\//, "--predicate "));

  /** A cosign that signs: what it makes is in the registry from then on. Its environment is kept. */
  function answer(script = "exit 0", shown = ours): void {
    fs.writeFileSync(path.join(programs.folder, "shown.pub"), shown);
    addCosign(
      programs,
      `here=$(dirname "$0")
env > "$here/environment"
cat "$DOCKER_CONFIG/config.json" > "$here/docker.json" 2> /dev/null
[ "$1" = public-key ] && exec cat "$here/shown.pub"
case "$*" in *urn:odoo-ship*) touch "$here/attested";; sign*) touch "$here/signed";; esac
${script}`,
    );
  }

  beforeEach(async () => {
    programs = new Programs();
    registry = await SignedRegistry.start();
    root = fs.mkdtempSync(path.join(os.tmpdir(), "signature-"));
    desk = await SecretDesk.open(stack, {
      "registry:username": new Secret("pusher"),
      "registry:password": new Secret("planted-login"),
      "registry:tokenHost": new Secret(""),
      "gates:signingKey": new Secret(privateKey),
      "gates:signingPassword": new Secret(password),
    });
    // The registry has what cosign has made by then.
    const made = (name: string) => fs.existsSync(path.join(programs.folder, name));
    const [sign, attest] = [bundleText(ours, digest), attestationText(ours, digest)];
    registry.content = () =>
      new Map([[digest, [...(made("signed") ? [sign] : []), ...(made("attested") ? [attest] : [])]]]);
    answer();
  });
  afterEach(() => {
    desk.close();
    registry.stop();
    programs.remove();
    fs.rmSync(root, { recursive: true });
  });

  it("signs the digest, and the results of the gates last", async () => {
    const { facts } = await run();
    assert.deepEqual(facts, { signedBy: "key", attached: [] });
    const { image } = orderFor();
    const how = "--yes --key env://SIGNING_KEY --use-signing-config=false --tlog-upload=false";
    assert.deepEqual(signed(), [
      "public-key --key env://SIGNING_KEY",
      `sign ${how} ${image}`,
      `attest ${how} --type urn:odoo-ship:gates:1 --predicate gates.json ${image}`,
    ]);
  });

  it("gives key, password and login by environment and file, never by argument", async () => {
    await run();
    const kept = (name: string) => fs.readFileSync(path.join(programs.folder, name), "utf8");
    assert.doesNotMatch(kept("cosign.calls"), /planted/);
    assert.match(kept("environment"), /^COSIGN_PASSWORD=planted-password$/m);
    assert.match(kept("environment"), /planted-key/);
    assert.match(kept("docker.json"), new RegExp(Buffer.from("pusher:planted-login").toString("base64")));
    const folder = /^DOCKER_CONFIG=(.+)$/m.exec(kept("environment"))?.[1] ?? "";
    assert.notEqual(folder, "");
    assert.equal(fs.existsSync(folder), false);
  });

  it("signs nothing a second time", async () => {
    await run();
    const before = signed().length;
    await run();
    assert.equal(signed().length, before);
  });

  it("goes on where it was killed after the first of its signatures", async () => {
    fs.writeFileSync(path.join(programs.folder, "signed"), "");
    await run();
    assert.deepEqual(
      signed().map((call) => call.split(" ")[0]),
      ["public-key", "attest"],
    );
  });

  it("signs results that are others than before", async () => {
    await run();
    await run({ gates: [{ name: "image", outcome: "incomplete", notChecked: ["x"] }] });
    assert.equal(signed().filter((call) => call.startsWith("attest")).length, 2);
  });

  it("attaches the lists of packages that lie on this machine, and says which do not", async () => {
    const file = reportFile(root, "sbom", orderFor().image, "spdx.json");
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, "{}");
    const gates = ["image", "sbom"].map((name) => ({ name, outcome: "passed", notChecked: [] }));
    const { facts, warnings } = await run({ gates });
    assert.deepEqual(facts["attached"], ["SPDX"]);
    assert.match(warnings.join(), /^no CycloneDX list is attached/);
    assert.match(signed().join("\n"), /attest .*--type spdxjson[^]*attest .*--type urn:odoo-ship/);
  });

  it("signs nothing with a key that gates:publicKey does not know", async () => {
    answer("exit 0", publicKey());
    await assert.rejects(run(), /SIGNATURE_INVALID: gates:signingKey and gates:publicKey do not belong together/);
    assert.deepEqual(signed(), ["public-key --key env://SIGNING_KEY"]);
  });

  const failures: readonly [string, string, RegExp][] = [
    ["a wrong password", "decrypt: encrypted: decryption failed", /SIGNING_FAILURE[^]*gates:signingPassword/],
    ["a login that may not push", "UNAUTHORIZED: authentication required", /REGISTRY_AUTH_FAILURE/],
    ["a registry that does not answer", "connection reset by peer", /SIGNING_FAILURE[^]*connection reset/],
  ];
  for (const [what, words, expected] of failures) {
    it(`ends with a code for ${what}`, async () => {
      answer(`echo "Error: ${words}" >&2; exit 1`);
      await assert.rejects(run(), expected);
    });
  }

  it("is no pass where nobody can verify what was signed", async () => {
    answer('rm -f "$here/signed"; exit 0');
    await assert.rejects(run(), /SIGNATURE_INVALID|IMAGE_UNSIGNED/);
  });

  it("has no key by hand, outside of an update", async () => {
    desk.close();
    await assert.rejects(run(), /DEPLOY_FAILED/);
  });

  it("needs cosign on a stack of any kind", async () => {
    fs.rmSync(path.join(programs.folder, "cosign"));
    await assert.rejects(run(), /TOOL_MISSING/);
  });
});
