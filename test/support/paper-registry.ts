import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as os from "node:os";
import * as path from "node:path";

import { Secret } from "../../components/shared/secret";
import { SecretDesk } from "../../components/shared/secret-desk";

/** A layer: the instruction that made it, and its files by name. */
export interface PaperLayer {
  readonly by: string;
  readonly files: Readonly<Record<string, string>>;
}

/** The instruction of our Dockerfile that begins what is ours. */
export const ours = "ARG SYSTEM_PACKAGES=";

export const paperStack = "odoo/paper";

/**
 * A registry with one image, which asks for no login, and the desk of an update that has one. Its temporary files lie in
 * a folder of its own.
 */
export class PaperRegistry {
  readonly #folder = fs.mkdtempSync(path.join(os.tmpdir(), "paper-registry-"));
  readonly #temporary = process.env["TMPDIR"];
  readonly #content = new Map<string, Buffer>();
  readonly #server: http.Server;
  #desk: SecretDesk | undefined;
  /** Paths that were asked for. */
  readonly asked: string[] = [];

  constructor() {
    this.#server = http.createServer((request, response) => {
      this.asked.push(request.url ?? "");
      const found = this.#content.get(request.url?.split("/").at(-1) ?? "");
      response.writeHead(found === undefined ? 404 : 200).end(found);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    process.env["TMPDIR"] = this.#folder;
    this.#desk = await SecretDesk.open(paperStack, {
      "registry:username": new Secret("push"),
      "registry:password": new Secret("planted-password"),
      "registry:tokenHost": new Secret(""),
    });
  }

  /** Puts an image there; answers it as `repository@sha256:…`. The first `base` layers are not ours. */
  image(layers: readonly PaperLayer[], base = 0): string {
    const blobs = layers.map(({ files }) => this.put(archive(files)));
    const history = layers.flatMap(({ by }, index) => [
      ...(index === base ? [{ created_by: ours, empty_layer: true }] : []),
      { created_by: by },
    ]);
    const config = { rootfs: { diff_ids: blobs.map((_, index) => diffId(index)) }, history };
    const manifest = {
      config: { digest: this.put(Buffer.from(JSON.stringify(config))) },
      layers: blobs.map((digest) => ({ digest })),
    };
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}/team/odoo@${this.put(Buffer.from(JSON.stringify(manifest)))}`;
  }

  /** Keeps a content; answers its digest, or puts it in the place of another one. */
  put(content: Buffer, digest = `sha256:${createHash("sha256").update(content).digest("hex")}`): string {
    this.#content.set(digest, content);
    return digest;
  }

  /** What the gates have left of their temporary files. */
  left(): string[] {
    return fs.readdirSync(this.#folder).filter((name) => name.startsWith("gate-"));
  }

  remove(): void {
    this.#desk?.close();
    this.#server.close();
    if (this.#temporary === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = this.#temporary;
    fs.rmSync(this.#folder, { recursive: true });
  }
}

/** Digest of the unpacked layer with this number, counted from 0. */
export function diffId(index: number): string {
  return `sha256:${String(index).repeat(64)}`;
}

/** An archive as a layer has it; names may lead anywhere. */
export function archive(files: Readonly<Record<string, string>>): Buffer<ArrayBuffer> {
  const script = `
import io, json, sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|gz") as archive:
    for name, text in json.load(sys.stdin).items():
        member = tarfile.TarInfo(name)
        if text.startswith("-> "):
            member.type, member.linkname = tarfile.SYMTYPE, text[3:]
        else:
            member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
`;
  const input = JSON.stringify(files);
  return Buffer.from(execFileSync("python3", ["-c", script], { input, stdio: ["pipe", "pipe", "inherit"] }));
}
