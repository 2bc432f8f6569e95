import { type Bar, bars } from './bars.ts';
import { type BenchName, benchNames, type CheckName, checkNames } from './benches.ts';
import { figuresOf, type Measurement } from './record.ts';
import type { Judged } from './tables.ts';
import { verdictOf } from './verdict.ts';

/** A name that nobody knows; its message tells the known ones. */
export class UnknownName extends Error {}

/** @param names of `--check`; none are all. @throws UnknownName */
export const chosenChecks = (names: readonly string[]): readonly CheckName[] => {
  const unknown = names.find((name) => !checkNames.some((known) => known === name));
  if (unknown !== undefined) {
    throw new UnknownName(`there are no bars named '${unknown}'; there are: ${checkNames.join(', ')}`);
  }
  return names.length === 0 ? checkNames : checkNames.filter((name) => names.includes(name));
};

/** The benchmarks whose figures the bars of those names judge. */
export const benchesOf = (checks: readonly CheckName[]): readonly BenchName[] => {
  const needed = new Set<BenchName>(checks.flatMap((check) => bars[check].map(({ bench }) => bench)));
  return benchNames.filter((name) => needed.has(name));
};

const judge = (check: CheckName, bar: Bar, measurements: readonly Measurement[]): Judged => {
  const measurement = measurements.find(({ bench }) => bench === bar.bench);
  const figure = measurement && figuresOf(measurement).find(({ name }) => name === bar.figure);
  // A machine can lack only what was looked for on it.
  const verdict = measurement === undefined ? ({ state: 'not measured' } as const) : verdictOf(bar, figure);
  return { check, bar, figure, verdict };
};

/** Every bar of those names beside what was measured for it. */
export const judged = (
  checks: readonly CheckName[],
  measurements: readonly Measurement[],
): readonly Judged[] => checks.flatMap((check) => bars[check].map((bar) => judge(check, bar, measurements)));
