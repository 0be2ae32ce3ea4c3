import { RegistryClient } from "../../components/registry/client";
import { Secret } from "../../components/shared/secret";
import type { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { type Keeper, TestStack } from "../../sandbox/test/helpers/test-stack";
import { PaperVps } from "./paper-vps";

/** A stack that runs a released image on an adopted host. */
export interface AdoptedHost {
  /** A real SSH server that does nothing. */
  readonly host: PaperVps;
  readonly stack: TestStack;
  /** Of the released image. */
  readonly digest: string;
  /** The image's repository. */
  readonly registry: RegistryClient;
  /** Takes all of it away, the servers with it. */
  remove(): Promise<void>;
}

/**
 * @param keeper of the stack's secrets
 * @param variables of Pulumi beside the usual ones, such as where the state is
 */
export async function adoptedHost(
  running: RunningServers,
  keeper: Keeper,
  variables: Readonly<Record<string, string>> = {},
): Promise<AdoptedHost> {
  await running.start();
  await running.createRegistry();
  const digest = await running.push("team/odoo", "v1");
  const host = new PaperVps();
  await host.server.start();
  const stack = new TestStack(running.servers, {
    "registry:ownership": "adopt",
    "image:digest": digest,
    "vps:mode": "adopt",
    "vps:domain": "erp.example.com",
    "vps:host": "127.0.0.1",
    "vps:port": host.server.port,
    "vps:user": "ops",
    "vps:hostKey": host.server.hostKey,
  });
  stack.setVariable("VPS_SSH_PRIVATE_KEY", host.user.privateKey);
  for (const [name, value] of Object.entries(variables)) stack.setVariable(name, value);
  await stack.init(keeper);
  const { username, password } = running.servers.push;
  const login = { username, password: new Secret(password) };
  const registry = new RegistryClient(`${running.servers.registryAddress}/team/odoo`, login);
  const remove = async () => {
    stack.remove();
    await host.server.close();
    await running.remove();
  };
  return { host, stack, digest, registry, remove };
}
