import type { Figure } from './figures.ts';
import { cpuMs } from './processes.ts';
import { quantile } from './statistics.ts';

/** What one side did in one turn. */
export interface Load {
  /** Of each call, in milliseconds. */
  readonly took: readonly number[];
  readonly ms: number;
  /** Processor time that the server took, in milliseconds. */
  readonly serverMs: number;
}

/** Keeps every caller busy for `ms` milliseconds. @param server pid of the process that answers */
export const loaded = async <C>(
  callers: readonly C[],
  server: number,
  ms: number,
  once: (caller: C) => Promise<unknown>,
): Promise<Load> => {
  const took: number[] = [];
  const [before, began] = [cpuMs(server), performance.now()];
  const hand = async (caller: C): Promise<void> => {
    while (performance.now() - began < ms) {
      const started = performance.now();
      await once(caller);
      took.push(performance.now() - started);
    }
  };
  await Promise.all(callers.map(hand));
  return { took, ms: performance.now() - began, serverMs: cpuMs(server) - before };
};

const each = (loads: readonly Load[], of: (load: Load) => number): number[] => loads.map(of);

const rate = ({ took, ms }: Load): number => (took.length / ms) * 1000;
const p50 = ({ took }: Load): number => quantile(took, 0.5);
const p99 = ({ took }: Load): number => quantile(took, 0.99);
/** Of the server, for one call; the clock of processes ticks too seldom for more than a mean. */
const serverMs = ({ took, serverMs }: Load): number => serverMs / took.length;

/** Calls a second, median and 99th percentile of a call, and the server's processor time of one, turn by turn. */
export const figuresOfLoads = (
  name: string,
  ours: readonly Load[],
  peer: readonly Load[],
): readonly Figure[] => {
  const figure = (what: string, unit: Figure['unit'], of: (load: Load) => number): Figure => ({
    name: `${name}${what}`,
    unit,
    ours: each(ours, of),
    peer: each(peer, of),
  });
  return [
    figure('', '/s', rate),
    figure(': p50', 'ms', p50),
    figure(': p99', 'ms', p99),
    figure(': processor', 'ms', serverMs),
  ];
};
