/** The names of `npm run bench -- --check NAME`. */
export const checkNames = ['log', 'pull', 'start', 'memory', 'load', 'gc', 'metadata', 'boot'] as const;
export type CheckName = (typeof checkNames)[number];

export interface Run {
  /** Arguments of `npm run bench` without a name. */
  readonly full: readonly string[];
  /** Arguments of `--check`: all benchmarks that bars of a name judge take some four minutes together. */
  readonly quick: readonly string[];
}

/** Every file of bench/, in the order in which all of them run. */
export const benches = {
  log: { full: ['5', '1'], quick: ['3', '0.5'] },
  history: { full: ['10000000'], quick: ['1000000'] },
  verify: { full: ['1000000', '3'], quick: ['200000', '2'] },
  fold: { full: ['1000000', '200', '3'], quick: ['200000', '200', '2'] },
  kurrentdb: { full: ['3', '50000'], quick: ['1', '20000'] },
  slice: { full: ['200000'], quick: ['50000'] },
  pull: { full: ['5'], quick: ['2'] },
  'ctr-pull': { full: ['5'], quick: ['2'] },
  unpack: { full: ['5'], quick: ['2'] },
  start: { full: ['16'], quick: ['8'] },
  run: { full: ['30'], quick: ['8'] },
  podman: { full: ['15'], quick: ['6'] },
  'ctr-run': { full: ['20'], quick: ['6'] },
  memory: { full: ['10000', '100', '3'], quick: ['400', '100', '2'] },
  gc: { full: ['3'], quick: ['1', '10000', '200000', '10000', '100000'] },
  load: { full: ['5', '500'], quick: ['2', '500'] },
  metadata: { full: ['5', '1'], quick: ['2', '0.5'] },
  boot: { full: ['9', '1000000', '10000'], quick: ['3', '200000', '10000'] },
  'long-log': { full: ['5000000', '200', '5'], quick: ['200000', '200', '3'] },
} as const satisfies Readonly<Record<string, Run>>;
export type BenchName = keyof typeof benches;

export const benchNames = Object.keys(benches) as BenchName[];
export const runOf = (name: BenchName): Run => benches[name];
