import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

/**
 * Records a session of the time machine: runs its story against a real daemon (npm run build first; needs root), and
 * writes what was typed and answered to docs/recordings/.
 */
const root = resolve(import.meta.dirname, '..');
const recording = join(root, 'docs/recordings/who-removed-the-image.md');
const { status } = spawnSync('npx', ['vitest', 'run', 'test/e2e/time-machine.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, SHIPLOG_RECORDING: recording },
});
process.exitCode = status ?? 1;
