import { z } from 'zod';

/**
 * What a benchmark hands over. To add one:
 *
 * 1. `bench/NAME.ts` exports `main(args): Promise<readonly Report[]>`. It prints no tables: `npm run bench` prints, judges
 *    and records what `main` returns. What it says meanwhile goes to standard error.
 * 2. A row in bench/rig/benches.ts: arguments for a full and for a quick run (a few minutes for all of a name of `--check`).
 * 3. Rows in bench/rig/bars.ts below a name of `--check`; each names the figure that it judges. A figure's name is the same at every size; counts
 *    and sizes of the run go into `detail`. A bar whose figure was not recorded is short.
 * 4. In docs/benchmarks.md a heading and the line `<!-- figures: NAME -->` (and `<!-- /figures -->`): what stands
 *    between is written by every run that isn't `--check`. The prose around it stays as it is.
 */

const Samples = z.array(z.number()).min(1);

export const Figure = z.strictObject({
  /** One of its kind in a benchmark; bars find it by this. */
  name: z.string().min(1),
  /** Shown behind the name: sizes and counts of this run. */
  detail: z.string().optional(),
  /** Of a rate more is better, of everything else less. MB are 10^6 bytes; '×' and '' are bare numbers. */
  unit: z.enum(['ms', 's', 'µs', 'MB', '/s', '×', '']),
  /** One value for each round. */
  ours: Samples,
  /** The same by somebody else, measured in turns with ours. */
  peer: Samples.optional(),
  /** Who that is; `containerd` where absent. */
  peerName: z.string().optional(),
});
/** One line of a benchmark's table. */
export type Figure = z.infer<typeof Figure>;

/** A plot of lines, for what is asked at several sizes or over time. */
export const Series = z.strictObject({
  title: z.string(),
  x: z.strictObject({ name: z.string(), log: z.boolean() }),
  y: z.strictObject({ name: z.string(), log: z.boolean() }),
  lines: z.array(
    z.strictObject({ name: z.string(), points: z.array(z.tuple([z.number(), z.number()])).min(1) }),
  ),
});
export type Series = z.infer<typeof Series>;

export const Report = z.strictObject({
  title: z.string().min(1),
  figures: z.array(Figure),
  /** Sentences below the table. */
  notes: z.array(z.string()).optional(),
  series: z.array(Series).optional(),
});
/** One table of a benchmark, with what belongs to it. */
export type Report = z.infer<typeof Report>;

/** What a file of bench/ exports as `main`. */
export type Bench = (args: readonly string[]) => Promise<readonly Report[]>;

/** Runs both in turns, A B A B, after `warm` rounds that do not count. @returns milliseconds of each */
export const interleave = async (
  rounds: number,
  ours: () => Promise<number>,
  peer: () => Promise<number>,
  warm = 1,
): Promise<{ ours: number[]; peer: number[] }> => {
  const taken = { ours: [] as number[], peer: [] as number[] };
  for (let round = -warm; round < rounds; round += 1) {
    const [a, b] = [await ours(), await peer()];
    if (round < 0) continue;
    taken.ours.push(a);
    taken.peer.push(b);
  }
  return taken;
};

/** @returns milliseconds */
export const timed = async (act: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await act();
  return performance.now() - started;
};
