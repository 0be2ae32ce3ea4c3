import * as fs from "node:fs";
import * as path from "node:path";

import { RegistryClient } from "../components/registry/client";
import { taggingLogin } from "../components/release/tag-order";
import { ShipError } from "../components/shared/errors";
import type { Secret } from "../components/shared/secret";
import { signingLogin } from "../components/signature/policy";
import { type GateSummary, predicateTypes, type Signers } from "../components/signature/proof";
import { bundlesOf } from "../components/signature/referrers";
import { withLogin } from "./docker";
import type { Gate, GateTools } from "./gate";
import { run } from "./programs";
import { proofOf, verify } from "./prove";
import { reportFile } from "./report/files";
import { inTemporaryFolder } from "./temporary";
import { findTool } from "./tools/find";

export interface SignatureOrder {
  /** `project/stack`, whose desk has the registry's login, the key and its password. */
  readonly stack: string;
  /** `repository@sha256:…` */
  readonly image: string;
  readonly signing: "key" | "keyless";
  /** Whose signature counts afterwards. */
  readonly signers: Signers;
  /** How the other gates ended. */
  readonly gates: readonly GateSummary[];
}

const limitMs = 10 * 60_000;
/** Lists of packages, where their gate has left them on this machine. */
const lists = [
  { type: "spdxjson", ending: "spdx.json", name: "SPDX" },
  { type: "cyclonedx", ending: "cdx.json", name: "CycloneDX" },
] as const;

/** Signs the digest, once all other gates have passed. */
export const signature: Gate<SignatureOrder> = {
  title: "signature, results of the gates and lists of packages, on the digest",
  // Each update of a stack without it says so.
  optional: true,
  budgetSeconds: 60,
  codes: {
    REGISTRY_AUTH_FAILURE: {
      when: "the registry does not take the signature from this login",
      remedy: "give a login that may push",
    },
    SIGNATURE_INVALID: {
      when: "the signing key is another one than gates:publicKey says; nothing was signed",
      remedy: "set the two that belong together: npm run gates:key",
    },
    SIGNING_FAILURE: {
      when: "cosign cannot sign: a wrong password, a key that cannot be had, a registry that does not answer",
      remedy: "do what cosign's words ask for, then run the update again",
    },
    TOOL_MISSING: { when: "cosign is not installed", remedy: "npm run gates:tools" },
  },
  async run(order, tools) {
    // On a stack of any kind: what was asked for and not done would be refused by its targets.
    const { path: cosign } = await findTool("cosign");
    const digest = order.image.split("@")[1] ?? "";
    const registry = new RegistryClient(order.image.split("@")[0] ?? "", await taggingLogin(order));
    const look = async () => {
      const bundles = await bundlesOf(registry, digest);
      return { bundles, verified: await verify(cosign, digest, bundles, order.signers) };
    };
    const before = (await look()).verified;
    const told = JSON.stringify(order.gates);
    const wanted = {
      signature: before.signature === undefined,
      // After a gate was added, or ended in another way, its result is to be found.
      attestation: before.attestation === undefined || JSON.stringify(before.attestation.gates) !== told,
    };
    const files = lists.map((list) => ({ ...list, file: reportFile(tools.root, "sbom", order.image, list.ending) }));
    const there = files.filter(({ file }) => fs.existsSync(file));
    if (wanted.signature || wanted.attestation) await sign(cosign, order, wanted, there, tools);
    const { bundles, verified } = await look();
    proofOf(order.image, bundles, verified);
    const lacking = order.gates.some(({ name }) => name === "sbom") ? files.filter((one) => !there.includes(one)) : [];
    return {
      facts: { signedBy: order.signing, attached: there.map(({ name }) => name) },
      warnings: lacking.map(({ name }) => `no ${name} list is attached: ${lackingWhy}`),
    };
  },
};

const lackingWhy = "the gate that makes it ran on another machine, or has left none";

/**
 * Signs what is lacking. The statement about the gates comes last: with it the image may be deployed. A second one, of
 * an update that was killed between signing and its end, says the same and does no harm.
 */
