import * as pulumi from "@pulumi/pulumi";

import { names } from "./objects/names";

/** Longer than Pulumi takes to see that a resource is as it should be. */
const shortMs = 2_000;

/**
 * Says what goes on in the cluster if the update is ended now, once a resource has been waited for for a moment. The
 * plugin of Kubernetes only stops waiting when an update is ended, and tells nothing but that. This program cannot say
 * it then, since it hears of a failure and of an end in the same way. The line stands among the last ones of both.
 * @param begins known right before the engine makes or changes the resource
 * @param done known once it is as it should be
 * @param component whose line it is
 */
export function sayWhatGoesOn(
  begins: pulumi.Output<unknown>,
  done: pulumi.Output<unknown>,
  text: pulumi.Input<string>,
  component: pulumi.Resource,
): void {
  if (pulumi.runtime.isDryRun()) {
    return;
  }
  let over = false;
  done.apply(() => (over = true));
  pulumi.all([begins, text]).apply(([, line]) => {
    const wait = setTimeout(() => over || void pulumi.log.info(line, component), shortMs);
    // An update that has failed does not wait for it.
    wait.unref();
  });
}

/** Line about the Job of a release. */
export function jobGoesOn(id: pulumi.Output<string>, namespace: string): pulumi.Output<string> {
  return id.apply(
    (known) =>
      `the Job ${names.upgrade}-${known} carries the release out. If this update is ended it goes on by itself, and ` +
      "nothing that comes after it begins: once it has succeeded, users may see the maintenance page until the next " +
      `update. See each of its steps with \`${stepsOf(namespace, known)}\`. When it has ` +
      "ended, run the same command again; before, that would begin the release anew.",
  );
}

/** Command that shows a release step by step. kubectl waits for a pod, and for no container whose image is pulled. */
const stepsOf = (namespace: string, id: string) =>
  `until kubectl -n ${namespace} logs -f job/${names.upgrade}-${id}; do sleep 2; done`;

/** Line about the pods that follow it. */
export function podsGoOn(namespace: string): string {
  return (
    "Kubernetes replaces Odoo's pods. If this update is ended it goes on by itself, and nothing that comes after it " +
    `begins: the jobs of Odoo's cron stay with the earlier release's pod, if there is one. See how far it is with ` +
    `\`kubectl -n ${namespace} get pods\`. Run the same command again for the rest.`
  );
}
