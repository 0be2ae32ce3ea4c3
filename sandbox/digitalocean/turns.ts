/** Does what belongs to one thing in turn, and what belongs to different ones at the same time. */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  /** Runs a task after all earlier ones of this name, whether they ended well or not. */
  take<T>(name: string, task: () => Promise<T>): Promise<T> {
    const turn = (this.last.get(name) ?? Promise.resolve()).catch(() => undefined).then(task);
    this.last.set(name, turn);
    return turn;
  }
}
