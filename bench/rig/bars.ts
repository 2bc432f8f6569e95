import type { BenchName, CheckName } from './benches.ts';

/** What a figure is held against. */
export interface Bar {
  readonly bench: BenchName;
  /** The figure's name. */
  readonly figure: string;
  /** `ratio` is ours by the peer's, of medians; `median` and `worst` are of ours alone, in the figure's unit. */
  readonly of: 'ratio' | 'median' | 'worst';
  /** Met by no more than `most`, or no less than `least`. */
  readonly most?: number;
  readonly least?: number;
  /** Where a machine may lack what is measured: then the bar is left out there, and this says why. */
  readonly unless?: string;
}

const ratio = (bench: BenchName, figure: string, most: number): Bar => ({ bench, figure, of: 'ratio', most });
const atMost = (bench: BenchName, figure: string, most: number): Bar => ({
  bench,
  figure,
  of: 'median',
  most,
});
const atLeast = (bench: BenchName, figure: string, least: number): Bar => ({
  bench,
  figure,
  of: 'median',
  least,
});
const never = (bench: BenchName, figure: string, most: number): Bar => ({
  bench,
  figure,
  of: 'worst',
  most,
});

const creates = ['leases', 'containers', 'images'].flatMap((of): readonly Bar[] => [
  { bench: 'metadata', figure: `${of} create, 1 client`, of: 'ratio', least: 1.5 },
  { bench: 'metadata', figure: `${of} create, 16 clients`, of: 'ratio', least: 3 },
  ratio('metadata', `${of} create, 16 clients: p99`, 0.5),
]);
const reads = ['1 client', '16 clients'].map(
  (clients): Bar => ({ bench: 'metadata', figure: `containers get, ${clients}`, of: 'ratio', least: 0.6 }),
);

/** The bars that Shiplog set itself: of the log, of containerd's API, and of the work beside containerd. */
export const bars = {
  log: [
    { bench: 'log', figure: '1 appender', of: 'ratio', least: 0.8 },
    atMost('log', '16 appenders: p99', 5),
    atLeast('log', '256 appenders', 200_000),
    atLeast('log', 'replay: reading and the domain fold', 300_000),
    atLeast('verify', 'verify', 200_000),
    atMost('history', 'history of a container, cold', 150),
    atLeast('kurrentdb', 'replica catching up', 5000),
  ],
  pull: [
    ratio('pull', 'ten gzip layers', 0.4),
    ratio('pull', 'ten gzip layers, by tar', 1.3),
    ratio('pull', 'ten zstd layers', 0.45),
    ratio('pull', 'one layer', 0.55),
    ratio('pull', 'removing ten layers', 0.5),
    ratio('ctr-pull', 'ctr images pull, one layer', 0.8),
    ratio('ctr-pull', 'ctr images pull, four layers', 0.8),
  ],
  start: [
    ratio('start', 'to running', 0.75),
    ratio('start', 'to deleted', 0.75),
    // A cycle of one of eight clients: 1.4 times as many a second.
    ratio('start', '8 clients, each cycle', 0.714),
    ratio('start', 'exec of true', 0.8),
    {
      ...ratio('start', 'to running with crun', 0.45),
      unless: "crun does not run with this machine's control groups",
    },
    ratio('ctr-run', 'ctr run --rm of an image', 0.9),
  ],
  memory: [
    ratio('memory', 'containers running at once', 0.5),
    atMost('memory', 'idle daemon', 80),
    atMost('memory', 'growth over run and rm', 1.1),
    atMost('memory', 'growth over a pull of 1 GB', 1.1),
  ],
  load: [
    ...['containers get', 'snapshot prepare'].flatMap((call): readonly Bar[] => [
      atMost('load', `${call} during a pull: p99`, 10),
      never('load', `${call} during a pull: slowest`, 40),
    ]),
    never('load', 'containers lost', 0),
  ],
  gc: [
    ratio('gc', 'freed, until the bytes are gone', 0.6),
    never('gc', 'longest write during a collection', 10),
    // What freed garbage takes depends on the garbage; a hundred times the edges make maps deeper, and no more.
    atMost('gc', 'processor, most edges by fewest', 2),
  ],
  metadata: [
    ...creates,
    ...reads,
    atMost('metadata', 'list as a stream', 1500),
    // Flat: what waits to be sent is no part of it that counts.
    never('metadata', 'list as a stream: memory by that before', 1.25),
  ],
  boot: [
    atMost('boot', 'ready, empty', 150),
    atMost('boot', 'ready, 10,000 containers in a long log', 300),
    atMost('boot', 'ready, 50 live containers', 400),
    atMost('boot', 'shiplog ps', 120),
    atMost('long-log', 'ready after a long history', 1000),
    atMost('long-log', 'resident beyond the state', 120),
    never('long-log', 'ps --at', 1000),
  ],
} as const satisfies Readonly<Record<CheckName, readonly Bar[]>>;

/** The bar of a figure, where there is one. */
export const barOf = (bench: string, figure: string): Bar | undefined =>
  Object.values<readonly Bar[]>(bars)
    .flat()
    .find((bar) => bar.bench === bench && bar.figure === figure);
