import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { signersOf, signingLogin, signingSecrets } from "../../../components/signature/policy";
import { ShipError } from "../../../components/shared/errors";
import { SecretDesk } from "../../../components/shared/secret-desk";
import { Secret } from "../../../components/shared/secret";
import type { Settings } from "../../../settings";
import { publicKey } from "../../support/signed";

const trusted = JSON.stringify({ mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1" });

describe("Whose signature counts", () => {
  let root: string;
  beforeEach(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), "signers-"))));
  afterEach(() => fs.rmSync(root, { recursive: true }));

  const signers = (gates: Partial<Settings["gates"]>) => signersOf(root, { gates: gates as Settings["gates"] });
  const refusal = (gates: Partial<Settings["gates"]>): string => {
    try {
      signers(gates);
    } catch (error) {
      assert.ok(error instanceof ShipError && error.code === "SETTINGS_INVALID");
      return error.failure.found;
    }
    return "nothing was refused";
  };

  it("is nobody's where releases are not signed", () => {
    assert.equal(signers({ signing: "none" }), undefined);
  });

  it("is that of each key that is given, in the setting or in a file", () => {
    const [one, two] = [publicKey(), publicKey()];
    const expected = [{ publicKey: one }, { publicKey: two }];
    assert.deepEqual(signers({ signing: "key", publicKey: `${one}\n${two}` }), expected);
    fs.writeFileSync(path.join(root, "keys.pub"), one + two);
    assert.deepEqual(signers({ signing: "key", publicKey: "keys.pub" }), expected);
  });

  it("is that of a name, with the roots that vouch for it", () => {
    fs.writeFileSync(path.join(root, "roots.json"), trusted);
    const keyless = { signing: "keyless", signer: "me", signerIssuer: "https://i.example" } as const;
    assert.deepEqual(signers({ ...keyless, trustedRoot: "roots.json" }), [
      { identity: "me", issuer: "https://i.example", trustedRoot: trusted },
    ]);
    fs.writeFileSync(path.join(root, "other.json"), "{}");
    assert.match(refusal({ ...keyless, trustedRoot: "other.json" }), /no trusted_root\.json/);
  });

  it("is refused from a file that is not there, not in the project, or has no key", () => {
    assert.match(refusal({ signing: "key", publicKey: "nowhere.pub" }), /ENOENT/);
    assert.match(refusal({ signing: "key", publicKey: "../keys.pub" }), /not in the project/);
    assert.match(refusal({ signing: "key", publicKey: "/etc/passwd" }), /not in the project/);
    const broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
    assert.match(refusal({ signing: "key", publicKey: broken }), /no public key/);
    assert.match(refusal({ signing: "key", publicKey: `${publicKey()}${broken}` }), /no public key/);
  });
});

describe("What signs", () => {
  const gates = (changes: Partial<Settings["gates"]>) => ({
    gates: { signing: "key", signingKey: new Secret("the key"), signingPassword: undefined, ...changes } as never,
  });

  it("is had from the update that runs, and from nowhere else", async () => {
    const desk = await SecretDesk.open("odoo/signing", signingSecrets(gates({})));
    const login = await signingLogin("odoo/signing");
    desk.close();
    assert.deepEqual([login?.key.reveal(), login?.password.reveal()], ["the key", ""]);
    assert.equal(await signingLogin("odoo/signing"), undefined);
  });

  it("is nothing where nothing is signed, or without a key", () => {
    assert.deepEqual(signingSecrets(gates({ signing: "none" })), {});
    assert.deepEqual(signingSecrets(gates({ signingKey: undefined })), {});
    assert.deepEqual(signingSecrets(gates({ signing: "keyless" })), {});
  });
});
