import * as fs from "node:fs";
import * as path from "node:path";

import { RegistryClient } from "../components/registry/client";
import { taggingLogin } from "../components/release/tag-order";
import { ShipError } from "../components/shared/errors";
import type { Secret } from "../components/shared/secret";
import { signingLogin } from "../components/signature/policy";
import {
  type GateSummary,
  type ListKind,
  listKinds,
  predicateTypes,
  type Sbom,
  type Signers,
} from "../components/signature/proof";
import { type Hanging, hangingOn } from "../components/signature/referrers";
import { withLogin } from "./docker";
import type { Gate, GateTools } from "./gate";
import { largePatience } from "./layers";
import { listsHere, signedLists } from "./lists";
import { run } from "./programs";
import { expectSigned, proofOf, type Verified, verify } from "./prove";
import { inTemporaryFolder } from "./temporary";
import { findTool } from "./tools/find";

export interface SignatureOrder {
  /** `project/stack`, whose desk has the registry's login, the key and its password. */
  readonly stack: string;
  /** `repository@sha256:…` */
  readonly image: string;
  /** The proxy's image, if the same update has built one. It has no gates, and gets the signature alone. */
  readonly proxy?: string;
  readonly signing: "key" | "keyless";
  /** Whose signature counts afterwards. */
  readonly signers: Signers;
  /** Whether the lists of what is in the image have to hang on it afterwards. */
  readonly sbom: boolean;
  /** How the other gates ended. */
  readonly gates: readonly GateSummary[];
}

const limitMs = 10 * 60_000;
/** What cosign calls the types of the lists. */
const cosignTypes = { spdx: "spdxjson", cyclonedx: "cyclonedx" } as const;

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
    SBOM_MISSING: {
      when: "the registry does not have the lists of what is in the image although they were attached",
      remedy: "find out what removes them; then run the update again, which attaches them anew",
    },
    SCAN_INCOMPLETE: {
      when: "the lists are made anew, on a machine that does not have them, and Syft cannot read the image",
      remedy: "do what the message says, then run the update again",
    },
    TOOL_MISSING: { when: "cosign is not installed, or Syft where the lists are made", remedy: "npm run gates:tools" },
  },
  async run(order, tools) {
    // On a stack of any kind: what was asked for and not done would be refused by its targets.
    const { path: cosign } = await findTool("cosign");
    const [repository = "", digest = ""] = order.image.split("@");
    const login = await taggingLogin(order);
    const registry = new RegistryClient(repository, login);
    const forLists = new RegistryClient(repository, login, largePatience);
    const look = async (of = digest) => {
      const hanging = await hangingOn(registry, of);
      return { hanging, verified: await verify(cosign, of, hanging, order.signers) };
    };
    if (order.proxy !== undefined) await signProxy(cosign, { ...order, image: order.proxy }, look, tools);
    const { signature: signed, attestation } = (await look()).verified;
    const kept = attestation?.lacking.length === 0 ? attestation.sbom : undefined;
    const told = JSON.stringify(order.gates);
    const wanted = {
      signature: signed === undefined,
      sbom: order.sbom && kept === undefined,
      // After a gate was added, or ended in another way, its result is to be found.
      attestation: attestation === undefined || JSON.stringify(attestation.gates) !== told,
    };
    if (Object.values(wanted).includes(true)) {
      const own = async () =>
        signedLists(cosign, forLists, digest, (await hangingOn(registry, digest)).lists, order.signers);
      await sign(cosign, order, { ...wanted, kept, own }, tools);
    }
    const { hanging, verified } = await look();
    proofOf(order.image, hanging, verified, order.sbom);
    return {
      facts: { signedBy: order.signing, attached: Object.keys(verified.attestation?.sbom ?? {}) },
      warnings: [],
    };
  },
};

/** By its tag alone a later update could not tell who has pushed it: components/signature/own-image.ts. */
async function signProxy(
  cosign: string,
  order: SignatureOrder,
  look: (digest?: string) => Promise<{ readonly hanging: Hanging; readonly verified: Verified }>,
  tools: GateTools,
): Promise<void> {
  const [, digest = ""] = order.image.split("@");
  if ((await look(digest)).verified.signature !== undefined) return;
  const none = { sbom: false, attestation: false, kept: undefined, own: () => Promise.resolve({}) };
  await sign(cosign, order, { ...none, signature: true }, tools);
  const { hanging, verified } = await look(digest);
  expectSigned(order.image, hanging, verified);
}

interface Wanted {
  readonly signature: boolean;
  readonly sbom: boolean;
  readonly attestation: boolean;
  /** Lists that hang on the image already, and are named. */
  readonly kept: Sbom | undefined;
  /** Finds the lists that hang on the image and count, named or not. */
  readonly own: () => Promise<Partial<Sbom>>;
}

/**
 * Signs what is lacking. The statement about the gates comes last: with it the image may be deployed. A second one, of
 * an update that was killed between signing and its end, says the same and does no harm.
 */
async function sign(cosign: string, order: SignatureOrder, wanted: Wanted, tools: GateTools): Promise<void> {
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
    const attest = (doing: string, type: string, file: string) =>
      ask(doing, "attest", ...how, "--type", type, "--predicate", file, order.image);
    if (wanted.signature) await ask(`signs ${order.image}`, "sign", ...how, order.image);
    const attach = (kind: ListKind, file: string) => attest(`attaches the list ${kind}`, cosignTypes[kind], file);
    const sbom = wanted.sbom ? await attached(order, wanted.own, attach, tools) : wanted.kept;
    if (!wanted.attestation && !wanted.sbom) return;
    await inTemporaryFolder(async (folder) => {
      const file = path.join(folder, "gates.json");
      fs.writeFileSync(file, JSON.stringify({ sbom, gates: order.gates }));
      await attest("signs the results of the gates", predicateTypes.attestation, file);
    });
  });
}

/** Attaches the lists that an update which was cut off has not, and answers what hangs on the image then. */
async function attached(
  order: SignatureOrder,
  own: Wanted["own"],
  attach: (kind: ListKind, file: string) => Promise<unknown>,
  tools: GateTools,
): Promise<Sbom> {
  const before = await own();
  const lacking = listKinds.filter((kind) => before[kind] === undefined);
  if (lacking.length > 0) {
    const files = await listsHere(order, tools);
    for (const kind of lacking) await attach(kind, files[kind]);
  }
  const { spdx, cyclonedx } = lacking.length === 0 ? before : await own();
  if (spdx !== undefined && cyclonedx !== undefined) return { spdx, cyclonedx };
  throw new ShipError({
    code: "SBOM_MISSING",
    summary: "the registry does not have the lists of what is in the image although they were attached",
    found: `${order.image}: ${lacking.join(", ")} is not there, or nobody of gates:publicKey or gates:signer made it`,
    expected: "both lists, beside the image",
    remedy: "find out what removes them; then run the update again, which attaches them anew",
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
