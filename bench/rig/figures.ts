/** One line of a benchmark's table. Times in milliseconds, memory in megabytes. */
export interface Figure {
  readonly name: string;
  readonly unit: 'ms' | 'MB';
  readonly ours: readonly number[];
  /** Measured in the same run, in turns with ours. */
  readonly peer?: readonly number[];
  /** Met when the figure is no more than this: the ratio of medians where there is a peer and `of` says so. */
  readonly bar?: { readonly of: 'ratio' | 'ours'; readonly most: number };
}

/** @param part 0.5 is the median */
export const quantile = (values: readonly number[], part: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const [low, high] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return low + (high - low) * (at - Math.floor(at));
};

export const median = (values: readonly number[]): number => quantile(values, 0.5);

const number = (value: number): string => (value < 1000 ? value.toFixed(1) : value.toFixed(0));

const spread = (values: readonly number[]): string =>
  `${number(quantile(values, 0.25))}–${number(quantile(values, 0.75))}`;

const side = (values: readonly number[], unit: string): string =>
  `${number(median(values))} ${unit} (${spread(values)})`;

/** Rounds are neighbours in time, so their ratios show how far the machine's noise reaches. */
const ratios = (ours: readonly number[], peer: readonly number[]): readonly number[] =>
  ours.flatMap((value, at) => {
    const other = peer[at];
    return other === undefined ? [] : [value / other];
  });

const verdict = ({ ours, peer, bar }: Figure): readonly [string, string] => {
  if (bar === undefined) return ['', ''];
  const value = bar.of === 'ours' ? median(ours) : median(ours) / median(peer ?? []);
  return [`≤ ${bar.most}${bar.of === 'ours' ? '' : ' ×'}`, value <= bar.most ? 'met' : 'short'];
};

const cells = (figure: Figure): readonly string[] => {
  const { name, unit, ours, peer } = figure;
  const compared = peer && [
    side(peer, unit),
    (median(ours) / median(peer)).toFixed(2),
    `${quantile(ratios(ours, peer), 0.25).toFixed(2)}–${quantile(ratios(ours, peer), 0.75).toFixed(2)}`,
  ];
  return [name, side(ours, unit), ...(compared ?? ['', '', '']), ...verdict(figure)];
};

/** Prints a Markdown table: medians with quartiles in brackets, and the ratio of medians with quartiles over the rounds. */
export const printFigures = (title: string, figures: readonly Figure[]): void => {
  const head = ['', 'Shiplog', 'containerd', 'ratio', 'spread', 'bar', ''];
  const rows = [head, ...figures.map(cells)];
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |\n`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|\n`;
  process.stdout.write(`\n${title}\n\n${line(head)}${rule}${rows.slice(1).map(line).join('')}\n`);
};

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

export const timed = async (act: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await act();
  return performance.now() - started;
};
