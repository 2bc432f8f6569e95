import { quantile } from './figures.ts';
import { cpuMs } from './processes.ts';

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

export interface LoadRow {
  readonly name: string;
  readonly clients: number;
  readonly ours: readonly Load[];
  readonly peer: readonly Load[];
  /** `rate`: ours is at least so many times the peer's; `p99`: ours is at most so many times the peer's. */
  readonly bars: { readonly rate?: number; readonly p99?: number };
}

interface Summary {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly serverUs: number;
}

const summary = (loads: readonly Load[]): Summary => {
  const took = loads.flatMap((load) => load.took);
  const sum = (of: (load: Load) => number) => loads.reduce((all, load) => all + of(load), 0);
  return {
    rate: (took.length / sum(({ ms }) => ms)) * 1000,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    serverUs: (sum(({ serverMs }) => serverMs) / took.length) * 1000,
  };
};

const said = ({ rate, p50, p99, serverUs }: Summary): string =>
  `${rate.toFixed(0)}/s, ${p50.toFixed(2)}, ${p99.toFixed(2)} ms, ${serverUs.toFixed(0)} µs`;

const verdict = (ratio: { rate: number; p99: number }, { rate, p99 }: LoadRow['bars']): string => {
  const held = [
    ...(rate === undefined ? [] : [{ bar: `rate ≥ ${rate} ×`, met: ratio.rate >= rate }]),
    ...(p99 === undefined ? [] : [{ bar: `p99 ≤ ${p99} ×`, met: ratio.p99 <= p99 }]),
  ];
  return held.map(({ bar, met }) => `${bar} ${met ? 'met' : 'short'}`).join(', ');
};

/** Prints a Markdown table: calls a second, median and 99th percentile of a call, and the server's processor time of one. */
export const printLoads = (title: string, rows: readonly LoadRow[]): void => {
  const lines = rows.map((row) => {
    const [ours, peer] = [summary(row.ours), summary(row.peer)];
    const ratio = { rate: ours.rate / peer.rate, p99: ours.p99 / peer.p99 };
    const cells = [
      row.name,
      row.clients,
      said(ours),
      said(peer),
      ratio.rate.toFixed(2),
      ratio.p99.toFixed(2),
    ];
    return `| ${[...cells, verdict(ratio, row.bars)].join(' | ')} |\n`;
  });
  const head = '| | clients | Shiplog: rate, p50, p99, processor | containerd | rate | p99 | bar |\n';
  process.stdout.write(`\n${title}\n\n${head}|---|---|---|---|---|---|---|\n${lines.join('')}\n`);
};
