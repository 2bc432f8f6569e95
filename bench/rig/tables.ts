import { type Bar, barOf } from './bars.ts';
import type { Figure, Report } from './figures.ts';
import { median, quantile, ratiosOf } from './statistics.ts';
import { fasterOf, type Verdict, verdictOf } from './verdict.ts';

/** Three digits or more, so that a figure of any size can be compared. */
export const inDigits = (value: number): string => {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 || value === 0 ? 1 : 2);
};

const withUnit = (value: string, unit: Figure['unit']): string =>
  unit === '/s' || unit === '' ? `${value}${unit}` : `${value} ${unit}`;

/** `12.3 ms (11.9–14.0)`: the median, and the quartiles where there was more than one round. */
const side = (values: readonly number[], unit: Figure['unit']): string => {
  const middle = withUnit(inDigits(median(values)), unit);
  if (values.length === 1) return middle;
  return `${middle} (${inDigits(quantile(values, 0.25))}–${inDigits(quantile(values, 0.75))})`;
};

/** `≤ 0.75 ×`, `≥ 200,000/s`, `≤ 10.0 ms, always`. */
export const barText = (bar: Bar, unit: Figure['unit'] | undefined): string => {
  const limit = bar.most ?? bar.least ?? Number.NaN;
  const text = bar.of === 'ratio' ? `${limit} ×` : withUnit(inDigits(limit), unit ?? '');
  const sign = bar.most === undefined ? '≥' : '≤';
  return `${sign} ${text}${bar.of === 'worst' ? ', always' : ''}`;
};

const peerCells = (figure: Figure, peerName: string | undefined): readonly string[] => {
  const { ours, peer, unit } = figure;
  if (peer === undefined) return ['', '', '', ''];
  const ratios = ratiosOf(ours, peer);
  const own = figure.peerName ?? 'containerd';
  const beside = `${side(peer, unit)}${own === peerName ? '' : ` ${own}`}`;
  // There is no ratio to nothing.
  if (!ratios.every(Number.isFinite)) return [beside, '', '', fasterOf(figure) ?? ''];
  return [
    beside,
    (median(ours) / median(peer)).toFixed(2),
    `${quantile(ratios, 0.25).toFixed(2)}–${quantile(ratios, 0.75).toFixed(2)}`,
    fasterOf(figure) ?? '',
  ];
};

const cells = (bench: string, figure: Figure, peerName: string | undefined): readonly string[] => {
  const bar = barOf(bench, figure.name);
  return [
    figure.detail === undefined ? figure.name : `${figure.name} (${figure.detail})`,
    side(figure.ours, figure.unit),
    ...peerCells(figure, peerName),
    ...(bar === undefined ? ['', ''] : [barText(bar, figure.unit), verdictOf(bar, figure).state]),
  ];
};

/** A Markdown table whose columns stand below each other; columns that are empty all the way down are left out. */
export const aligned = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const kept = head
    .map((_, column) => column)
    .filter((column) => column === 0 || rows.some((row) => row[column] !== ''));
  const width = (column: number) => Math.max(3, ...[head, ...rows].map((row) => (row[column] ?? '').length));
  const widths = new Map(kept.map((column) => [column, width(column)]));
  const line = (row: readonly string[]) =>
    `| ${kept.map((column) => (row[column] ?? '').padEnd(widths.get(column) ?? 0)).join(' | ')} |`;
  const rule = `|${kept.map((column) => '-'.repeat((widths.get(column) ?? 0) + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
};

/** One report as a Markdown table: medians with quartiles in brackets, the ratio of medians with quartiles over rounds. */
export const figuresTable = (bench: string, { figures }: Report): string => {
  const peers = new Set(
    figures.flatMap(({ peer, peerName }) => (peer === undefined ? [] : [peerName ?? 'containerd'])),
  );
  const [first] = peers;
  const only = peers.size === 1 ? first : undefined;
  return aligned(
    ['', 'Shiplog', only ?? 'beside it', 'ratio', 'spread', 'ahead', 'bar', ''],
    figures.map((figure) => cells(bench, figure, only)),
  );
};

export interface Judged {
  readonly check: string;
  readonly bar: Bar;
  readonly figure: Figure | undefined;
  readonly verdict: Verdict;
}

const measured = ({ bar, figure, verdict }: Judged): string => {
  if (verdict.state === 'left out') return bar.unless ?? '';
  if (figure === undefined || !('value' in verdict)) return '';
  const value =
    bar.of === 'ratio' ? `${verdict.value.toFixed(2)} ×` : withUnit(inDigits(verdict.value), figure.unit);
  return value;
};

/** Each bar with its figure and whether it is met. */
export const barsTable = (judged: readonly Judged[]): string =>
  aligned(
    ['name', 'bench', 'what', 'figure', 'bar', '', 'ahead'],
    judged.map((one) => [
      one.check,
      one.bar.bench,
      one.figure?.detail === undefined ? one.bar.figure : `${one.bar.figure} (${one.figure.detail})`,
      measured(one),
      barText(one.bar, one.figure?.unit),
      one.verdict.state,
      (one.figure && fasterOf(one.figure)) ?? '',
    ]),
  );
