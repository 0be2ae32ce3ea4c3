import { TimeLeft, timeLeft, type Work } from "./time-left";
import type { Progress } from "./tools/cache";

/** One step of a run. */
export interface Step {
  readonly title: string;
  /** Seconds of work, as measured on two quiet cores that both do nothing else; for the estimate only. A second of one core counts one. */
  readonly work: Work;
  /** Titles of the steps that have to end before it begins. @default the one before it */
  readonly after?: readonly string[];
  run(progress: Progress): Promise<void>;
}

interface Timing {
  readonly title: string;
  readonly seconds: number;
}

const heartbeatMs = 30_000;
let interrupted = false;

/** From now on a step that fails is told as interrupted: what it was at has been ended. */
export function tellInterrupted(): void {
  interrupted = true;
}

/**
 * Runs steps, each as soon as those have ended that it comes after. Every change is a line; every half minute one line tells what is under
 * way, how far it is, and the time left. When a step fails those that run are waited for, and none begins.
 * @returns the time of each step, in the order in which they were given.
 */
export async function runSteps(steps: readonly Step[], print: (line: string) => void): Promise<readonly Timing[]> {
  const run = new Run(steps, print);
  const heartbeat = setInterval(() => run.tell(), heartbeatMs);
  try {
    return await run.all();
  } finally {
    clearInterval(heartbeat);
  }
}

class Run {
  readonly #begun = Date.now();
  readonly #left: TimeLeft;
  /** What is under way: the words, and how much of it is done. */
  readonly #doing = new Map<string, { message: string; done: number | undefined }>();
  #failed = false;

  constructor(
    private readonly steps: readonly Step[],
    private readonly print: (line: string) => void,
  ) {
    this.#left = new TimeLeft(steps.map(({ work }) => work));
  }

  async all(): Promise<readonly Timing[]> {
    const running = new Map<string, Promise<Timing | undefined>>();
    this.steps.forEach((step, index) => {
      const before = (step.after ?? this.steps.slice(index - 1, index).map(({ title }) => title)).map((title) => {
        const other = running.get(title);
        if (other === undefined) throw new Error(`${step.title} comes after ${title}, which is not before it`);
        return other;
      });
      running.set(
        step.title,
        Promise.all(before).then(() => (this.#failed ? undefined : this.#run(step, index))),
      );
    });
    const outcomes = await Promise.allSettled(running.values());
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) throw failure.reason;
    return outcomes.flatMap((outcome) =>
      outcome.status === "fulfilled" && outcome.value !== undefined ? [outcome.value] : [],
    );
  }

  /** One line about all that is under way. */
  tell(): void {
    const parts = [...this.#doing].map(([title, { message, done }]) => {
      const words = message === "" ? title : `${title}: ${message}`;
      return done === undefined ? words : `${words}, ${Math.floor(done * 100)} %`;
    });
    if (parts.length > 0) this.#say(`${parts.join("; ")} - ${timeLeft(this.#left.seconds())}`);
  }

  async #run(step: Step, index: number): Promise<Timing> {
    const begun = Date.now();
    const number = `[${index + 1}/${this.steps.length}] ${step.title}`;
    this.#say(number);
    this.#left.begin(index);
    this.#doing.set(step.title, { message: "", done: undefined });
    try {
      // Two things of one step may be under way and speak in turn.
      const told = new Set<string>();
      await step.run((message, done, how) => {
        const before = this.#doing.get(step.title)?.done ?? 0;
        this.#doing.set(step.title, { message, done: done === undefined ? undefined : Math.max(before, done) });
        if (how === "waits") this.#left.wait(index);
        else if (done === undefined) this.#left.hush(index);
        else this.#left.report(index, done, how === "found");
        if (!told.has(message)) this.#say(`${number}: ${message}`);
        told.add(message);
      });
    } catch (error) {
      this.#failed = true;
      this.#doing.delete(step.title);
      const others = [...this.#doing.keys()].join(", ");
      const waiting = others === "" ? "" : ` (waiting for what is under way: ${others})`;
      const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
      this.#say(interrupted ? `${number}: interrupted` : `${number}: failed: ${reason}${waiting}`);
      throw error;
    }
    this.#doing.delete(step.title);
    this.#left.end(index);
    const seconds = (Date.now() - begun) / 1000;
    this.#say(`${number}: done in ${duration(seconds)}`);
    return { title: step.title, seconds };
  }

  /** A line, with the time since the start before it. */
  #say(line: string): void {
    const seconds = Math.floor((Date.now() - this.#begun) / 1000);
    this.print(`${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, "0")} ${line}`);
  }
}

/** The times as a table, for the end of a run. */
export function timesTable(timings: readonly Timing[]): string {
  const width = Math.max(...timings.map(({ title }) => title.length));
  return timings.map(({ title, seconds }) => `  ${title.padEnd(width)}  ${duration(seconds).padStart(8)}`).join("\n");
}

/** `75` as `1 min 15 s`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}
