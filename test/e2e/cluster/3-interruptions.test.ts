import assert from "node:assert/strict";

import { loseNode, regainNode, startApiserver, stopApiserver } from "../../../sandbox/kubernetes/faults";
import { sleep, until } from "../../../sandbox/process";
import type { ClusterTrial, Held } from "../../support/trials/cluster-trial";
import { closeTrial, openTrial } from "../../support/trials/opened";
import { itWhole, sample } from "../../support/sample";
import { type CommandResult, endOnce } from "../../../sandbox/test/helpers/test-stack";
import { digestOf, type TrialRelease } from "../../support/trials/releases";
import type { Step } from "../../support/trials/machine";

const second = 1000;
const outage = { allowed: { outage: true } };
/** A connection of the proxy to Odoo's Service. */
const dial = ["exec", "deployment/odoo-edge", "--", "timeout", "60", "bash", "-c", "exec 3<>/dev/tcp/odoo/8069"];

/** What breaks around an update of a cluster. Each ends with the release before it or with the new one, whole, and the next update goes through. */
describe("an update of a cluster that is interrupted", () => {
  let trial: ClusterTrial;

  before(async () => {
    trial = await openTrial();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.story());
  });

  const sessions = () => trial.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'odoo'", "postgres");
  const next = () => trial.releases.make({ kind: "good" }, trial.level + 1);
  const succeeded = async (release: TrialRelease) => {
    const { status, output } = await trial.deploy(release, { "release:rehearse": false });
    assert.equal(status, 0, output);
    trial.level += 1;
  };
  /** Kubernetes removes a Job of a killed update when its pod has ended, which no update waits for. */
  const oneJob = async () => {
    await until(async () => (await trial.jobs()).length === 1, 120 * second);
    assert.equal((await trial.jobs()).length, 1, (await trial.jobs()).join(", "));
  };
  /** An update of which something is done in the middle, when it has printed `at`. */
  const broken = async (release: TrialRelease, at: RegExp, act: () => Promise<unknown>): Promise<CommandResult> => {
    let acted: Promise<unknown> | undefined;
    const result = await trial.deploy(release, { "release:rehearse": false }, (output) => {
      if (acted === undefined && at.test(output)) {
        acted = act();
        // Told below, after the update's end.
        acted.catch(() => undefined);
      }
    });
    assert.ok(acted !== undefined, `the update never printed ${String(at)}:\n${result.output}`);
    await acted;
    return result;
  };

  /** An update that may fail while something is away in the middle; the next one goes through then. */
  const endsWell = async (away: () => Promise<unknown>) => {
    const release = await next();
    const problems = await trial.problemsAfter(async () => {
      const { status } = await broken(release, /Job \S+ creating/, away);
      console.log(`      the update ended with ${String(status)}`);
      if (status === 0) trial.level += 1;
      else await succeeded(release);
      return { ...outage, changed: true };
    });
    assert.deepEqual(problems, []);
  };

  it("by an apiserver that is away fails with its reason, while users are served", async () => {
    const release = await next();
    const problems = await trial.problemsAfter(async () => {
      await stopApiserver(trial.id);
      const { status, output } = await trial.deploy(release);
      await startApiserver(trial.id);
      assert.notEqual(status, 0, output);
      assert.match(output, /unreachable|ECONNREFUSED|connection refused/i);
      return { allowed: { refusals: "none" } };
    });
    assert.deepEqual(problems, []);
  });

  itWhole("by an apiserver that is away for a minute in the middle ends well, at the latest the next time", () =>
    // Nobody tells the proxy that the pods are about to stop.
    endsWell(async () => {
      await sleep(5 * second);
      await stopApiserver(trial.id);
      await sleep(60 * second);
      await startApiserver(trial.id);
    }),
  );

  for (const step of sample<Step>(["closed", "cloned", "upgraded", "swapped", "tried"], ["tried"])) {
    it(`by a SIGKILL of the worker at "${step}" is rolled back, and goes through the next time`, async () => {
      const release = await next();
      const problems = await trial.problemsAfter(async () => {
        const { status, output } = await broken(release, /Job \S+ creating/, async () =>
          trial.signal(await trial.hold(step), "KILL"),
        );
        assert.notEqual(status, 0, output);
        assert.match(output, /was interrupted at the step/);
        return {};
      });
      assert.deepEqual(problems, []);
    });
  }

  for (const step of sample<Step>(["cloned", "upgraded", "swapped", "tried"], ["cloned"])) {
    it(`by \`kubectl scale\` at "${step}" goes on, and what that starts does not come to the database`, async () => {
      const release = await next();
      assert.notEqual(await sessions(), "0", "Odoo has sessions while it serves");
      const problems = await trial.problemsAfter(async () => {
        const { status, output } = await broken(release, /Job \S+ creating/, async () => {
          const held = await trial.hold(step);
          await trial.kubectl("scale", "deployment/odoo", "--replicas=2");
          await sleep(10 * second);
          assert.equal(await sessions(), "0");
          // Whoever asks meanwhile is told so at once: the proxy is refused, and does not wait for an answer.
          await assert.rejects(trial.kubectl(...dial), /Connection refused/);
          await trial.signal(held, "CONT");
        });
        assert.equal(status, 0, output);
        trial.level += 1;
        return { changed: true };
      });
      assert.deepEqual(problems, []);
    });
  }

  itWhole("by the end of PostgreSQL in the middle ends well, at the latest the next time", async () => {
    const release = await next();
    const problems = await trial.problemsAfter(async () => {
      const { status, output } = await broken(release, /Job \S+ creating/, async () => {
        const held = await trial.hold("upgraded");
        await trial.kubectl("delete", "pod", "odoo-db-0", "--grace-period=0", "--force");
        await trial.signal(held, "CONT");
      });
      console.log(`      the update ended with ${String(status)}`);
      if (status === 0) {
        trial.level += 1;
        return { ...outage, changed: true };
      }
      assert.match(output, /[A-Z]+_[A-Z]+: /);
      return outage;
    });
    assert.deepEqual(problems, []);
  });

  itWhole("by a node that is gone in the middle ends well once it is back", () =>
    endsWell(async () => {
      await trial.hold("upgraded");
      await loseNode(trial.id);
      await sleep(30 * second);
      await regainNode(trial.id);
    }),
  );

  itWhole(
    "by a node without room says so; killed there and begun anew with other settings it goes through when there is some",
    async () => {
      const release = await next();
      const problems = await trial.problemsAfter(async () => {
        await trial.fillNode();
        // Killed it leaves a Job that no state knows; told to end it does not.
        for (const [signal, rehearse] of [["SIGKILL", true] as const, ["SIGINT", false] as const]) {
          const { output } = await trial.deploy(
            release,
            { "release:rehearse": rehearse },
            endOnce(/Insufficient cpu/, signal),
          );
          assert.match(output, /Insufficient cpu/);
          await trial.stack.unlock();
        }
        await trial.emptyNode();
        await succeeded(release);
        return { changed: true };
      });
      assert.deepEqual(problems, []);
      await oneJob();
    },
  );

  itWhole("by a SIGKILL of pulumi is rolled back for an update to something else", async () => {
    const [unwanted, release] = [await next(), await trial.releases.make({ kind: "good" }, trial.level + 1, 1)];
    const problems = await trial.problemsAfter(async () => {
      let held: Promise<Held> | undefined;
      await trial.deploy(unwanted, { "release:rehearse": false }, (output, end) => {
        if (held !== undefined || !/Job \S+ creating/.test(output)) return;
        held = trial.hold("upgraded");
        held.then(() => end("SIGKILL")).catch(() => end("SIGKILL"));
      });
      await trial.stack.unlock();
      assert.ok(held !== undefined, "no Job was created");
      const still = await held;
      const { status, output } = await broken(release, /Job \S+ creating/, () => trial.signal(still, "CONT"));
      assert.equal(status, 0, output);
      trial.level += 1;
      return { changed: true };
    });
    assert.deepEqual(problems, []);
    await oneJob();
    // Its data would be a restore point if it had ever been live.
    const said = await trial.kubectl("logs", "-l", "app=odoo-upgrade", "--tail=-1");
    assert.match(said, /restore point \S+: the data of /);
    assert.ok(!said.includes(digestOf(unwanted)), said);
  });

  itWhole(
    "runs a scheduled job once a minute, with three pods that answer requests and a release in between",
    async () => {
      // One after the other: room for three larger pods and a smaller one beside them is not there.
      for (const settings of [{ "doks:odooCpus": 0.3 }, { "doks:replicas": 3 }]) {
        const { status, output } = await trial.update(settings);
        assert.equal(status, 0, output);
      }
      assert.equal((await trial.pods()).filter(({ app, ready }) => app === "odoo" && ready).length, 3);
      const client = await trial.client();
      const [model] = (await client.call("ir.model", "search", [[["model", "=", "trial.ledger.line"]]])) as number[];
      const code = "env['trial.ledger.line'].create({'name': 'tick'})";
      const id = (await client.call("ir.cron", "create", [
        { name: "Trial tick", model_id: model, state: "code", code, interval_number: 1, interval_type: "minutes" },
      ])) as number;
      const release = await trial.releases.make({ kind: "additive" }, trial.level + 1);
      const ticked = (times: number) =>
        until(
          async () => Number(await trial.sql("SELECT count(*) FROM trial_ledger_line WHERE name = 'tick'")) >= times,
          120 * second,
          2 * second,
        );
      await ticked(1);
      const rolled = await trial.deploy(release, { "release:additive": true });
      assert.equal(rolled.status, 0, rolled.output);
      trial.level += 1;
      await ticked(3);
      // A tick's slot: whole minutes before the next one that is due.
      const slots =
        await trial.sql(`SELECT string_agg(floor(extract(epoch FROM c.nextcall - l.create_date) / 60)::text, ' ' ORDER BY l.id)
      FROM trial_ledger_line l, ir_cron c WHERE l.name = 'tick' AND c.id = ${id}`);
      const times = await trial.sql(
        "SELECT string_agg(to_char(create_date, 'MI:SS'), ' ' ORDER BY id) FROM trial_ledger_line WHERE name = 'tick'",
      );
      console.log(`      slots of the ticks: ${slots} (at ${times})`);
      const seen = slots.split(" ");
      assert.equal(new Set(seen).size, seen.length, "a tick ran twice");
      assert.ok(seen.length >= 3, `only ${seen.length} ticks before, during and after a release`);
      await client.call("ir.cron", "unlink", [[id]]);
      assert.deepEqual(await trial.wrongRelease(), []);
    },
  );

  it("leaves nothing behind but volumes when it is destroyed", async () => {
    const { status, output } = await trial.destroy();
    assert.equal(status, 0, output);
    assert.ok(
      await until(async () => (await trial.clusters()).length === 0, 600 * second),
      "the cluster is still there",
    );
    await closeTrial();
  });
});