async function sign(
  cosign: string,
  order: SignatureOrder,
  wanted: { readonly signature: boolean; readonly attestation: boolean },
  attached: readonly { readonly type: string; readonly file: string }[],
  tools: GateTools,
): Promise<void> {
  const login = await signingLogin(order.stack);
  if (order.signing === "key" && login === undefined) throw noKey();
  const by = login === undefined ? { args: [], env: {} } : keyOf(login);
  await withLogin(order, async (registry) => {
    const env = { ...process.env, ...registry, ...by.env };
    const ask = async (doing: string, ...args: string[]) => {
      tools.say(doing);
      const { status, stdout, tail } = await run(cosign, args, { env, limitMs });
      if (status !== 0) throw failure(doing, tail || `cosign ended with ${String(status)}`);
      return stdout;
    };
    if (login !== undefined) {
      expectPair(order.signers, await ask("reads the public half of the key", "public-key", ...by.args));
    }
    // A key's signature is told to no public log: there the names of private repositories would be read.
    const how = [
      "--yes",
      ...by.args,
      ...(login === undefined ? [] : ["--use-signing-config=false", "--tlog-upload=false"]),
    ];
    const attest = (type: string, file: string) => [...how, "--type", type, "--predicate", file, order.image];
    if (wanted.signature) await ask(`signs ${order.image}`, "sign", ...how, order.image);
    for (const { type, file } of wanted.attestation ? attached : []) {
      await ask(`attaches the ${type} list`, "attest", ...attest(type, file));
    }
    if (!wanted.attestation) return;
    await inTemporaryFolder(async (folder) => {
      const file = path.join(folder, "gates.json");
      fs.writeFileSync(file, JSON.stringify({ gates: order.gates }));
      await ask("signs the results of the gates", "attest", ...attest(predicateTypes.attestation, file));
    });
  });
}

/** By the environment: an argument can be read by every user of the machine. */
function keyOf({ key, password }: { readonly key: Secret; readonly password: Secret }): {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  const text = key.reveal();
  const inline = text.includes("-----BEGIN");
  return {
    args: ["--key", inline ? "env://SIGNING_KEY" : text],
    // An empty password, too: without the variable cosign would ask for one.
    env: { COSIGN_PASSWORD: password.reveal(), ...(inline && { SIGNING_KEY: text }) },
  };
}

/** Before anything is signed: a signature that nobody can verify would stay in the registry for good. */
function expectPair(signers: Signers, found: string): void {
  const plain = (text: string) => text.replaceAll(/\s/g, "");
  if (signers.some((one) => "publicKey" in one && plain(one.publicKey) === plain(found))) return;
  throw new ShipError({
    code: "SIGNATURE_INVALID",
    summary: "gates:signingKey and gates:publicKey do not belong together; nothing was signed",
    found: `the public half of gates:signingKey is\n${found.trim()}`,
    expected: "that key in gates:publicKey",
    remedy: "put it there; an earlier one stays beside it, for images that it has signed",
  });
}

function noKey(): ShipError {
  return new ShipError({
    code: "SIGNING_FAILURE",
    summary: "there is nothing to sign with",
    found: "no gates:signingKey in the update that runs",
    expected: "the key, from the running update: a gate that is run by hand has none",
    remedy: "run pulumi up; npm run gates:key makes a key",
  });
}

function failure(doing: string, output: string): ShipError {
  // Around its error cosign tells of its progress, and of options that another major version will not have.
  const words = output.split("\n").find((line) => line.startsWith("Error: ")) ?? output;
  const refused = /unauthorized|denied|forbidden|401|403/i.test(words);
  const password = /decrypt|password/i.test(words) ? "set gates:signingPassword to the key's password; " : "";
  return new ShipError({
    code: refused ? "REGISTRY_AUTH_FAILURE" : "SIGNING_FAILURE",
    summary: "the image could not be signed",
    found: `${doing}: ${words}`,
    expected: "a signature in the registry, beside the image",
    remedy: refused
      ? "give a login that may push; then run the update again, which goes on"
      : `${password}then run the update again, which goes on`,
  });
}
