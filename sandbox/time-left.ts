/** The speed of the machine where the work of the steps was measured: seconds of work in a second, of two cores. */
const usualSpeed = 2;
/** How long this machine's own speed has to show before it counts as much as the usual one. Seconds. */
const trialSeconds = 30;
/** The speed is that of the last minutes: another process may come or go. Seconds. */
const memorySeconds = 240;
/** What ends within so long was there already, and says nothing of the machine. Seconds. */
const momentSeconds = 4;

interface Part {
  /** Seconds of work. */
  work: number;
  /** How much is done, from 0 to 1. */
  done: number;
  /** How much was there when it began; `undefined` until it says so. */
  found?: number;
  begun?: number;
  ended: boolean;
}

/**
 * Tells how much time is left. What is to be done is given in seconds of work, measured once on another machine; how fast this one does it
 * is learnt from what it has done so far, also within a step.
 */
export class TimeLeft {
  readonly #parts: Part[];
  readonly #now: () => number;
  #seen: number;
  #work = usualSpeed * trialSeconds;
  #time = trialSeconds;

  /**
   * @param works seconds of work of each step
   * @param now a clock, in seconds
   */
  constructor(works: readonly number[], now: () => number = () => performance.now() / 1000) {
    this.#parts = works.map((work) => ({ work, done: 0, ended: false }));
    this.#now = now;
    this.#seen = now();
  }

  begin(index: number): void {
    this.#pass();
    this.#part(index).begun = this.#now();
  }

  /** The first word about a step tells what was there before: a build that was cut goes on. */
  report(index: number, done: number): void {
    this.#pass();
    const part = this.#part(index);
    const known = Math.min(1, Math.max(part.done, done));
    if (part.found === undefined) part.found = known;
    else this.#work += part.work * (known - part.done);
    part.done = known;
  }

  end(index: number): void {
    this.#pass();
    const part = this.#part(index);
    const worked = this.#now() - (part.begun ?? this.#now()) > momentSeconds;
    if (worked) this.#work += part.work * (1 - part.done);
    part.done = 1;
    part.ended = true;
  }

  /** Seconds until all steps have ended. */
  seconds(): number {
    this.#pass();
    const left = this.#parts.reduce((sum, part) => sum + part.work * (1 - part.done), 0);
    return left / this.#speed();
  }

  #speed(): number {
    return Math.max(this.#work / this.#time, 0.01);
  }

  /** Lets the time since the last look pass: what is older counts less, and steps that say nothing of themselves are taken to get on. */
  #pass(): void {
    const now = this.#now();
    const passed = now - this.#seen;
    if (passed <= 0) return;
    this.#seen = now;
    const silent = this.#parts.filter((part) => part.begun !== undefined && !part.ended && part.found === undefined);
    const running = this.#parts.filter((part) => part.begun !== undefined && !part.ended).length;
    const share = (this.#speed() * passed) / Math.max(running, 1);
    const kept = Math.exp(-passed / memorySeconds);
    this.#time = this.#time * kept + passed;
    this.#work *= kept;
    for (const part of silent) {
      // Never all of it: it has not ended.
      const more = (1 - part.done) * (1 - Math.exp(-share / Math.max(part.work, 1)));
      part.done += more;
      this.#work += part.work * more;
    }
  }

  #part(index: number): Part {
    const part = this.#parts[index];
    if (part === undefined) throw new Error(`there is no step ${index}`);
    return part;
  }
}

/** Seconds for people: whole minutes, as more would be pretended. */
export function timeLeft(seconds: number): string {
  if (seconds < 45) return "less than a minute left";
  const minutes = Math.round(seconds / 60);
  return minutes <= 1 ? "about a minute left" : `about ${minutes} minutes left`;
}
