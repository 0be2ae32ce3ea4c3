/** The tag of an unreleased image: its content, nothing else. */
export function candidateTag(contentHash: string): string {
  return `candidate-${contentHash}`;
}
