import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { type OdooPodsArgs, secretKeys } from "./objects/odoo-container";
import { urlHost } from "../shared/url-host";
import type { Settings } from "../../settings";
import type { ClusterPlan } from "./plan";
import { filestoreStorage, keepsClass, volumeClaim, within } from "./objects/namespace";
import { names } from "./objects/names";
import { autoscaler, cronDeployment, disruptionBudget, webDeployment, webService } from "./objects/odoo-pods";
import { kubernetesRequest } from "./request";
import { upgradeJob } from "./objects/upgrade-job";
import { password, secretOf, spentPassword } from "./secret";
import type { OdooDatabase } from "./database";

export interface OdooDeploymentArgs {
  readonly settings: Pick<Settings, "odoo" | "doks" | "release">;
  readonly plan: ClusterPlan;
  /** Repository of the Odoo image, with the registry's host. */
  readonly repository: string;
  /** The released digest, `sha256:…`: known once its tags are set, so nothing is deployed before. */
  readonly digest: pulumi.Output<string>;
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
  /** Digest that the pods run. */
  readonly digest: pulumi.Output<string>;

  constructor(name: string, args: OdooDeploymentArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:doks:OdooDeployment", name, {}, opts);
    const { pods, job } = this.#release(name, args);
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
    const after = { ...child, dependsOn: serving };
    const address = webService();
    new kubernetes.core.v1.Service(
      `${name}-web-service`,
      { ...address, metadata: within(args.namespace, address.metadata) },
      { ...served, dependsOn: serving },
    );
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
    // If the new pods do not become ready the update ends here, and the earlier release's cron still runs.
    const cron = cronDeployment(pods);
    const scheduled = new kubernetes.apps.v1.Deployment(
      `${name}-cron`,
      { ...cron, metadata: within(args.namespace, cron.metadata) },
      { ...served, dependsOn: serving },
    );

    this.url = scheduled.id.apply(() => `https://${urlHost(doks.domain)}`);
    this.digest = pulumi.all([args.digest, scheduled.id]).apply(([digest]) => digest);
    this.registerOutputs({ url: this.url, digest: this.digest });
  }

  /** Declares the Job of the release, and what its pods have in common with Odoo's. */
  #release(name: string, args: OdooDeploymentArgs): { pods: OdooPodsArgs; job: pulumi.Resource } {
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
      { metadata: { namespace }, data: plan.worker.data },
      child,
    );
    const pods: OdooPodsArgs = {
      image: request.image,
      digest,
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
      secrets: { database: database.userSecret, master: master.metadata.name },
      databaseConfig: database.config,
    };
    const job = upgradeJob({
      ...pods,
      id: request.id,
      request: { name: told.metadata.name, uid: told.metadata.uid },
      worker: { name: worker.metadata.name, files: plan.worker.files },
      admin: { secret: database.adminSecret, key: secretKeys.admin },
      firstLogin: names.firstLogin,
      databaseStory: database.story,
      upgradeSeconds: release.upgradeMinutes * 60,
    });
    return {
      pods,
      job: new kubernetes.batch.v1.Job(
        `${name}-upgrade`,
        { ...job, metadata: within(namespace, job.metadata) },
        // The earlier Job is deleted first: after a failed release the release before it may follow again, and its Job
        // has the same name.
        { ...child, dependsOn: [filestore, database, ...firstLogin], deleteBeforeReplace: true },
      ),
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
