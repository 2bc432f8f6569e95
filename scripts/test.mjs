import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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

const count = (good) => {
  totals[good ? 'passed' : 'failed'] += 1;
  return good;
};

/** A file that could not even be loaded holds no failed test: it counts as one. */
const addReport = (file, good) => {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  const unloaded = testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every((result) => result.status !== 'failed'),
  ).length;
  const failed = numFailedTests + unloaded;
  totals.passed += numPassedTests;
  totals.skipped += numPendingTests + numTodoTests;
  totals.failed += failed === 0 && !good ? 1 : failed;
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
    addReport(report, good);
  } catch (error) {
    if (!good) process.stderr.write(`test: the ${name} tier left no report: ${error.message}\n`);
    totals.failed += good ? 0 : 1;
  }
  return good;
};

const everything = async (scratch) => {
  const { missing } = setup({ forTests: true });
  if (!count(await run('npm', ['run', '--silent', 'build'], 5))) return;
  const checks = [
    ['tsc', ['-p', '.']],
    ['biome', ['check', '.']],
  ];
  for (const [name, args] of checks) {
    process.stdout.write(`\n== ${name}\n`);
    if (!count(await run(bin(name), args, 5)) && bail) return;
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
  process.stderr.write(`test: ${error.message}\n`);
  totals.failed += 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = totals.failed === 0 ? 0 : 1;
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
