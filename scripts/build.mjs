import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { bundle, bundleApart, writeWhole } from './bundle.mjs';
import { buildClient } from './client.mjs';
import { allEntries, dist, root } from './entries.mjs';
import { gen } from './gen.mjs';
import { thirdPartyNotices } from './notices.mjs';

/** `npm run build`: src/gen from proto/, one file per program in dist/, the client package, V8's code cache for programs. */

const fail = (message) => {
  process.stderr.write(`build: ${message}\n`);
  process.exit(1);
};

const kib = (path) => `${Math.round(statSync(path).size / 1024)} KiB`;

/** A daemon in folders of its own: without root it ends at once, and only starts slower later. */
const daemonIn = (scratch) => [
  ...['--root', join(scratch, 'root'), '--state', join(scratch, 'state')],
  ...['--address', join(scratch, 's.sock')],
];

/** Each run adds the functions it used to the cache. Without a cache programs only start slower, so nothing fails here. */
const warm = () => {
  const scratch = mkdtempSync(join(tmpdir(), 'shiplog-warm-'));
  const env = { ...process.env, SHIPLOG_CODE_CACHE: 'rebuild' };
  const socket = join(scratch, 'none.sock');
  const runs = [
    ['shiplog', ['version']],
    ['shiplog', ['--address', socket, 'ps']],
    ['shiplog', ['run', '--help']],
    ['shiplogd', ['--help']],
    // It settles, then writes its cache when it is told to end.
    ['shiplogd', daemonIn(scratch)],
  ];
  try {
    for (const [name, args] of runs) {
      spawnSync(process.execPath, [join(root, 'bin', name), ...args], {
        cwd: scratch,
        env,
        stdio: 'ignore',
        timeout: name === 'shiplogd' ? 2500 : 10_000,
        killSignal: name === 'shiplogd' ? 'SIGTERM' : 'SIGKILL',
      });
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};

try {
  gen();
  const entries = allEntries();
  const metafile = await bundle(entries, dist);
  const apart = await bundleApart(dist);
  const client = await buildClient(join(dist, 'client'));
  const inputs = { ...metafile.inputs, ...apart.inputs, ...client.inputs };
  writeWhole(join(dist, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices({ inputs }, root));
  if (!process.argv.includes('--no-warm')) {
    rmSync(join(dist, '.cache'), { recursive: true, force: true });
    warm();
  }
  for (const name of Object.keys(entries)) {
    const path = join(dist, `${name}.js`);
    process.stdout.write(`${relative(root, path)}  ${kib(path)}\n`);
  }
} catch (error) {
  const lines = error?.errors?.map(
    ({ text, location }) =>
      `${location ? `${location.file}:${location.line}:${location.column}: ` : ''}${text}`,
  );
  fail(lines ? lines.join('\n') : error.message);
}
