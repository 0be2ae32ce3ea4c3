import type { RegistryAccess, RegistryClient } from "../registry/client";
import { ShipError } from "../shared/errors";
import { checkSigned } from "./check";
import type { Signers } from "./proof";

/** Tells the operator of a tag that does not count, and what is done about it. */
export function builtAnew(refused: string): string {
  return (
    `${refused}. It is not taken for our own build, and is built anew. An update of another stack, or of one whose ` +
    "state is lost, may have ended before it signed it; else find out who has pushed it."
  );
}

/** Image that a tag should name. */
export interface WantedImage {
  readonly tag: string;
  /** Label in which the image names what it was built from. */
  readonly label: string;
  /** What the tag stands for, as the label has it. */
  readonly content: string;
  /** Whose signature counts; undefined where releases are not signed, and a tag is taken at its word. */
  readonly signers: Signers | undefined;
  /** Digests that the stack has pushed itself: of its own making also where nobody has signed them yet. */
  readonly known: () => Promise<ReadonlySet<string>>;
}

export interface FoundImage {
  /** `sha256:…`; undefined where the tag names nothing, or nothing of our own. */
  readonly digest: string | undefined;
  /** Why what the tag names does not count. */
  readonly refused?: string;
}

/**
 * Finds the image that a build of ours has left under a tag. Whoever may push may set a tag. So where releases are
 * signed it counts only if it is signed, and says of itself that it is of this content: an older release of ours under
 * the tag of a newer one does not count. What the stack has pushed itself needs no signature yet: it is signed once its
 * gates have passed.
 * @param registry undefined for one that is yet to be made
 * @throws ShipError TOOL_MISSING, and what the registry's client throws
 */
export async function ownImage(
  root: string,
  registry: Pick<RegistryClient, "repository" | "digestOf" | "imageOf"> | undefined,
  access: RegistryAccess | undefined,
  { tag, label, content, signers, known }: WantedImage,
): Promise<FoundImage> {
  const digest = await registry?.digestOf(tag);
  if (registry === undefined || digest === undefined || signers === undefined) return { digest };
  const image = `${registry.repository}@${digest}`;
  try {
    await checkSigned(root, { image, signers, sbom: false, signatureAlone: true }, access);
  } catch (error) {
    if (!(error instanceof ShipError && ["IMAGE_UNSIGNED", "SIGNATURE_INVALID"].includes(error.code))) throw error;
    const refused = `${tag} names ${image}: ${error.failure.summary}`;
    if (!(await known()).has(digest)) return { digest: undefined, refused };
  }
  const says = (await registry.imageOf(digest))?.labels[label];
  if (says === content) return { digest };
  return { digest: undefined, refused: `${tag} names ${image}, which was built from something else` };
}
