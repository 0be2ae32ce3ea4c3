import assert from "node:assert/strict";

import { answerOf } from "../../../components/kubernetes/history";
import type { Answer } from "../../../components/shared/ask";
import { historyOf } from "../../support/made-up-stack";

describe("the releases of a cluster", () => {
  /** kubectl that answers by its verb, `first` to the first questions for logs, and what it was asked. */
  const kubectl = (answers: Record<string, Partial<Answer>>, first: Partial<Answer>[] = []) => {
    const asked: string[][] = [];
    const run = (...args: string[]) => {
      asked.push(args);
      const told = (args[0] === "logs" ? first.shift() : undefined) ?? answers[args[0] ?? ""];
      const answer: Answer = { status: 0, stdout: "", stderr: "", problem: undefined, ...told };
      return Promise.resolve(answer);
    };
    return { asked, run };
  };

  it("come from a Job of the worker's template, which is removed", async () => {
    const { asked, run } = kubectl({ logs: { stdout: `${JSON.stringify(historyOf())}\n` } });
    assert.deepEqual(await answerOf(run), { target: "cluster", history: historyOf(), problem: "" });
    const job = asked[0]?.[2] ?? "";
    assert.match(job, /^odoo-ship-releases-\d+-\d+$/);
    assert.ok(job.length <= 63);
    assert.deepEqual(asked, [
      ["create", "job", job, "--from=cronjob/odoo-ship-releases"],
      ["logs", "-f", "--pod-running-timeout=3m", `job/${job}`],
      ["delete", "job", job, "--wait=false"],
    ]);
  });

  it("are waited for while the container of the Job's pod is not there yet, of which kubectl says so and ends", async () => {
    const creating =
      'Error from server (BadRequest): container "odoo-ship" in pod "odoo-ship-releases-1-1-x" is waiting to start: ' +
      "ContainerCreating";
    const { asked, run } = kubectl({ logs: { stdout: JSON.stringify(historyOf()) } }, [
      { status: 1, stderr: creating },
    ]);
    assert.equal((await answerOf(run)).problem, "");
    assert.deepEqual(
      asked.map(([verb]) => verb),
      ["create", "logs", "logs", "delete"],
    );
  });

  it("are not known where the Job cannot be made or does not answer, and the reason is told", async () => {
    const problemOf = async (answers: Record<string, Partial<Answer>>) =>
      (await answerOf(kubectl(answers).run)).problem;
    const failed = { status: 1 } as const;
    const absent = 'Error from server (NotFound): cronjobs.batch "odoo-ship-releases" not found';
    assert.match(await problemOf({ create: { ...failed, stderr: absent } }), /the next `pulumi up` brings it/);
    const none = { status: undefined, problem: "spawn kubectl ENOENT" };
    assert.match(await problemOf({ create: none }), /kubectl is not installed on this machine/);
    assert.equal(await problemOf({ create: { ...failed, stderr: "Unauthorized" } }), "Unauthorized");
    const waiting = { ...failed, stderr: "timed out waiting for the condition" };
    assert.match(await problemOf({ logs: waiting }), /did not answer: timed out/);
  });
});
