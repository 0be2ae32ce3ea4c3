import assert from "node:assert/strict";
import { TimeLeft, timeLeft, type Work } from "../time-left";
import recorded from "./recorded-runs.json";

/** A machine on which time passes by word. It does `speed` seconds of work in a second. */
class Machine {
  seconds = 0;
  readonly left: TimeLeft;

  constructor(
    private readonly works: readonly number[],
    private readonly speed: (seconds: number) => number,
  ) {
    this.left = new TimeLeft(works, () => this.seconds);
  }

  /** Does the steps one after the other; answers what was said each ten seconds, with what was true. */
  run({ says = true, found = 0, real = 1 } = {}): { said: number; at: number; end: number }[] {
    const told: { said: number; at: number }[] = [];
    this.works.forEach((work, index) => {
      this.left.begin(index);
      for (let done = index === 0 ? found * work : 0; done < work; done += this.speed(this.seconds) / real) {
        if (says) this.left.report(index, done / work);
        if (this.seconds % 10 === 0) told.push({ said: this.left.seconds(), at: this.seconds });
        this.seconds += 1;
      }
      this.left.end(index);
    });
    return told.map((each) => ({ ...each, end: this.seconds }));
  }
}

/** How far off the worst word was after the first three minutes, as a share of the truth; below a minute people are told just that. */
function worst(told: readonly { said: number; at: number; end: number }[]): number {
  const late = told.filter(({ at, end }) => at >= 180 && end - at > 60);
  assert.ok(late.length > 10, "the run is too short to tell");
  return Math.max(...late.map(({ said, at, end }) => Math.abs(said - (end - at)) / (end - at)));
}

