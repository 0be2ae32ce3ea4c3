import { digitalocean } from "../../plugins/digitalocean/provider";
import { ProviderServer } from "../../plugins/provider-server";
import { secret } from "../../plugins/values";
import { DropletServers } from "./droplet-servers";
import { PluginClient, urnOf } from "./plugin-client";

/** The stand-in for DigitalOcean against the sandbox's API, as the engine would use them together. */
export class DropletPlugin extends DropletServers {
  private server: ProviderServer | undefined;
  private client: PluginClient | undefined;

  get plugin(): PluginClient {
    if (this.client === undefined) throw new Error("the plugin has not been started");
    return this.client;
  }

  override async start(): Promise<void> {
    await super.start();
    await this.startPlugin();
  }

  /** A new plugin process, in effect: one that was cancelled does nothing more. */
  async startPlugin(): Promise<void> {
    this.stopPlugin();
    this.server = new ProviderServer(digitalocean(), "4.80.1");
    this.client = new PluginClient(await this.server.listen());
    await this.client.configure({
      apiEndpoint: this.servers.apiUrl,
      token: secret(this.servers.token),
      httpRetryMax: "0",
    });
  }

  override async remove(): Promise<void> {
    this.stopPlugin();
    await super.remove();
  }

  private stopPlugin(): void {
    this.client?.close();
    this.server?.close();
  }
}

/** The engine's names for resources, one of each type. */
export const urns = {
  database: urnOf("digitalocean:index/databaseCluster:DatabaseCluster", "books"),
  databaseDb: urnOf("digitalocean:index/databaseDb:DatabaseDb", "odoo"),
  databaseFirewall: urnOf("digitalocean:index/databaseFirewall:DatabaseFirewall", "books"),
  databaseUser: urnOf("digitalocean:index/databaseUser:DatabaseUser", "odoo"),
  droplet: urnOf("digitalocean:index/droplet:Droplet", "vps"),
  cluster: urnOf("digitalocean:index/kubernetesCluster:KubernetesCluster", "doks"),
  firewall: urnOf("digitalocean:index/firewall:Firewall", "vps"),
  nodePool: urnOf("digitalocean:index/kubernetesNodePool:KubernetesNodePool", "cron"),
  reservedIp: urnOf("digitalocean:index/reservedIp:ReservedIp", "vps"),
  reservedIpAssignment: urnOf("digitalocean:index/reservedIpAssignment:ReservedIpAssignment", "vps"),
  sshKey: urnOf("digitalocean:index/sshKey:SshKey", "vps"),
  volume: urnOf("digitalocean:index/volume:Volume", "vps"),
  volumeAttachment: urnOf("digitalocean:index/volumeAttachment:VolumeAttachment", "vps"),
  vpc: urnOf("digitalocean:index/vpc:Vpc", "doks"),
};
