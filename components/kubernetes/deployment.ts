import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { type OdooPodsArgs, secretKeys } from "./objects/odoo-container";
import { urlHost } from "../shared/url-host";
import type { Settings } from "../../settings";
import type { ClusterPlan } from "./plan";
import { filestoreStorage, keepsClass, volumeClaim, within } from "./objects/namespace";
import { names } from "./objects/names";
import { autoscaler, cronDeployment, disruptionBudget, webDeployment, webService } from "./objects/odoo-pods";
import { jobGoesOn, podsGoOn, sayWhatGoesOn } from "./goes-on";
import { kubernetesRequest } from "./request";
import { dumpSettings } from "../odoo/dump-settings";
import { dumpFile, dumpJob } from "./objects/dump-job";
import { refusalPolicy } from "./objects/network-policies";
import { operatorCommands, operatorJob } from "./objects/operator-jobs";
import { upgradeJob, type WorkerArgs } from "./objects/upgrade-job";
import { filesOf, type Proof } from "../signature/proof";
import { verifierArguments, type VerifierArgs } from "./objects/verifiers";
import { password, secretOf, spentPassword } from "./secret";
import type { OdooDatabase } from "./database";

export interface OdooDeploymentArgs {
  readonly settings: Pick<Settings, "odoo" | "doks" | "release" | "backup">;
  readonly plan: ClusterPlan;
  /** Repository of the Odoo image, with the registry's host. */
  readonly repository: string;
  /** The released digest, `sha256:…`: known once it is released, so nothing is deployed before. */
  readonly digest: pulumi.Output<string>;
  /** Port at which its guard answers probes; undefined in an image from before it did. */
  readonly probePort: number | undefined;
  /** What pods verify the image by; undefined where releases are not signed. */
  readonly proof?: pulumi.Output<Proof> | undefined;
  readonly namespace: pulumi.Output<string>;
  readonly database: OdooDatabase;
}

/**
 * Odoo in a namespace: a Job makes the database ready for a release, then the release's pods replace the earlier ones.
 * A Job that fails ends the update, and the earlier pods stay as they are.
 */
export class OdooDeployment extends pulumi.ComponentResource {
  /** Address where users find Odoo, known once the release serves. */
  readonly url: pulumi.Output<string>;
  /** Digest that the pods run: of the object as it is, which an update with `--exclude` or `--target` leaves. */
  readonly digest: pulumi.Output<string>;
  /** When the release's Job had ended; empty if that is not known. */
  readonly since: pulumi.Output<string>;

  constructor(name: string, args: OdooDeploymentArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:doks:OdooDeployment", name, {}, opts);
    const { pods, worker, job } = this.#release(name, args);
    const { doks } = args.settings;
    const child = { parent: this };
    // Pulumi refuses to delete the first protected resource that it meets. By then it has deleted what depends on it.
    // So what serves users is protected, too.
    const served = { ...child, protect: !doks.allowDestroy };

    const web = webDeployment(pods);
    const serving = new kubernetes.apps.v1.Deployment(
      `${name}-web`,
      { ...web, metadata: within(args.namespace, web.metadata) },
      { ...served, dependsOn: job },
    );
    sayWhatGoesOn(job.id, serving.id, podsGoOn(doks.namespace), this);
    const after = { ...child, dependsOn: serving };
    this.#service(name, args.namespace, { ...served, dependsOn: serving });
    if (Math.max(doks.replicas, doks.replicasMax) > 1) {
      this.#budget(`${name}-web-budget`, args.namespace);
    }
    if (doks.replicasMax > 0) {
      const scaler = autoscaler(doks);
      new kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
        `${name}-web-scaler`,
        { ...scaler, metadata: within(args.namespace, scaler.metadata) },
        after,
      );
    }
    for (const one of operatorCommands) {
      const made = operatorJob(one, worker);
      new kubernetes.batch.v1.CronJob(
        `${name}-operator-${one}`,
        { ...made, metadata: within(args.namespace, made.metadata) },
        after,
      );
    }
    this.#dump(name, args, worker, after);
    // If the new pods do not become ready the update ends here, and the earlier release's cron still runs.
    const cron = cronDeployment(pods);
    const scheduled = new kubernetes.apps.v1.Deployment(
      `${name}-cron`,
      { ...cron, metadata: within(args.namespace, cron.metadata) },
      { ...served, dependsOn: serving },
    );

