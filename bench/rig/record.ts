import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Report } from './figures.ts';
import { Machine } from './machine.ts';

/** Where a bench's process leaves its reports: the path of a file that is not there yet. */
export const RECORD_VARIABLE = 'SHIPLOG_BENCH_RECORD';

export const Measurement = z.strictObject({
  bench: z.string().min(1),
  args: z.array(z.string()),
  /** ISO 8601, when it ended. */
  taken: z.iso.datetime(),
  machine: Machine,
  reports: z.array(Report),
});
/** One run of one benchmark, as it is kept in docs/benchmarks/NAME.json. */
export type Measurement = z.infer<typeof Measurement>;

export const figuresOf = ({ reports }: Measurement) => reports.flatMap(({ figures }) => figures);

/** Five digits of a sample are more than any of them is good for. */
const short = (_: string, value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toPrecision(5)) : value;

/** @throws Error where two figures have one name: a bar would not know which */
export const encodeReports = (reports: readonly Report[]): string => {
  const names = reports.flatMap(({ figures }) => figures.map(({ name }) => name));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`two figures are named '${twice}': give each a name of its own`);
  return JSON.stringify(z.array(Report).parse(reports), short);
};

/** @throws ZodError, SyntaxError where the file holds something else */
export const decodeReports = (text: string): readonly Report[] => z.array(Report).parse(JSON.parse(text));

const fileOf = (directory: string, bench: string): string => join(directory, `${bench}.json`);

/** One sample a line would be pages of them; one figure a line can be read in a diff. */
const lines = (measurement: Measurement): string =>
  `${JSON.stringify(measurement, short, 2).replaceAll(/\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]/g, (_, numbers: string) => `[${numbers.replaceAll(/\s+/g, ' ')}]`)}\n`;

export const writeMeasurement = (directory: string, measurement: Measurement): void =>
  writeFileSync(fileOf(directory, measurement.bench), lines(measurement));

/** @throws ZodError where a file of the folder is not what {@link writeMeasurement} writes */
export const readMeasurements = (directory: string): readonly Measurement[] =>
  (existsSync(directory) ? readdirSync(directory) : [])
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => Measurement.parse(JSON.parse(readFileSync(join(directory, name), 'utf8'))));
