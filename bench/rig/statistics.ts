/** @param part 0.5 is the median. @returns NaN where there are no values */
export const quantile = (values: readonly number[], part: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const [low, high] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return low + (high - low) * (at - Math.floor(at));
};

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Rounds are neighbours in time, so their ratios show how far the machine's noise reaches. */
export const ratiosOf = (ours: readonly number[], peer: readonly number[]): readonly number[] =>
  ours.flatMap((value, at) => {
    const other = peer[at];
    return other === undefined ? [] : [value / other];
  });
