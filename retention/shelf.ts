import type { Listed } from "./held";

/** A repository, as it can be listed and cleared. */
export interface Shelf {
  /** Whether the list has what no tag names, too. */
  readonly listsAll: boolean;
  list(): Promise<Listed[]>;
  /** Takes a tag away, if it is there. */
  untag(tag: string): Promise<void>;
  /** Takes a manifest away, if it is there. */
  remove(digest: string): Promise<void>;
  /** Has the room of what was removed come back. Answers what to tell. */
  collect(): Promise<string>;
}
