import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

/**
 * Records sessions: runs each story against a real daemon (npm run build first; needs root), and writes what was typed and
 * answered to docs/recordings/. `npm run docs:recording -- tampered-log` records one of them.
 */
const root = resolve(import.meta.dirname, '..');
const stories = { 'who-removed-the-image': 'time-machine', 'tampered-log': 'slices' };

const record = ([recording, story]) => {
  const { status } = spawnSync('npx', ['vitest', 'run', `test/e2e/${story}.test.ts`], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SHIPLOG_RECORDING: join(root, 'docs/recordings', `${recording}.md`) },
  });
  return status ?? 1;
};

const [only] = process.argv.slice(2);
const wanted = Object.entries(stories).filter(([recording]) => only === undefined || recording === only);
if (wanted.length === 0)
  throw new Error(`there is no story '${only}'; there are ${Object.keys(stories).join(', ')}`);
process.exitCode = Math.max(...wanted.map(record));
