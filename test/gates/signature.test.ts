import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { SecretDesk } from "../../components/shared/secret-desk";
import { Secret } from "../../components/shared/secret";
import { predicateTypes, type Sbom } from "../../components/signature/proof";
import { sbomFiles } from "../../gates/sbom";
import { signature, type SignatureOrder } from "../../gates/signature";
import { addCosign, bundleText, listsOf, listText, SignedRegistry, publicKey } from "../support/signed";
import { toolTable } from "../../gates/tools/table";
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
  /** What somebody else has hung on the image. */
  let hung: string[];
  const type = predicateTypes.attestation;

  /** What cosign was last given to sign as such; none before it was. */
  function made(kind: string): string[] {
    const file = path.join(programs.folder, `made-${kind}`);
    return fs.existsSync(file) ? [fs.readFileSync(file, "utf8")] : [];
  }
  const namedLists = () => (JSON.parse(made(type)[0] ?? "{}") as { sbom?: Sbom }).sbom;
  /** As the gate that makes the lists leaves them. */
  function leaveLists(): void {
    for (const file of Object.values(sbomFiles(root, orderFor().image))) {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, "{}");
    }
  }
  const attached = () => signed().flatMap((call) => /^attest .*--type (\S+)/.exec(call)?.[1] ?? []);

  const orderFor = (changes: Partial<SignatureOrder> = {}): SignatureOrder => ({
    stack,
    image: `${registry.repository}@${digest}`,
    signing: "key",
    signers: [{ publicKey: ours }],
    sbom: false,
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
kind= file=
while [ $# -gt 1 ]; do
  case "$1" in sign) kind=signed;; --type) kind=$2;; --predicate) file=$2;; esac
  shift
done
[ -z "$kind" ] || cp "\${file:-/dev/null}" "$here/made-\${kind}"
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
    registry.content = () =>
      new Map([
        [
          digest,
          [
            ...made("signed").map(() => bundleText(ours, digest)),
            ...made("spdxjson").map((text) => listText(ours, digest, "spdx", JSON.parse(text))),
            ...made("cyclonedx").map((text) => listText(ours, digest, "cyclonedx", JSON.parse(text))),
            ...made(type).map((text) => bundleText(ours, digest, type, JSON.parse(text))),
            ...hung,
          ],
        ],
      ]);
    hung = [];
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
    fs.writeFileSync(path.join(programs.folder, "made-signed"), "");
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

  describe("with a proxy's image of the same update", () => {
    const proxyDigest = `sha256:${"b".repeat(64)}`;
    const proxy = () => `${registry.repository}@${proxyDigest}`;
    const signatures = () => signed().flatMap((call) => /^sign .*@(\S+)$/.exec(call)?.[1] ?? []);

    beforeEach(() => {
      const ofOdoo = registry.content;
      registry.content = () =>
        new Map([...ofOdoo(), [proxyDigest, made("signed").map(() => bundleText(ours, proxyDigest))]]);
    });

    it("signs that, too, before anything says that the gates have passed, and once", async () => {
      await run({ proxy: proxy() });
      assert.equal(signatures()[0], proxyDigest);
      assert.equal(attached().length, 1);
      const before = signed().length;
      await run({ proxy: proxy() });
      assert.equal(signed().length, before);
    });

    it("is no pass where nobody can verify that", async () => {
      registry.content = () => new Map();
      await assert.rejects(run({ proxy: proxy() }), /IMAGE_UNSIGNED/);
      assert.deepEqual([signatures(), attached()], [[proxyDigest], []]);
    });
  });

  describe("where the lists of what is in the image are asked for", () => {
    const { texts: theirs } = listsOf(publicKey(), digest);
    const ofOthers = listsOf(ours, `sha256:${"b".repeat(64)}`).texts;

    it("attaches them, and names them in the results of the gates", async () => {
      leaveLists();
      const { facts } = await run({ sbom: true });
      assert.deepEqual(facts["attached"], ["spdx", "cyclonedx"]);
      assert.deepEqual(attached(), ["spdxjson", "cyclonedx", type]);
      assert.deepEqual(namedLists(), listsOf(ours, digest).named);
    });

    it("names neither those of another signer, nor those of another image", async () => {
      hung = [...theirs, ...ofOthers];
      leaveLists();
      await run({ sbom: true });
      assert.deepEqual(namedLists(), listsOf(ours, digest).named);
    });

    it("attaches nothing a second time, on another machine either", async () => {
      leaveLists();
      await run({ sbom: true });
      fs.rmSync(path.join(root, ".build"), { recursive: true });
      const before = signed().length;
      await run({ sbom: true });
      assert.equal(signed().length, before);
    });

    it("goes on where it was killed between the two lists, and before it named them", async () => {
      fs.writeFileSync(path.join(programs.folder, "made-spdxjson"), "{}");
      leaveLists();
      await run({ sbom: true });
      assert.deepEqual(attached(), ["cyclonedx", type]);
      fs.rmSync(path.join(programs.folder, `made-${type}`));
      await run({ sbom: true });
      assert.deepEqual(attached(), ["cyclonedx", type, type]);
    });

    it("signs the results anew of a release that was signed without them", async () => {
      await run();
      leaveLists();
      await run({ sbom: true });
      assert.deepEqual(attached(), [type, "spdxjson", "cyclonedx", type]);
      assert.deepEqual(namedLists(), listsOf(ours, digest).named);
    });

    it("attaches one anew that is gone from the registry", async () => {
      leaveLists();
      await run({ sbom: true });
      fs.rmSync(path.join(programs.folder, "made-cyclonedx"));
      await run({ sbom: true });
      assert.deepEqual(attached(), ["spdxjson", "cyclonedx", type, "cyclonedx", type]);
    });

    it("names those that are there already where they are asked for no more", async () => {
      leaveLists();
      await run({ sbom: true });
      await run({ gates: [{ name: "sbom", outcome: "incomplete", notChecked: ["off"] }] });
      assert.deepEqual(namedLists(), listsOf(ours, digest).named);
    });

    it("makes them on a machine that does not have them, and on none without Syft", async () => {
      await assert.rejects(run({ sbom: true }), /TOOL_MISSING: a gate needs syft/);
      assert.deepEqual(attached(), []);
      programs.add("syft", `[ "$1" = --version ] && { echo "syft ${toolTable.syft.version}"; exit 0; }; exit 1`);
      await assert.rejects(run({ sbom: true }), /SCAN_INCOMPLETE: there is no list of what the image is made of/);
      assert.deepEqual(attached(), []);
    });

    it("is no pass where the registry has lost them at once", async () => {
      leaveLists();
      answer('rm -f "$here/made-cyclonedx"; exit 0');
      await assert.rejects(run({ sbom: true }), /SBOM_MISSING[^]*cyclonedx is not there/);
      assert.deepEqual(made(type), []);
    });
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
    answer('rm -f "$here/made-signed"; exit 0');
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
