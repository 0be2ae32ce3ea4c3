import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

const nonceBytes = 12;
const tagBytes = 16;

/**
 * What Pulumi asks of a HashiCorp Vault for a stack whose secrets a key of Vault keeps (`hashivault://name`): to encrypt
 * the stack's own key once, and to decrypt it in each command. A passphrase costs half a second of a processor there.
 */
export class Vault {
  static #running: Promise<Vault> | undefined;
  readonly #key = randomBytes(32);
  readonly #token = randomBytes(16).toString("hex");
  readonly #server = http.createServer((request, response) => void this.#answer(request, response));

  /** The one of this process, which ends with it. */
  static running(): Promise<Vault> {
    return (this.#running ??= new Vault().#start());
  }

  /** By which Pulumi finds it. */
  get variables(): Readonly<Record<string, string>> {
    const { port } = this.#server.address() as AddressInfo;
    return { VAULT_SERVER_URL: `http://127.0.0.1:${port}`, VAULT_SERVER_TOKEN: this.#token };
  }

  #start(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () => resolve(this));
      this.#server.unref();
    });
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const [, what] = /^\/v1\/transit\/(encrypt|decrypt)\/[a-z]+$/.exec(request.url ?? "") ?? [];
    const { plaintext = "", ciphertext = "" } = (await json(request)) as { plaintext?: string; ciphertext?: string };
    const known = what !== undefined && request.headers["x-vault-token"] === this.#token;
    response.writeHead(known ? 200 : 403, { "content-type": "application/json" });
    if (!known) response.end(JSON.stringify({ errors: ["permission denied"] }));
    else if (what === "encrypt") response.end(JSON.stringify({ data: { ciphertext: this.#encrypt(plaintext) } }));
    else response.end(JSON.stringify({ data: { plaintext: this.#decrypt(ciphertext) } }));
  }

  #encrypt(plaintext: string): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce);
    const text = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
    return `vault:v1:${Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64")}`;
  }

  #decrypt(ciphertext: string): string {
    const bytes = Buffer.from(ciphertext.replace(/^vault:v1:/, ""), "base64");
    const tagEnd = nonceBytes + tagBytes;
    const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, nonceBytes));
    decipher.setAuthTag(bytes.subarray(nonceBytes, tagEnd));
    return Buffer.concat([decipher.update(bytes.subarray(tagEnd)), decipher.final()]).toString("utf8");
  }
}
