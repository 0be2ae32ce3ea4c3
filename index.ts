import * as pulumi from "@pulumi/pulumi";

import { describeDrift } from "./components/base-image";
import { ComposeHost } from "./components/compose-host";
import { ShipError } from "./components/errors";
import { planHost } from "./components/host-plan";
import { OdooImage } from "./components/image";
import { planCluster } from "./components/kubernetes/cluster-plan";
import { ProxyImage } from "./components/proxy-image";
import { planProxy } from "./components/proxy-plan";
import { ImageRegistry, type RegistryLogin } from "./components/registry";
import type { RegistryAccess } from "./components/registry-client";
import { ImageRelease } from "./components/release";
import { imageRepository, planRelease } from "./components/release-plan";
import { SecretDesk } from "./components/secret-desk";
import { secretOutput } from "./components/secret-output";
import { pullsWithPushLogin } from "./components/settings/contradictions";
import { loadSettings } from "./settings";

/** The program's errors are for operators: the engine shows their message and no stack. */
function forOperators(error: unknown): unknown {
  if (!(error instanceof ShipError)) {
    return error;
  }
  const shown = new pulumi.RunError(error.message);
  // A stack is never shown, and mapping it to sources takes half a minute through the SDK's large packages.
  shown.stack = error.message;
  return shown;
}

function loginOf({ username, password }: Pick<RegistryAccess, "username" | "password">): RegistryLogin {
  return { username: pulumi.output(username), password: secretOutput(password) };
}

/** Kubernetes' SDK is large: a stack without a cluster does not wait for it. */
const clusterTarget = () => import("./components/doks");

/** Settings, then a plan made by reading alone, then resources. Nothing is declared before everything that can be refused was. */
async function program(): Promise<Record<string, pulumi.Output<unknown>>> {
  const settings = loadSettings();
  const plan = await planRelease(process.cwd(), settings, pulumi.runtime.isDryRun());
  const proxyPlan = await planProxy(process.cwd(), settings, plan.registryExists);
  const host = await planHost(process.cwd(), settings, plan.digest, proxyPlan?.image);
  const cluster = await planCluster(process.cwd(), settings);
  const now = new Date();
  const attempt = Math.floor(now.getTime() / 1000);
  const repository = imageRepository(settings.registry);
  const access = settings.registryAccess;

  /** Whether the proxy's image is yet to be built. */
  const unbuilt = proxyPlan !== undefined && proxyPlan.image === undefined;

  const registry = new ImageRegistry("registry", {
    settings: settings.registry,
    ...(access && { login: loginOf(access) }),
    ...(settings.registryPull && { pullLogin: loginOf(settings.registryPull) }),
    exists: plan.registryExists,
    releaseKey: plan.key,
    attempt: plan.digest === undefined || !plan.tagged || unbuilt ? attempt : undefined,
    month: now.toISOString().slice(0, 7),
  });

  let digest: pulumi.Input<string> = settings.image.digest;
  if (plan.build !== undefined) {
    const drift = await describeDrift(plan.build.base, access && { repository, access });
    await Promise.all([...plan.build.warnings, ...(drift === undefined ? [] : [drift])].map((text) => pulumi.log.warn(text)));
    digest = new OdooImage(
      "odoo-image",
      {
        build: plan.build,
        repository,
        server: settings.registry.host,
        login: registry.push,
        digest: plan.digest,
        attempt: plan.digest === undefined ? attempt : undefined,
      },
      { dependsOn: registry },
    ).digest;
  }

  const proxy =
    proxyPlan?.build === undefined
      ? (proxyPlan?.image ?? "")
      : new ProxyImage(
          "proxy-image",
          {
            build: proxyPlan.build,
            image: proxyPlan.image,
            repository,
            server: settings.registry.host,
            login: registry.push,
            attempt: unbuilt ? attempt : undefined,
          },
          { dependsOn: registry },
        ).image;

  const release = new ImageRelease("release", {
    repository,
    digest,
    tags: plan.tags,
    login: registry.push,
    registry: settings.registry,
    attempt: plan.tagged ? undefined : attempt,
  });

  await Promise.all(
    [...pullsWithPushLogin(settings), ...(host?.warnings ?? []), ...(cluster?.warnings ?? [])].map((text) => pulumi.log.warn(text)),
  );
  const stack = `${pulumi.getProject()}/${pulumi.getStack()}`;
  // A preview starts nothing that would ask.
  if (host !== undefined && !pulumi.runtime.isDryRun()) {
    await SecretDesk.open(stack, host.secrets);
  }
  const vps =
    host &&
    new ComposeHost("vps", {
      settings: settings.vps,
      plan: host,
      stack,
      digest: release.digest,
      proxy,
      pull: registry.pull,
      attempt: host.drifted ? attempt : undefined,
    });
  const doks =
    cluster && (await clusterTarget()).deployToCluster("doks", { settings, plan: cluster, digest: release.digest, proxy, registry });

  return {
    imageDigest: release.digest,
    imageReference: release.reference,
    pullCredentials: pulumi.all({ ...registry.pull }),
    pullCredentialsExpire: registry.pullExpires,
    ...(vps && { vpsUrl: vps.url, vpsAddress: vps.address, vpsHostKey: vps.hostKey }),
    ...(doks && { doksUrl: doks.url, doksAddress: doks.address, doksDigest: doks.digest }),
  };
}

export = () =>
  program().catch((error: unknown) => {
    throw forOperators(error);
  });
