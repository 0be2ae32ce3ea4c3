/** Tag of an unreleased image: it names the content and nothing else. */
export function candidateTag(contentHash: string): string {
  return `candidate-${contentHash}`;
}
