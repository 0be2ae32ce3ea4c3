import { createHash, generateKeyPairSync } from "node:crypto";
import * as http from "node:http";
import type { AddressInfo } from "node:net";

import { type ListKind, listKinds, listTypes, predicateTypes, type Sbom } from "../../components/signature/proof";
import type { Programs } from "./programs";

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** A public key in PEM, of which nobody has the other half. */
export function publicKey(): string {
  const { publicKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return key.export({ type: "spki", format: "pem" }).toString();
}

/** A bundle as cosign makes it, whose signature the stand-in of {@link addCosign} takes for one of this key. */
export function bundleText(
  key: string,
  digest: string,
  type: string = predicateTypes.signature,
  predicate: unknown = {},
): string {
  const statement = {
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType: type,
    subject: [{ digest: { sha256: digest.replace("sha256:", "") } }],
    predicate,
  };
  const payload = Buffer.from(JSON.stringify(statement)).toString("base64");
  return JSON.stringify({
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint: "none" } },
    dsseEnvelope: { payload, payloadType: "application/vnd.in-toto+json", signatures: [{ sig: sha256(key) }] },
  });
}

/** Results of gates in such a bundle. */
export function attestationText(
  key: string,
  digest: string,
  outcome = "passed",
  notChecked: string[] = [],
  sbom?: Partial<Sbom>,
): string {
  const gates = [{ name: "image", outcome, notChecked }];
  return bundleText(key, digest, predicateTypes.attestation, { sbom, gates });
}

/** A list of what is in an image, in such a bundle. */
export function listText(key: string, digest: string, kind: ListKind, content: unknown = {}): string {
  return bundleText(key, digest, listTypes[kind], content);
}

/** Both lists, and how results of gates name them. */
export function listsOf(key: string, digest: string): { texts: string[]; named: Sbom } {
  const texts = listKinds.map((kind) => listText(key, digest, kind));
  const [spdx = "", cyclonedx = ""] = texts.map(objectOf);
  return { texts, named: { spdx, cyclonedx } };
}

/** Digest of the registry's object that has a bundle. */
export function objectOf(bundle: string): string {
  return digestOf(manifest(bundle));
}

/**
 * Puts a cosign on the PATH that verifies by the name of the key alone, and says its version. It notes its calls, and
 * runs `script` for anything else.
 */
export function addCosign(programs: Programs, script = "exit 9"): void {
  programs.recorded(
    "cosign",
    `case "$1" in
  version) echo "GitVersion:    v3.1.3"; exit 0;;
  verify-blob-attestation)
    for one in "$@"; do case "$one" in --key=*) key=\${one#--key=};; --bundle=*) bundle=\${one#--bundle=};; esac; done
    grep -q "$(sha256sum < "$key" | cut -d' ' -f1)" "$bundle" && exit 0
    echo "error during command execution: invalid signature" >&2; exit 1;;
esac
${script}`,
  );
}

/** A registry that has signed statements about an image, and nothing else. */
export class SignedRegistry {
  /** Bundles by the image's digest, or other texts in their place. */
  readonly bundles = new Map<string, string[]>();
  /** The same at the time of a request. */
  content = (): ReadonlyMap<string, string[]> => this.bundles;
  /** Whether it knows the referrers API. */
  referrers = true;
  /** Bundles whose object is there, and its content is not. */
  readonly emptied = new Set<string>();
  /** Paths of requests, in their order; before one that asks for no content stands its method. */
  readonly asked: string[] = [];
  readonly #server: http.Server;

  private constructor() {
    this.#server = http.createServer((request, response) => {
      const path = (request.url ?? "").replace("/v2/team/odoo/", "");
      this.asked.push(request.method === "HEAD" ? `HEAD ${path}` : path);
      const body = this.#answer(path);
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
  }

  static async start(): Promise<SignedRegistry> {
    const registry = new SignedRegistry();
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  /** `host:port/path` */
  get repository(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}/team/odoo`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(path: string): string | undefined {
    const [, kind, name = ""] = /^(referrers|manifests|blobs)\/(.+)$/.exec(path) ?? [];
    const list = name.replace(/^sha256-/, "sha256:");
    if (kind === "referrers" ? this.referrers : kind === "manifests" && list !== name) return this.#list(list);
    const all = [...this.content().values()].flat();
    if (kind === "manifests") return all.map(manifest).find((text) => digestOf(text) === name);
    return kind === "blobs" ? all.find((text) => digestOf(text) === name && !this.emptied.has(text)) : undefined;
  }

  #list(image: string): string | undefined {
    const manifests = this.content()
      .get(image)
      ?.map((text) => ({ digest: objectOf(text), size: 1 }));
    return manifests === undefined ? undefined : JSON.stringify({ manifests });
  }
}

function manifest(bundle: string): string {
  return JSON.stringify({ layers: [{ digest: digestOf(bundle), size: bundle.length, mediaType: bundleType }] });
}

/** `sha256:…` of a text. */
export function digestOf(text: string): string {
  return `sha256:${sha256(text)}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
