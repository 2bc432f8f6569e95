import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { setup } from './setup.mjs';

/**
 * `npm test`: sets up, builds, checks, then runs every tier, the quick ones first. All of them run also when one fails
 * (`--bail` stops there). The last line is `N passed, N failed, N skipped`; compiler and linter count as one test each.
 * Uses Node's own modules only, since in a fresh clone there are no others until it has set up.
 */
const root = resolve(import.meta.dirname, '..');
const bin = (name) => join(root, 'node_modules/.bin', name);
const bail = process.argv.includes('--bail');

/** Real mounts and processes are shared by these, so their files take turns. Minutes are the most a tier may take. */
const tiers = [
  { name: 'unit', minutes: 5, flags: ['--no-isolate'] },
  { name: 'contract', minutes: 8, flags: [] },
  { name: 'simulation', minutes: 5, flags: [] },
  { name: 'crash', minutes: 12, flags: ['--no-file-parallelism'] },
  { name: 'e2e', minutes: 22, flags: ['--no-file-parallelism'] },
];

const totals = { passed: 0, failed: 0, skipped: 0 };
/** A line for each that failed, said again at the end: the runners' own output is far above by then. */
const failures = [];
let running;
let interrupted = false;

/** Runs to the end or for so many minutes; the whole process group ends with it. @returns whether it exited with 0 */
const run = (command, args, minutes) =>
  new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    running = child;
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch (error) {
        if (error.code !== 'ESRCH') throw error;
      }
    };
    const late = setTimeout(() => {
      process.stderr.write(`test: ${args.join(' ')} took more than ${minutes} minutes\n`);
      end('SIGKILL');
    }, minutes * 60_000);
    child.once('error', (error) => {
      process.stderr.write(`test: ${command} could not be started: ${error.message}\n`);
      clearTimeout(late);
      done(false);
    });
    child.once('exit', (code) => {
      clearTimeout(late);
      running = undefined;
      done(code === 0);
    });
  });

const count = (what, good) => {
  totals[good ? 'passed' : 'failed'] += 1;
  if (!good) failures.push(what);
  return good;
};

/** @returns a line for each test of a runner's report that failed: its file, its name, what it said first */
const failedOf = (testResults) =>
  testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, message, assertionResults }) => {
      const file = relative(root, name);
      const failed = assertionResults.filter((result) => result.status === 'failed');
      if (failed.length === 0) return [`${file}: ${message.split('\n')[0]}`];
      return failed.map(
        ({ fullName, failureMessages }) =>
          `${file} > ${fullName}: ${(failureMessages[0] ?? '').split('\n')[0]}`,
      );
    });

/** A file that could not even be loaded holds no failed test: it counts as one, and so does a runner that ended badly. */
const addReport = (file, tier, good) => {
  const { numPassedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  const failed = failedOf(testResults);
  if (failed.length === 0 && !good) failed.push(`the ${tier} tier ended badly, with no test that failed`);
  totals.passed += numPassedTests;
  totals.skipped += numPendingTests + numTodoTests;
  totals.failed += failed.length;
  failures.push(...failed);
};

const runTier = async ({ name, minutes, flags }, scratch) => {
  const report = join(scratch, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  process.stdout.write(`\n== ${name}\n`);
  const good = await run(
    bin('vitest'),
    ['run', `test/${name}/`, '--passWithNoTests', ...reporters, ...flags],
    minutes,
  );
  try {
    addReport(report, name, good);
  } catch (error) {
    count(`the ${name} tier left no report: ${error.message}`, false);
  }
  return good;
};

const everything = async (scratch) => {
  const { missing } = setup({ forTests: true });
  if (!count('npm run build', await run('npm', ['run', '--silent', 'build'], 5))) return;
  const checks = [
    ['tsc', ['-p', '.']],
    ['biome', ['check', '.']],
  ];
  for (const [name, args] of checks) {
    process.stdout.write(`\n== ${name}\n`);
    if (!count(name, await run(bin(name), args, 5)) && bail) return;
  }
  for (const tier of tiers) {
    if ((!(await runTier(tier, scratch)) && bail) || interrupted) return;
  }
  const without = [
    ...(process.geteuid() === 0 ? [] : ['everything that mounts or runs containers (not root)']),
    ...(missing.length === 0 ? [] : [`what needs ${missing.join(', ')} (not installed)`]),
  ];
  if (without.length > 0) process.stdout.write(`\nLeft out: ${without.join('; ')}.\n`);
};

const interrupt = (signal) => {
  interrupted = true;
  if (running?.pid !== undefined) process.kill(-running.pid, signal);
};
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);

const scratch = mkdtempSync(join(tmpdir(), 'shiplog-test-'));
try {
  await everything(scratch);
} catch (error) {
  count(error.message, false);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (failures.length > 0) process.stdout.write(`\nFailed:\n${failures.map((line) => `  ${line}\n`).join('')}`);
process.exitCode = totals.failed === 0 ? 0 : 1;
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