    this.url = scheduled.id.apply(() => `https://${urlHost(doks.domain)}`);
    // Also the scheduled jobs' pods: once it is known, all of the release runs.
    this.digest = pulumi.all([digestOf(serving), scheduled.id]).apply(([digest]) => digest);
    const status = job.status as pulumi.Output<kubernetes.types.output.batch.v1.JobStatus | undefined>;
    this.since = status.apply((known) => known?.completionTime ?? "");
    this.registerOutputs({ url: this.url, digest: this.digest });
  }

  /** Declares the address of Odoo's pods in the cluster, and the proxy's way to its refusal. */
  #service(name: string, namespace: pulumi.Output<string>, opts: pulumi.CustomResourceOptions): void {
    const address = webService();
    const service = new kubernetes.core.v1.Service(
      `${name}-web-service`,
      { ...address, metadata: within(namespace, address.metadata) },
      opts,
    );
    const spec = service.spec as pulumi.Output<kubernetes.types.output.core.v1.ServiceSpec | undefined>;
    const policy = refusalPolicy(spec.apply((known) => known?.clusterIPs ?? []));
    new kubernetes.networking.v1.NetworkPolicy(
      `${name}-web-refusal`,
      { ...policy, metadata: within(namespace, policy.metadata) },
      { parent: this },
    );
  }

  /** Declares the Job of the release, and what its pods have in common with Odoo's. */
  #release(
    name: string,
    args: OdooDeploymentArgs,
  ): { pods: OdooPodsArgs; worker: WorkerArgs; job: kubernetes.batch.v1.Job } {
    const { settings, plan, repository, digest, namespace, database } = args;
    const { odoo, doks, release } = settings;
    const child = { parent: this };
    const kept = { parent: this, protect: !doks.allowDestroy };
    const claim = volumeClaim(names.filestore, filestoreStorage(doks));
    const filestore = new kubernetes.core.v1.PersistentVolumeClaim(
      `${name}-filestore`,
      { ...claim, metadata: within(namespace, claim.metadata) },
      { ...kept, ...keepsClass },
    );
    const master = secretOf(
      `${name}-master`,
      { namespace, files: { [secretKeys.master]: password(`${name}-master-password`, kept) } },
      child,
    );
    const options =
      odoo.secretOptions &&
      secretOf(`${name}-options`, { namespace, files: { [secretKeys.options]: odoo.secretOptions.reveal() } }, child)
        .metadata.name;
    const firstLogin = this.#firstLogin(name, namespace, doks);
    const request = digest.apply((known) => kubernetesRequest({ settings, repository, digest: known }));
    // The earlier request is deleted first, and with it the Job that it owns.
    const told = secretOf(
      `${name}-request`,
      { namespace, files: { "request.json": pulumi.jsonStringify(request) } },
      { ...child, dependsOn: [filestore, database], deleteBeforeReplace: true },
    );
    const worker = new kubernetes.core.v1.ConfigMap(
      `${name}-worker`,
      { metadata: { namespace }, ...plan.worker },
      child,
    );
    const verifier = this.#verifier(name, args);
    const pods: OdooPodsArgs = {
      image: request.image,
      digest,
      probePort: args.probePort,
      version: digest.apply((known) => known.slice("sha256:".length, "sha256:".length + 12)),
      odoo,
      postgres: database.postgres,
      size: plan.size,
      bodyMegabytes: doks.bodyMegabytes,
      replicas: doks.replicas,
      replicasMax: doks.replicasMax,
      replicasCpu: doks.replicasCpu,
      filestoreAccess: doks.filestoreAccess,
      readySeconds: release.readySeconds,
      secrets: { database: database.userSecret, master: master.metadata.name, options },
      databaseConfig: database.config,
      verifier,
    };
    const inPods: WorkerArgs = {
      ...pods,
      worker: worker.metadata.name,
      admin: { secret: database.adminSecret, key: secretKeys.admin },
      firstLogin: names.firstLogin,
      dumps: settings.backup.destination !== "",
      databaseStory: database.story,
    };
    const job = upgradeJob({
      ...inPods,
      id: request.id,
      request: { name: told.metadata.name, uid: told.metadata.uid },
      readySeconds: release.readySeconds,
      upgradeSeconds: release.upgradeMinutes * 60,
    });
    const released = new kubernetes.batch.v1.Job(
      `${name}-upgrade`,
      { ...job, metadata: within(namespace, job.metadata) },
      // The earlier Job is deleted first: after a failed release the release before it may follow again, and its Job
      // has the same name.
      { ...child, dependsOn: [filestore, database, ...firstLogin], deleteBeforeReplace: true },
    );
    sayWhatGoesOn(told.metadata.uid, released.id, jobGoesOn(request.id, doks.namespace), this);
    return { pods, worker: inPods, job: released };
  }

  /** Declares the nightly dump, where one is wanted. */
  #dump(
    name: string,
    { settings: { backup }, namespace }: OdooDeploymentArgs,
    worker: WorkerArgs,
    opts: pulumi.CustomResourceOptions,
  ): void {
    if (!worker.dumps) return;
    const files = { [dumpFile]: JSON.stringify(dumpSettings(backup)) };
    const secret = secretOf(`${name}-dump-settings`, { namespace, files }, { parent: this });
    const made = dumpJob(worker, secret.metadata.name);
    new kubernetes.batch.v1.CronJob(`${name}-dump`, { ...made, metadata: within(namespace, made.metadata) }, opts);
  }

  /** Declares what pods verify their image by. */
  #verifier(name: string, { plan, proof, digest, namespace }: OdooDeploymentArgs): VerifierArgs | undefined {
    if (plan.verifier === undefined || proof === undefined) return undefined;
    const child = { parent: this };
    const files = new kubernetes.core.v1.ConfigMap(
      `${name}-proof`,
      { metadata: { namespace }, data: proof.apply(filesOf) },
      child,
    );
    return {
      image: plan.verifier,
      arguments: pulumi.all([proof, digest]).apply(([known, of]) => verifierArguments(known, of)),
      config: files.metadata.name,
    };
  }

  /**
   * Declares the administrator's first password. An operator reads it by the Secret's name, and removes it with a
   * setting.
   */
  #firstLogin(
    name: string,
    namespace: pulumi.Output<string>,
    { firstLogin, allowDestroy }: Settings["doks"],
  ): pulumi.Resource[] {
    const kept = { parent: this, protect: !allowDestroy };
    if (firstLogin === "gone") {
      spentPassword(`${name}-first-password`, kept);
      return [];
    }
    const files = { [secretKeys.firstLogin]: password(`${name}-first-password`, kept) };
    return [secretOf(`${name}-first-login`, { namespace, files, fixedName: names.firstLogin }, { parent: this })];
  }

  #budget(name: string, namespace: pulumi.Output<string>): void {
    const budget = disruptionBudget("web");
    new kubernetes.policy.v1.PodDisruptionBudget(
      name,
      { ...budget, metadata: within(namespace, budget.metadata) },
      { parent: this },
    );
  }
}

/** Returns the digest of a Deployment's pods; empty if an update has left it out before it was ever made. */
function digestOf(deployment: kubernetes.apps.v1.Deployment): pulumi.Output<string> {
  const spec = deployment.spec as pulumi.Output<kubernetes.types.output.apps.v1.DeploymentSpec | undefined>;
  return spec.apply((known) => known?.template.spec.containers[0]?.image?.split("@")[1] ?? "");
}
