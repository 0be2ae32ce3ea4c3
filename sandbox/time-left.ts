/** The speed of the machine where the work of the steps was measured: seconds of work in a second, of two cores. */
const usualSpeed = 2;
/** How long this machine's own speed has to show before it counts as much as the usual one. Seconds. */
const trialSeconds = 10;
/** The speed is that of the last minutes: another process may come or go. Seconds. */
const memorySeconds = 240;
/** What a step that says nothing takes of the machine beside one that does: it may wait for the network or the disk. */
const silentWeight = 0.5;
/** What ends within so long was there already, and says nothing of the machine. Seconds. */
const momentSeconds = 4;

/** Seconds of work; `steady`: seconds that a step takes on any machine, as it waits more than it works. */
export type Work = number | { readonly steady: number };

interface Part {
  /** Seconds of work, or of time if it is steady. */
  work: number;
  steady: boolean;
  /** How much is done, from 0 to 1. */
  done: number;
  /** Whether it has said how much is done, at least once. */
  spoke: boolean;
  begun?: number;
  /** Its share of the seconds that have passed since it does not say how much; `undefined` while it does. */
  hushed?: number | undefined;
  /** Another step is at work for it. */
  waits: boolean;
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
   * @param works what each step is
   * @param now a clock, in seconds
   */
  constructor(works: readonly Work[], now: () => number = () => performance.now() / 1000) {
    this.#parts = works.map((work) => ({
      ...(typeof work === "number" ? { work, steady: false } : { work: work.steady, steady: true }),
      ...{ done: 0, spoke: false, waits: false, ended: false },
    }));
    this.#now = now;
    this.#seen = now();
  }

  begin(index: number): void {
    this.#pass();
    const part = this.#part(index);
    part.begun = this.#now();
    part.hushed = 0;
  }

  /**
   * The first word about a step tells what was there before: a build that was cut goes on.
   * @param found what was not done when it spoke last was there before, too
   */
  report(index: number, done: number, found = false): void {
    this.#pass();
    const part = this.#part(index);
    const known = Math.min(1, Math.max(part.done, done));
    // The time of what it did silently counts together with its outcome.
    if (part.spoke) this.#learn(part, found ? 0 : known - part.done);
    part.spoke = true;
    part.hushed = undefined;
    part.waits = false;
    part.done = known;
  }

  /** It is at something of which it cannot say how much is done: the next word counts for all of it. */
  hush(index: number): void {
    this.#pass();
    const part = this.#part(index);
    part.waits = false;
    part.hushed ??= 0;
  }

  /** Until its next word another step is at work for it. */
  wait(index: number): void {
    this.hush(index);
    this.#part(index).waits = true;
  }

  end(index: number): void {
    this.#pass();
    const part = this.#part(index);
    part.ended = true;
    const lasted = this.#now() - (part.begun ?? this.#now()) > momentSeconds;
    if (part.spoke || lasted) this.#learn(part, lasted ? 1 - part.done : 0);
    part.done = 1;
  }

  /** Seconds until all steps have ended. */
  seconds(): number {
    this.#pass();
    const speed = this.#speed();
    const left = this.#parts.map(({ work, steady, done, hushed = 0 }) => {
      const pace = steady ? 1 : speed;
      const rest = work * (1 - done);
      return (rest * (1 - takenToBeDone((hushed * pace) / Math.max(rest, 1)))) / pace;
    });
    return left.reduce((sum, seconds) => sum + seconds, 0);
  }

  /** Learns how quick the machine is: so much of a step was done, also in the time in which it said nothing. */
  #learn({ work, steady, hushed = 0 }: Part, share: number): void {
    if (steady) return;
    this.#time += hushed;
    this.#work += work * share;
  }

  #speed(): number {
    return Math.max(this.#work / this.#time, 0.01);
  }

  /** Lets the time since the last look pass. What is older counts less; of a step that says nothing its end tells how quick it was. */
  #pass(): void {
    const now = this.#now();
    const passed = now - this.#seen;
    this.#seen = now;
    const running = this.#parts.filter((part) => part.begun !== undefined && !part.ended && !part.waits);
    const working = running.filter(({ steady }) => !steady);
    const heard = working.filter(({ hushed }) => hushed === undefined).length;
    const weight = heard === 0 ? 1 : silentWeight;
    const share = passed / Math.max(heard + weight * (working.length - heard), weight);
    for (const part of running) if (part.hushed !== undefined) part.hushed += part.steady ? passed : weight * share;
    const speaking = heard * share;
    const kept = Math.exp(-speaking / memorySeconds);
    this.#work *= kept;
    this.#time = this.#time * kept + speaking;
  }

  #part(index: number): Part {
    const part = this.#parts[index];
    if (part === undefined) throw new Error(`there is no step ${index}`);
    return part;
  }
}

/**
 * How much is taken to be done of what says nothing, by how much could be by now: it gets on, and is never done, as it
 * has not ended.
 */
function takenToBeDone(expected: number): number {
  return expected < 0.7 ? expected : 1 - 0.3 * Math.exp((0.7 - expected) / 0.3);
}

/** Seconds for people: whole minutes, as more would be pretended. */
export function timeLeft(seconds: number): string {
  if (seconds < 45) return "less than a minute left";
  const minutes = Math.round(seconds / 60);
  return minutes <= 1 ? "about a minute left" : `about ${minutes} minutes left`;
}
