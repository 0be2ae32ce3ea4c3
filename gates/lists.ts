import * as fs from "node:fs";

import type { RegistryClient } from "../components/registry/client";
import { readBundle } from "../components/signature/bundle";
import { type ListKind, listKinds, listTypes, type Sbom, type Signers } from "../components/signature/proof";
import type { AttachedList } from "../components/signature/referrers";
import type { GateTools } from "./gate";
import { problemOf } from "./prove";
import { sbom, sbomFiles, type SbomOrder } from "./sbom";
import { findTool } from "./tools/find";

/**
 * Finds the lists of what is in an image that one of `signers` has signed, by the digests of their objects. Whoever may
 * push can hang others beside them.
 * @param digest `sha256:…`
 */
export async function signedLists(
  cosign: string,
  client: Pick<RegistryClient, "content">,
  digest: string,
  attached: readonly AttachedList[],
  signers: Signers,
): Promise<Partial<Sbom>> {
  const found: Partial<Record<ListKind, string>> = {};
  for (const one of attached) {
    if (listKinds.every((kind) => found[kind] !== undefined)) break;
    const bundle = readBundle((await client.content(`blobs/${one.blob}`)) ?? "");
    const kind = listKinds.find((name) => bundle?.predicateType === listTypes[name]);
    if (bundle === undefined || kind === undefined || found[kind] !== undefined) continue;
    for (const signer of signers) {
      if ((await problemOf(cosign, digest, bundle, signer, kind)) === undefined) found[kind] = one.digest;
    }
  }
  return found;
}

/**
 * Answers where the lists of an image lie on this machine. They are made anew where their gate ran on another one.
 * @throws ShipError TOOL_MISSING on a stack of any kind: its targets would refuse the image; SCAN_INCOMPLETE
 */
export async function listsHere(order: SbomOrder, tools: GateTools): Promise<Readonly<Record<ListKind, string>>> {
  const files = sbomFiles(tools.root, order.image);
  if (!Object.values(files).every((file) => fs.existsSync(file))) {
    const { path: syft } = await findTool("syft");
    await sbom.run(order, { ...tools, find: () => Promise.resolve(syft) });
  }
  return files;
}
