// Whether times give away which of two things happened, by what an attacker would do: learn a rule from one half of the
// samples, and guess the other half by it.

export interface TimingTell {
  /** The larger median over the smaller one. */
  readonly medianRatio: number;
  /** The share of the samples held back that the learnt rule puts on the right side; 0.5 is a coin. */
  readonly guessedRight: number;
}

/** @param left, right times of both kinds, in the order in which they were taken, equally many */
export function timingTell(left: readonly number[], right: readonly number[]): TimingTell {
  const [learntLeft, testedLeft] = halves(left);
  const [learntRight, testedRight] = halves(right);
  const rule = bestRule(learntLeft, learntRight);
  const guessedRight = shareRight(rule, testedLeft, testedRight);
  const [fast, slow] = [median(left), median(right)].toSorted((a, b) => a - b) as [number, number];
  return { medianRatio: slow / fast, guessedRight };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Says "left" of a time below the threshold, or of one above it. */
interface Rule {
  readonly threshold: number;
  readonly leftIs: "below" | "above";
}

/** Every other one, so that both halves come from the same minutes. */
function halves(values: readonly number[]): [number[], number[]] {
  return [values.filter((_, index) => index % 2 === 0), values.filter((_, index) => index % 2 === 1)];
}

function bestRule(left: readonly number[], right: readonly number[]): Rule {
  let best: Rule = { threshold: 0, leftIs: "above" };
  let bestShare = 0;
  for (const threshold of [...left, ...right]) {
    for (const leftIs of ["below", "above"] as const) {
      const share = shareRight({ threshold, leftIs }, left, right);
      if (share > bestShare) [best, bestShare] = [{ threshold, leftIs }, share];
    }
  }
  return best;
}

function shareRight({ threshold, leftIs }: Rule, left: readonly number[], right: readonly number[]): number {
  const below = (values: readonly number[]) =>
    values.filter((value) => value < threshold).length / values.length;
  const leftBelow = (below(left) + 1 - below(right)) / 2;
  return leftIs === "below" ? leftBelow : 1 - leftBelow;
}
