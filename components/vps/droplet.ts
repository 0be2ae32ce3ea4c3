import * as command from "@pulumi/command";
import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";

import type { AccountKey } from "../shared/digitalocean-api";
import { publicKeyOf } from "./ssh-keys";
import type { Settings } from "../../settings";
import { dropletUserData } from "./droplet-user-data";
import { sshPort } from "./names";
import type { Secret } from "../shared/secret";
import { type NamedSecrets, withReferences } from "../shared/secret-desk";

export interface VpsDropletArgs {
  readonly settings: Settings["vps"];
  /** Key of who logs in; its public half goes to the Droplet. */
  readonly privateKey: Secret;
  /** The public half as the account has it already; undefined if it does not. */
  readonly accountKey: AccountKey | undefined;
  /** Secrets of which the state is to have no copy: they are fetched from the desk of `stack`. */
  readonly secrets: NamedSecrets;
  readonly stack: string;
}

/** Name of the Volume that holds the data; undefined when they lie on the Droplet's own disk. */
export function dataVolume({ name, volumeGiB }: Settings["vps"]): string | undefined {
  return volumeGiB === 0 ? undefined : `${name}-data`;
}

/**
 * A Droplet that is ready to be deployed to: a fixed address, data on a Volume of their own, a firewall, and a host key
 * that was proved (docs/adr/0004-host-key.md). What holds data, address or firewall is protected: removing it takes
 * `vps:allowDestroy` and a second update.
 */
export class VpsDroplet extends pulumi.ComponentResource {
  /** The reserved address, which outlives the Droplet. */
  readonly address: pulumi.Output<string>;
  /** `ssh-ed25519 AAAA…`, proved by the host. */
  readonly hostKey: pulumi.Output<string>;

  constructor(name: string, args: VpsDropletArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:vps:VpsDroplet", name, {}, opts);
    const { settings } = args;
    const { region, user } = settings;
    const child = { parent: this };
    const kept = { parent: this, protect: !settings.allowDestroy };

    const sshKey = this.#sshKey(`${name}-ssh-key`, args);
    const volumeName = dataVolume(settings);
    const volume =
      volumeName === undefined
        ? undefined
        : new digitalocean.Volume(
            `${name}-data`,
            // No file system is asked for: the host makes one if there is nothing at all on the volume.
            {
              name: volumeName,
              region,
              size: settings.volumeGiB,
              description: "Odoo: database, filestore, certificates, restore points",
            },
            kept,
          );
    const nonce = new command.local.Command(
      `${name}-nonce`,
      {
        create: "node -e \"process.stdout.write(require('node:crypto').randomBytes(32).toString('hex'))\"",
        logging: command.local.Logging.None,
      },
      { ...child, additionalSecretOutputs: ["stdout"] },
    );
    const droplet = new digitalocean.Droplet(
      `${name}-droplet`,
      {
        name: settings.name,
        region,
        size: settings.size,
        // Memory and processors only: a larger disk could not be made smaller again.
        resizeDisk: false,
        image: settings.image,
        sshKeys: [sshKey.fingerprint],
        monitoring: settings.monitoring,
        backups: settings.backups,
        gracefulShutdown: true,
        // Attached before the first boot, whose script mounts it.
        volumeIds: volume === undefined ? [] : [volume.id],
        userData: pulumi
          .secret(nonce.stdout)
          .apply((word) => dropletUserData({ nonce: word, volume: volumeName, user })),
      },
      {
        ...kept,
        // A Volume is attached to one Droplet at a time.
        deleteBeforeReplace: true,
        // Each of them counts at the first boot only, and a change would replace the host. A new region is not among
        // them: `protect` refuses it.
        ignoreChanges: ["userData", "image", "sshKeys", "monitoring"],
      },
    );
    const dropletId = droplet.id.apply(Number);
    const firewall = new digitalocean.Firewall(
      `${name}-firewall`,
      {
        name: settings.name,
        dropletIds: [dropletId],
        inboundRules: inbound(settings.sshFrom),
        outboundRules: outbound,
      },
      kept,
    );
    // After the Droplet: an address that leads nowhere costs money.
    const ip = new digitalocean.ReservedIp(`${name}-ip`, { region }, { ...kept, dependsOn: droplet });
    const assignment = new digitalocean.ReservedIpAssignment(
      `${name}-ip-assignment`,
      { ipAddress: ip.ipAddress, dropletId },
      child,
    );

    const proof = new command.local.Command(
      `${name}-host-key`,
      {
        create: "node --import tsx ops/vps-host-key.ts",
        // A key that was proved once stays proved for this Droplet, whatever else of the input changes.
        update: 'printf "%s" "$PULUMI_COMMAND_STDOUT"',
        stdin: pulumi.secret(
          pulumi.all([ip.ipAddress, nonce.stdout]).apply(([host, word]) =>
            JSON.stringify({
              stack: args.stack,
              connection: withReferences(
                { host, port: sshPort, user, privateKey: args.privateKey.reveal() },
                args.secrets,
              ),
              nonce: word,
            }),
          ),
        ),
        logging: command.local.Logging.Stderr,
        // Another Droplet has another key, and proves it anew.
        triggers: [droplet.id],
      },
      { ...child, dependsOn: [assignment, firewall] },
    );
    this.address = ip.ipAddress;
    // Its input makes everything of the command secret; a public key is none.
    this.hostKey = pulumi.unsecret(proof.stdout).apply((text) => text.trim());
    this.registerOutputs({ address: this.address, hostKey: this.hostKey });
  }

  /**
   * Declares the key in the account. An account takes a key once: one that is there is taken over as it is, which for
   * this stack's own is no change. One of another name is somebody else's, and stays when the host is given up.
   */
  #sshKey(name: string, { settings, privateKey, accountKey }: VpsDropletArgs): digitalocean.SshKey {
    if (accountKey === undefined) {
      const publicKey = publicKeyOf(privateKey);
      return new digitalocean.SshKey(name, { name: settings.name, publicKey }, { parent: this });
    }
    const { id, ...found } = accountKey;
    return new digitalocean.SshKey(name, found, {
      parent: this,
      import: id,
      retainOnDelete: found.name !== settings.name,
    });
  }
}

const everywhere = ["0.0.0.0/0", "::/0"];

function inbound(sshFrom: readonly string[]): digitalocean.types.input.FirewallInboundRule[] {
  return [
    { protocol: "tcp", portRange: String(sshPort), sourceAddresses: [...sshFrom] },
    { protocol: "tcp", portRange: "80", sourceAddresses: everywhere },
    { protocol: "tcp", portRange: "443", sourceAddresses: everywhere },
    // HTTP/3
    { protocol: "udp", portRange: "443", sourceAddresses: everywhere },
    { protocol: "icmp", sourceAddresses: everywhere },
  ];
}

const outbound: digitalocean.types.input.FirewallOutboundRule[] = [
  { protocol: "tcp", portRange: "1-65535", destinationAddresses: everywhere },
  { protocol: "udp", portRange: "1-65535", destinationAddresses: everywhere },
  { protocol: "icmp", destinationAddresses: everywhere },
];
