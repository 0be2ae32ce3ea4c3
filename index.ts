import * as pulumi from "@pulumi/pulumi";

import { odooImage } from "./components/image/odoo-image";
import { kubernetes } from "./components/kubernetes/target";
import type { PlannedTarget, Target } from "./components/odoo/target";
import { planProxy } from "./components/proxy/plan";
import { proxyImage } from "./components/proxy/proxy-image";
import { ImageRegistry } from "./components/registry/image-registry";
import { imageRepository } from "./components/registry/reference";
import { ReleaseGates } from "./components/release/gates";
import { ImageRelease } from "./components/release/image-release";
import { planRelease } from "./components/release/plan";
import { releaseSecrets } from "./components/release/secrets";
import { ServedRelease } from "./components/release/served-release";
import { attempts } from "./components/shared/attempt";
import { forOperators } from "./components/shared/operators";
import { SecretDesk } from "./components/shared/secret-desk";
import { vps } from "./components/vps/target";
import { loadSettings } from "./settings";

/** Places where Odoo runs, each of the shape in components/odoo/target.ts. A stack has those that its settings name. */
const targets: readonly Target[] = [vps, kubernetes];

/**
 * Reads the settings, makes plans by reading alone, then declares resources. Everything that can be refused was refused
 * before the first declaration.
 */
async function program(): Promise<Record<string, pulumi.Output<unknown>>> {
  const root = process.cwd();
  const settings = loadSettings(pulumi.runtime.allConfig());
  const plan = await planRelease(root, settings, pulumi.runtime.isDryRun());
  const proxyPlan = await planProxy(root, settings, plan.registryExists);
  const update = { root, settings, digest: plan.digest, probePort: plan.probePort, proxy: proxyPlan?.image };
  const planned: PlannedTarget[] = [];
  // One after the other: what one refuses is not kept waiting by what another waits for.
  for (const target of targets) {
    const found = await target.plan(update);
    planned.push(...(found === undefined ? [] : [found]));
  }
  const warnings = [plan, proxyPlan, ...planned].flatMap((part) => part?.warnings ?? []);
  await Promise.all(warnings.map((text) => pulumi.log.warn(text)));

  const stack = `${pulumi.getProject()}/${pulumi.getStack()}`;
  const now = new Date();
  const own = releaseSecrets(settings, plan, { stack, now });
  // What a preview starts would ask for nothing.
  if (!pulumi.runtime.isDryRun()) await SecretDesk.open(stack, own, ...planned.map((target) => target.secrets));
  const attempt = attempts(now);
  const registry = new ImageRegistry("registry", {
    settings: settings.registry,
    access: settings.registryAccess,
    pullAccess: settings.registryPull,
    exists: plan.registryExists,
    releaseKey: plan.key,
    attempt: attempt(plan.digest === undefined || (proxyPlan !== undefined && proxyPlan.image === undefined)),
    month: now.toISOString().slice(0, 7),
  });
  const repository = imageRepository(settings.registry);
  const push = { repository, server: settings.registry.host, registry, attempt };
  const proxy = proxyImage("proxy-image", proxyPlan, push);
  const gates = new ReleaseGates("gates", { settings, plan, stack, repository, proxy: proxyPlan?.build && proxy });
  const digest = gates.passed(odooImage("odoo-image", plan, { ...push, after: gates.before }));
  const tagging = { stack, repository, attempt };
  const release = new ImageRelease("release", { ...tagging, digest, tags: plan.tags.built });
  const released = { stack, digest: release.digest, proof: gates.proof, proxy, registry, attempt };
  const running = await Promise.all(planned.map((target) => target.deploy(released)));
  const served = new ServedRelease("served", { ...tagging, digest: release.digest, plan, running });
  return {
    imageDigest: release.digest,
    imageReference: release.reference,
    releases: served.releases,
    releaseReport: gates.reportOf(release.digest),
    pullCredentials: pulumi.all({ ...registry.pull }),
    pullCredentialsExpire: registry.pullExpires,
    ...(Object.assign({}, ...running.map(({ outputs }) => outputs)) as Record<string, pulumi.Output<unknown>>),
  };
}

export = () => forOperators(program);
