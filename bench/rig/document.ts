import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchNames, checkNames } from './benches.ts';
import { judged } from './check.ts';
import { machineText } from './machine.ts';
import { ratioPlot, seriesPlot } from './plots.ts';
import { type Measurement, readMeasurements } from './record.ts';
import { barsTable, figuresTable } from './tables.ts';

/** Writes what was measured into docs/benchmarks.md, between marks, and plots beside it. The rest is written by hand. */

const partOf = (name: string): RegExp =>
  new RegExp(`(<!-- figures: ${name} -->\\n)[\\s\\S]*?(<!-- /figures -->)`);

/**
 * Replaces what stands between the marks of a part.
 * @throws Error where the text has no such part: what was measured would be in no document
 */
export const withPart = (text: string, name: string, part: string): string => {
  if (!partOf(name).test(text)) {
    throw new Error(
      `docs/benchmarks.md has no part for ${name}: add <!-- figures: ${name} --> and <!-- /figures -->`,
    );
  }
  return text.replace(partOf(name), (_, begin: string, end: string) => `${begin}\n${part}\n\n${end}`);
};

const commandOf = ({ bench, args }: Measurement): string => ['npm run bench --', bench, ...args].join(' ');

export interface Plot {
  /** In docs/benchmarks. */
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** The plots of a benchmark, report by report. */
export const plotsOf = ({ bench, reports }: Measurement): readonly (readonly Plot[])[] => {
  let fresh = 0;
  const fileOf = () => {
    fresh += 1;
    return fresh === 1 ? `${bench}.svg` : `${bench}-${fresh}.svg`;
  };
  return reports.map((report) => {
    const ratios = ratioPlot(bench, report);
    return [
      ...(ratios === undefined ? [] : [{ file: fileOf(), title: report.title, svg: ratios }]),
      ...(report.series ?? []).map((one) => ({ file: fileOf(), title: one.title, svg: seriesPlot(one) })),
    ];
  });
};

/** What one benchmark says about itself. @param plots of each of its reports */
export const partOfBench = (measurement: Measurement, plots: readonly (readonly Plot[])[]): string => {
  const { bench, taken, machine, reports } = measurement;
  const head = `\`${commandOf(measurement)}\`, ${taken.slice(0, 10)}. ${machineText(machine)}`;
  const bodies = reports.map((report, at) =>
    [
      `${report.title}:`,
      figuresTable(bench, report),
      ...(report.notes ?? []),
      ...(plots[at] ?? []).map(({ file, title }) => `![${title}](benchmarks/${file})`),
    ].join('\n\n'),
  );
  return [head, ...bodies].join('\n\n');
};

const inOrder = (measurements: readonly Measurement[]): readonly Measurement[] =>
  benchNames.flatMap((name) => measurements.filter(({ bench }) => bench === name));

/**
 * Writes everything that was measured, also what another run did.
 * @param directory docs, with benchmarks.md and a folder of measurements beside it
 */
export const writeDocument = (directory: string): void => {
  const path = join(directory, 'benchmarks.md');
  const folder = join(directory, 'benchmarks');
  mkdirSync(folder, { recursive: true });
  const measurements = inOrder(readMeasurements(folder));
  let text = withPart(readFileSync(path, 'utf8'), 'bars', barsTable(judged(checkNames, measurements)));
  for (const measurement of measurements) {
    const plots = plotsOf(measurement);
    for (const { file, svg } of plots.flat()) writeFileSync(join(folder, file), svg);
    text = withPart(text, measurement.bench, partOfBench(measurement, plots));
  }
  writeFileSync(path, text);
};
