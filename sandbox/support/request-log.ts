/** One answered request. No query, header or body is kept: they may hold secrets. */
export interface LoggedRequest {
  readonly at: string;
  readonly server: "api" | "registry";
  readonly method: string;
  readonly path: string;
  /** 0: the connection ended before an answer. */
  readonly status: number;
}

/** The latest requests of both servers, oldest first, so that a test can say "nothing was changed". */
export class RequestLog {
  private entries: LoggedRequest[] = [];

  constructor(private readonly limit = 2000) {}

  add(entry: Omit<LoggedRequest, "at">): void {
    this.entries.push({ at: new Date().toISOString(), ...entry });
    if (this.entries.length > this.limit) {
      this.entries.shift();
    }
  }

  list(): readonly LoggedRequest[] {
    return this.entries;
  }

  clear(): void {
    this.entries = [];
  }
}
