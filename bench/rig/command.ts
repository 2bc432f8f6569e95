import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchName, benchNames, runOf } from './benches.ts';
import { benchesOf, chosenChecks, judged, UnknownName } from './check.ts';
import { writeDocument } from './document.ts';
import { machineText, thisMachine } from './machine.ts';
import { decodeReports, type Measurement, RECORD_VARIABLE, writeMeasurement } from './record.ts';
import { barsTable, figuresTable } from './tables.ts';
import { isShort } from './verdict.ts';

/**
 * `npm run bench`, once all is built:
 *
 *     bench [--no-docs]                       every benchmark, at full length, and docs/benchmarks.md
 *     bench [--no-docs] NAME [ARGUMENT…]      one of them, and its part of docs/benchmarks.md
 *     bench --check [NAME…]                   quick runs, held against the bars; 1 where one is short
 *     bench --render                          docs/benchmarks.md again, from what was measured
 */

const documents = join(process.cwd(), 'docs');
/** A benchmark that has not ended by then hangs. */
const longest = 3 * 60 * 60 * 1000;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const complain = (text: string): void => {
  process.stderr.write(`bench: ${text}\n`);
};

/** Runs one in a process of its own. @returns undefined where it failed; it has said why on standard error */
const measure = (bench: BenchName, args: readonly string[]): Measurement | undefined => {
  complain([bench, ...args].join(' '));
  const machine = thisMachine();
  const folder = mkdtempSync(join(tmpdir(), 'shiplog-bench-record-'));
  try {
    const record = join(folder, 'record.json');
    const program = [join(import.meta.dirname, 'run-one.js'), join(import.meta.dirname, '..', `${bench}.js`)];
    const { status } = spawnSync(process.execPath, ['--enable-source-maps', ...program, ...args], {
      stdio: ['ignore', 2, 2],
      env: { ...process.env, [RECORD_VARIABLE]: record },
      timeout: longest,
    });
    if (status !== 0 || !existsSync(record)) {
      complain(`${bench} failed`);
      return undefined;
    }
    const reports = decodeReports(readFileSync(record, 'utf8'));
    return { bench, args: [...args], taken: new Date().toISOString(), machine, reports: [...reports] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const show = (measurement: Measurement): void => {
  for (const report of measurement.reports) {
    print(`\n${report.title}\n\n${figuresTable(measurement.bench, report)}`);
    for (const note of report.notes ?? []) print(`\n${note}`);
  }
};

/** @returns the exit code */
const check = (names: readonly string[]): number => {
  const checks = chosenChecks(names);
  const measurements = benchesOf(checks).flatMap((bench) => measure(bench, runOf(bench).quick) ?? []);
  const rows = judged(checks, measurements);
  const [last] = measurements.slice(-1);
  if (last !== undefined) print(`${machineText(last.machine)}\n`);
  print(barsTable(rows));
  return rows.some(({ verdict }) => isShort(verdict)) ? 1 : 0;
};

const run = (benches: readonly { bench: BenchName; args: readonly string[] }[], docs: boolean): number => {
  let failed = false;
  for (const { bench, args } of benches) {
    const measurement = measure(bench, args);
    failed ||= measurement === undefined;
    if (measurement === undefined) continue;
    show(measurement);
    if (!docs) continue;
    mkdirSync(join(documents, 'benchmarks'), { recursive: true });
    writeMeasurement(join(documents, 'benchmarks'), measurement);
    writeDocument(documents);
  }
  return failed ? 1 : 0;
};

const chosen = (name: string | undefined, args: readonly string[]) => {
  if (name === undefined) return benchNames.map((bench) => ({ bench, args: runOf(bench).full }));
  const bench = benchNames.find((known) => known === name);
  if (bench === undefined)
    throw new UnknownName(`there is no benchmark named '${name}'; there are: ${benchNames.join(', ')}`);
  return [{ bench, args: args.length === 0 ? runOf(bench).full : args }];
};

/** @returns the exit code: 0; 1 where a bar is short or a benchmark failed; 2 for names that nobody knows */
const command = (words: readonly string[]): number => {
  const [first, ...rest] = words;
  if (first === '--render') {
    writeDocument(documents);
    return 0;
  }
  try {
    if (first === '--check') return check(rest);
    const [name, ...args] = first === '--no-docs' ? rest : words;
    return run(chosen(name, args), first !== '--no-docs');
  } catch (error) {
    if (!(error instanceof UnknownName)) throw error;
    complain(error.message);
    return 2;
  }
};

process.exitCode = command(process.argv.slice(2));
