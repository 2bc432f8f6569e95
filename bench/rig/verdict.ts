import type { Bar } from './bars.ts';
import type { Figure } from './figures.ts';
import { median } from './statistics.ts';

export type Verdict =
  | { readonly state: 'met' | 'short'; readonly value: number }
  /** Its figure was not recorded: short, unless the bar says where it may be missing. */
  | { readonly state: 'not measured' | 'left out' };

const isRate = (unit: Figure['unit']): boolean => unit === '/s';

const valueFor = ({ ours, peer, unit }: Figure, of: Bar['of']): number | undefined => {
  if (of === 'median') return median(ours);
  if (of === 'worst') return isRate(unit) ? Math.min(...ours) : Math.max(...ours);
  return peer && median(ours) / median(peer);
};

/** @param figure what was measured for this bar, where anything was */
export const verdictOf = (bar: Bar, figure: Figure | undefined): Verdict => {
  const value = figure && valueFor(figure, bar.of);
  if (value === undefined) return { state: bar.unless === undefined ? 'not measured' : 'left out' };
  // Written so that a value that is no number is short.
  const met =
    value <= (bar.most ?? Number.POSITIVE_INFINITY) && value >= (bar.least ?? Number.NEGATIVE_INFINITY);
  return { state: met ? 'met' : 'short', value };
};

export const isShort = ({ state }: Verdict): boolean => state === 'short' || state === 'not measured';

/** Who is faster (or smaller), and how many times; undefined where nobody was beside it. */
export const fasterOf = ({ ours, peer, peerName = 'containerd', unit }: Figure): string | undefined => {
  if (peer === undefined) return undefined;
  const ratio = median(ours) / median(peer);
  if (Number.isNaN(ratio)) return 'even'; // Nothing by nothing.
  const ahead = isRate(unit) ? ratio : 1 / ratio;
  if (ahead > 0.98 && ahead < 1.02) return 'even';
  return ahead > 1 ? `Shiplog, ${ahead.toFixed(1)} ×` : `${peerName}, ${(1 / ahead).toFixed(1)} ×`;
};