describe("The time left", () => {
  const works = [250, 220, 40, 220, 560, 300];

  for (const [machine, speed] of [
    ["a machine like the one where it was measured", 2],
    ["a slow one", 0.4],
    ["a quick one", 3],
  ] as const) {
    it(`is right on ${machine}`, () => {
      assert.ok(worst(new Machine(works, () => speed).run()) < 0.2);
    });
  }

  it("learns that another process has begun to take half of the machine", () => {
    const told = new Machine(works, (seconds) => (seconds < 400 ? 2 : 1)).run();
    const after = told.filter(({ at }) => at >= 580);
    assert.ok(worst(after) < 0.5);
  });

  it("is not wrong by more than half where each step takes a third more than measured", () => {
    assert.ok(worst(new Machine(works, () => 1).run({ real: 1.33 })) < 0.5);
  });

  it("does not stand still while a step says nothing, and learns from its end", () => {
    const told = new Machine(works, () => 1).run({ says: false });
    for (let index = 1; index < told.length; index += 1) assert.notEqual(told[index]?.said, told[index - 1]?.said);
    const after = told.filter(({ at }) => at > 700);
    assert.ok(worst(after) < 0.5);
  });

  it("does not count what a run before has left as the work of this one", () => {
    assert.ok(worst(new Machine(works, () => 0.5).run({ found: 0.8 })) < 0.2);
  });

  it("counts what a step does without saying how much, once it says so", () => {
    const machine = new Machine([600, 600], () => 1);
    machine.left.begin(0);
    machine.left.report(0, 0);
    machine.left.hush(0);
    machine.seconds += 300;
    machine.left.report(0, 0.5);
    // As slow as it was: one second of work in a second, and 900 are left.
    assert.ok(Math.abs(machine.left.seconds() - 900) < 60, `${machine.left.seconds()}`);
  });

  it("does not stand still meanwhile, and never takes it for done", () => {
    const machine = new Machine([600], () => 1);
    machine.left.begin(0);
    machine.left.report(0, 0);
    machine.seconds += 300;
    machine.left.report(0, 0.5);
    machine.left.hush(0);
    const told = Array.from({ length: 12 }, () => ((machine.seconds += 60), machine.left.seconds()));
    told.forEach((said, index) => assert.ok(said < (told[index - 1] ?? 300) && said > 0, told.join()));
  });

  it("takes what a step finds in its middle for no work of its own", () => {
    const machine = new Machine([600, 600], () => 1);
    machine.left.begin(0);
    machine.left.report(0, 0);
    for (const done of [0.1, 0.2]) {
      machine.seconds += 60;
      machine.left.report(0, done);
    }
    machine.left.report(0, 0.7, true);
    machine.seconds += 60;
    machine.left.report(0, 0.8);
    assert.ok(Math.abs(machine.left.seconds() - 720) < 60, `${machine.left.seconds()}`);
  });

  it("leaves all of the time to the step that another one waits for", () => {
    const machine = new Machine([600, 600], () => 1);
    for (const index of [0, 1]) {
      machine.left.begin(index);
      machine.left.report(index, 0);
    }
    machine.left.wait(1);
    for (const done of [0.2, 0.4, 0.6]) {
      machine.seconds += 120;
      machine.left.report(0, done);
    }
    assert.ok(Math.abs(machine.left.seconds() - 840) < 60, `${machine.left.seconds()}`);
  });

  it("takes a step that waits as long as ever on a slow machine, and learns nothing of the machine from it", () => {
    let now = 0;
    const left = new TimeLeft([300, { steady: 100 }, 50], () => now);
    left.begin(0);
    for (const done of [0, 0.5, 1]) {
      left.report(0, done);
      now += done === 1 ? 0 : 600;
    }
    left.end(0);
    // A quarter of a second of work in a second: 200 for the last step.
    assert.ok(Math.abs(left.seconds() - 300) < 40, `${left.seconds()}`);
    left.begin(1);
    left.wait(1);
    now += 500;
    assert.ok(Math.abs(left.seconds() - 300) < 40, "the time in which another step is at work for it counts");
    left.hush(1);
    now += 50;
    assert.ok(Math.abs(left.seconds() - 250) < 40, `${left.seconds()}`);
    left.report(1, 0.8);
    assert.ok(Math.abs(left.seconds() - 220) < 40, `${left.seconds()}`);
    left.end(1);
    assert.ok(Math.abs(left.seconds() - 200) < 40, `${left.seconds()}`);
  });

  it("takes what ends at once as there already", () => {
    const machine = new Machine([240, 240, 240], () => 1);
    for (const index of [0, 1]) {
      machine.left.begin(index);
      machine.seconds += 1;
      machine.left.end(index);
    }
    assert.ok(Math.abs(machine.left.seconds() - 120) < 10, `${machine.left.seconds()}`);
  });

  // What `npm start` has said from nothing, with the work of the steps as it was at that time.
  for (const { machine, end, events } of recorded.runs) {
    it(`is not wrong by more than half in a run recorded on ${machine}`, () => {
      let now = 0;
      const left = new TimeLeft(recorded.works as Work[], () => now);
      const told: { said: number; at: number; end: number }[] = [];
      const happened = events.map((event) => event.split(" "));
      // It speaks each half minute.
      for (let next = 30; next < end; next += 30) {
        while (Number(happened[0]?.[0]) <= next) {
          const [at = "", step = "", what = "", found] = happened.shift() ?? [];
          now = Number(at);
          const index = Number(step);
          if (what === "begin" || what === "end" || what === "hush" || what === "wait") left[what](index);
          else left.report(index, Number(found ?? what), found !== undefined);
        }
        now = next;
        told.push({ said: left.seconds(), at: now, end });
      }
      // The busy one was as quick as the quiet one for three minutes.
      const known = told.filter(({ at }) => at > 240);
      assert.ok(worst(known) < 0.5, `${worst(known)}`);
    });
  }

  it("is said in words that do not pretend", () => {
    assert.deepEqual([0, 44, 60, 100, 754].map(timeLeft), [
      "less than a minute left",
      "less than a minute left",
      "about a minute left",
      "about 2 minutes left",
      "about 13 minutes left",
    ]);
  });
});
