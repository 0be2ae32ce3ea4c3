import type { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";
import { PaperVps } from "./paper-vps";

/** A stack that runs a released image on an adopted host, which is a real SSH server that does nothing. */
export async function adoptedHost(
  running: RunningServers,
): Promise<{ readonly host: PaperVps; readonly stack: TestStack; readonly digest: string }> {
  await running.start();
  await running.api("POST", "/v2/registry", { name: "team", subscription_tier_slug: "basic", region: "fra1" });
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
  await stack.init();
  return { host, stack, digest };
}
