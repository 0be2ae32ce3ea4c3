/** Notes what it is told, and fails where a test says so. */
export abstract class Recorder {
  readonly told: string[] = [];
  /** Names of calls that fail. */
  readonly failing = new Set<string>();
  protected held: Promise<unknown> = Promise.resolve();

  /** What was told since the last call of this. */
  news(): string[] {
    return this.told.splice(0);
  }

  /** From now on nothing is done, until the answered function is called. */
  hold(): () => void {
    let release: () => void = () => undefined;
    this.held = new Promise<void>((resolve) => (release = resolve));
    return release;
  }

  protected async note(what: string, ...more: readonly (string | number)[]): Promise<void> {
    await this.held;
    this.told.push([what, ...more].filter((word) => word !== "").join(" "));
    if (this.failing.has(what)) throw new Error(`${what} fails`);
  }
}
