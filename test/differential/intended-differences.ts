// Where the direct path is meant to answer otherwise than connect-node, and why.
import type { Answers, Difference } from "./compare.ts";
import type { Case } from "./corpus.ts";

export interface IntendedDifference {
  readonly name: string;
  readonly reason: string;
  /** Whether it is the cause of this one difference. */
  readonly explains: (difference: Difference, answers: Answers, of: Case) => boolean;
}

export const intendedDifferences: readonly IntendedDifference[] = [];
