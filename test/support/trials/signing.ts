import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { RegistryClient } from "../../../components/registry/client";
import { RegistryConnection } from "../../../components/registry/connection";
import { defaultPatience } from "../../../components/shared/http";
import { Secret } from "../../../components/shared/secret";
import { SecretDesk } from "../../../components/shared/secret-desk";
import { predicateTypes, type Proof } from "../../../components/signature/proof";
import { type Hanging, hangingOn } from "../../../components/signature/referrers";
import { makeKey, publicFile } from "../../../gates/key";
import { proofOf, verify } from "../../../gates/prove";
import { sbomFiles } from "../../../gates/sbom";
import { gateTools } from "../gate-tools";
import { signature } from "../../../gates/signature";
import { run } from "../../../sandbox/process";
import type { ServersFile } from "../../../sandbox/servers";
import { ensureGateTool, gateToolFolders, gateToolPath } from "../../../sandbox/tools/gate-tools";
import { digestOf } from "./releases";

const stack = "odoo/signing-trial";
const password = "of the trial";
const limitMs = 60_000;

/** The registry's logins. */
type Logins = Pick<ServersFile, "registryAddress" | "push" | "pull">;

/** Somebody who signs with a key of their own, by the real cosign in the sandbox's registry. */
export class TrialSigner {
  private constructor(
    private readonly servers: Logins,
    private readonly folder: string,
    readonly publicKey: string,
  ) {}

  /** The stack's secret settings with which an update signs as this one. */
  get settings(): Readonly<Record<string, string>> {
    return { "gates:signingKey": this.#key(), "gates:signingPassword": password };
  }

  /** A new key each time. */
  static async open(servers: Logins): Promise<TrialSigner> {
    await ensureGateTool("cosign", () => undefined);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "signer-"));
    process.env["PATH"] = [...gateToolFolders(), process.env["PATH"] ?? ""].join(path.delimiter);
    await makeKey(folder, password);
    const key = fs.readFileSync(path.join(folder, publicFile), "utf8");
    return new TrialSigner(servers, folder, key);
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true });
  }

  /**
   * As the last gate of a release does, with lists of what is in the image that are as good as any for who looks: their
   * signature counts, and that they are there. `sbom`: without them, as on a stack with that gate off.
   */
  async sign(image: string, { outcome = "passed", sbom = true } = {}): Promise<void> {
    for (const file of Object.values(sbomFiles(this.folder, image))) {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, "{}");
    }
    const { username, password: login } = this.servers.push;
    const desk = await SecretDesk.open(stack, {
      "registry:username": new Secret(username),
      "registry:password": new Secret(login),
      "registry:tokenHost": new Secret(""),
      ...Object.fromEntries(Object.entries(this.settings).map(([name, text]) => [name, new Secret(text)])),
    });
    const order = {
      stack,
      image,
      signing: "key" as const,
      signers: [{ publicKey: this.publicKey }],
      sbom,
      gates: [{ name: "image", outcome, notChecked: [] }],
    };
    await signature.run(order, gateTools(this.folder)).finally(() => desk.close());
  }

  /** By hand, as `docs/signatures.md` does not: the digest alone, or with results of gates that nobody has had. */
  async signByHand(image: string, outcome?: string): Promise<void> {
    const predicate = path.join(this.folder, "predicate.json");
    fs.writeFileSync(predicate, JSON.stringify({ gates: [{ name: "image", outcome, notChecked: [] }] }));
    const how = ["--yes", "--key", "env://KEY", "--use-signing-config=false", "--tlog-upload=false"];
    const { username, password: login } = this.servers.push;
    const auth = Buffer.from(`${username}:${login}`).toString("base64");
    const config = { auths: { [this.servers.registryAddress]: { auth } } };
    fs.writeFileSync(path.join(this.folder, "config.json"), JSON.stringify(config));
    const env = { ...process.env, DOCKER_CONFIG: this.folder, KEY: this.#key(), COSIGN_PASSWORD: password };
    const options = { what: `signing ${image}`, limitMs, env };
    await run(await gateToolPath("cosign"), ["sign", ...how, image], options);
    if (outcome === undefined) return;
    const attest = ["--type", predicateTypes.attestation, "--predicate", predicate];
    await run(await gateToolPath("cosign"), ["attest", ...how, ...attest, image], options);
  }

  /** What hangs on an image. */
  hanging(image: string): Promise<Hanging> {
    return hangingOn(this.#client(image, "pull"), digestOf({ image }));
  }

  /**
   * Takes the lists of what is in an image off it, as whoever may push can: the sandbox's registry keeps what hangs on a
   * digest in a list under a tag.
   */
  async removeLists(image: string): Promise<void> {
    const [repository = "", digest = ""] = image.split("@");
    const lists = new Set((await this.hanging(image)).lists.map((one) => one.digest));
    const tag = `manifests/${digest.replace(":", "-")}`;
    const access = { username: this.servers.push.username, password: new Secret(this.servers.push.password) };
    const connection = new RegistryConnection(repository, access, defaultPatience);
    const index = JSON.parse((await this.#client(image, "push").content(tag)) ?? "{}") as {
      mediaType: string;
      manifests: { digest: string }[];
    };
    const body = JSON.stringify({ ...index, manifests: index.manifests.filter((one) => !lists.has(one.digest)) });
    const init = { headers: { "content-type": index.mediaType }, body };
    connection.expect(await connection.send("PUT", tag, "pull,push", init), [201], "overwriting what hangs on it");
  }

  /** As the operator's machine finds it. */
  async prove(image: string, { sbom = true } = {}): Promise<Proof> {
    const hanging = await this.hanging(image);
    const signers = [{ publicKey: this.publicKey }];
    const verified = await verify(await gateToolPath("cosign"), digestOf({ image }), hanging, signers);
    return proofOf(image, hanging, verified, sbom);
  }

  #client(image: string, who: "pull" | "push"): RegistryClient {
    const { username, password: login } = this.servers[who];
    return new RegistryClient(image.split("@")[0] ?? "", { username, password: new Secret(login) });
  }

  #key(): string {
    return fs.readFileSync(path.join(this.folder, ".build", "signing", "signing.key"), "utf8");
  }
}
