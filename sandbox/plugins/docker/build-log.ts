import { decodeTrace, type BuildStep } from "./build-trace";
import type { EngineMessage } from "./messages";

const shownLines = 30;
// Programs in the build report by lines that start with a stable code; such a line may be far above the last ones.
const codeLine = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\b/;

/** Follows a build: progress by step, and the lines that explain a failure. */
export class BuildLog {
  private readonly begun = new Map<string, number>();
  private readonly ended = new Set<string>();
  private readonly names = new Map<string, string>();
  private readonly lines: string[] = [];
  private readonly codes: string[] = [];
  private readonly partial = new Map<string, string>();

  constructor(private readonly show: (line: string) => void) {}

  /** Takes one message of the engine's answer. */
  take(message: EngineMessage): void {
    if (message.id === "moby.buildkit.trace" && typeof message.aux === "string") {
      const { steps, logs } = decodeTrace(message.aux);
      for (const step of steps) this.takeStep(step);
      for (const { step, text } of logs) this.takeText(step, text);
    } else {
      this.takeText("", message.stream ?? "");
    }
  }

  /** The end of the log, and before it every line with a code that is not in it. */
  explain(): string {
    for (const [step, rest] of this.partial) if (rest !== "") this.takeLine(step, rest);
    const last = this.lines.slice(-shownLines);
    const earlier = this.codes.filter((line) => !last.includes(line)).slice(-shownLines);
    return [...earlier, ...last].join("\n");
  }

  private takeStep({ digest, name, cached, started, completed, error }: BuildStep): void {
    if (name !== "") this.names.set(digest, name);
    // BuildKit's own preparations say nothing to the reader.
    const shown = !name.startsWith("[internal]") && name !== "copy /context /";
    if (started && !this.begun.has(digest)) {
      this.begun.set(digest, Date.now());
      if (shown && !cached) this.show(name);
    }
    if (!completed || this.ended.has(digest)) return;
    this.ended.add(digest);
    const seconds = (Date.now() - (this.begun.get(digest) ?? Date.now())) / 1000;
    if (error !== "") this.show(`FAILED ${name}: ${error}`);
    else if (shown) this.show(cached ? `CACHED ${name}` : `DONE ${seconds.toFixed(1)}s ${name}`);
  }

  // Messages cut lines anywhere.
  private takeText(step: string, text: string): void {
    const [first = "", ...rest] = text.split("\n");
    const whole = [(this.partial.get(step) ?? "") + first, ...rest];
    this.partial.set(step, whole.pop() ?? "");
    for (const line of whole) this.takeLine(step, line);
  }

  private takeLine(step: string, line: string): void {
    const clean = line.replace(/^.*\r(?!$)/, "").trimEnd();
    if (clean === "") return;
    this.lines.push(clean);
    if (this.lines.length > shownLines) this.lines.shift();
    if (codeLine.test(clean)) this.codes.push(clean);
    const name = this.names.get(step)?.match(/^\[[^\]]*\]/)?.[0];
    this.show(name === undefined ? clean : `${name} ${clean}`);
  }
}
