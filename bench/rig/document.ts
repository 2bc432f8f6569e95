import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineText } from './machine.ts';
import { type Measurement, readMeasurements } from './record.ts';
import { figuresTable } from './tables.ts';

const partOf = (name: string): RegExp =>
  new RegExp(`(<!-- figures: ${name} -->\\n)[\\s\\S]*?(<!-- /figures -->)`);

/** Replaces what stands between the marks of a part. Text without such marks stays as it is. */
export const withPart = (text: string, name: string, part: string): string =>
  text.replace(partOf(name), (_, begin: string, end: string) => `${begin}\n${part}\n\n${end}`);

const commandOf = ({ bench, args }: Measurement): string => ['npm run bench --', bench, ...args].join(' ');

/** What one benchmark says about itself in docs/benchmarks.md. */
export const partOfBench = (measurement: Measurement): string => {
  const { bench, taken, machine, reports } = measurement;
  const head = `\`${commandOf(measurement)}\`, ${taken.slice(0, 10)}. ${machineText(machine)}`;
  const bodies = reports.map((report) =>
    [`${report.title}:`, figuresTable(bench, report), ...(report.notes ?? [])].join('\n\n'),
  );
  return [head, ...bodies].join('\n\n');
};

/** Writes what was measured into the parts of docs/benchmarks.md. @param directory docs */
export const writeDocument = (directory: string): void => {
  const path = join(directory, 'benchmarks.md');
  const measurements = readMeasurements(join(directory, 'benchmarks'));
  const text = measurements.reduce(
    (whole, measurement) => withPart(whole, measurement.bench, partOfBench(measurement)),
    readFileSync(path, 'utf8'),
  );
  writeFileSync(path, text);
};
