import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { strToU8, zipSync } from "fflate";

/** A package of version 1.0 with these files, as pip takes it. */
export function wheel(name: string, files: Readonly<Record<string, string>>): Uint8Array {
  const about = {
    METADATA: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`,
    WHEEL: "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    RECORD: "",
  };
  const described = Object.entries(about).map(([file, text]) => [`${name}-1.0.dist-info/${file}`, text] as const);
  const all = [...Object.entries(files), ...described].map(([file, text]) => [file, strToU8(text)] as const);
  return zipSync(Object.fromEntries(all));
}

/** One wheel by http at an address of this machine: pip asks no server by https whose address is a number. */
export class WheelServer {
  private constructor(
    /** As a requirement has it, with the digest. */
    readonly url: string,
    readonly close: () => void,
  ) {}

  static async start(address: string, name: string, content: Uint8Array): Promise<WheelServer> {
    const server = createServer((_, response) => response.end(content)).listen(0, address);
    // Who does not close it is not kept from ending.
    server.unref();
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const digest = createHash("sha256").update(content).digest("hex");
    return new WheelServer(
      `http://${address}:${port}/${name}-1.0-py3-none-any.whl#sha256=${digest}`,
      () => void server.close(),
    );
  }
}
