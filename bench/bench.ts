/** One benchmark that `npm run bench -- <name>` runs. */
export interface Bench {
  readonly help: string;
  /** Measures, prints a table and writes it into docs/benchmarks.md. */
  run(): Promise<void>;
}
