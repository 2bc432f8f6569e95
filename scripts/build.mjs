import { spawnSync } from 'node:child_process';
import { rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { bundle, bundleApart, writeWhole } from './bundle.mjs';
import { buildClient } from './client.mjs';
import { allEntries, dist, root } from './entries.mjs';
import { gen } from './gen.mjs';
import { thirdPartyNotices } from './notices.mjs';
import { warm } from './warm.mjs';

/**
 * `npm run build`: src/gen from proto/, one file per program in dist/, the client package, V8's code cache and snapshots
 * of programs.
 */

const fail = (message) => {
  process.stderr.write(`build: ${message}\n`);
  process.exit(1);
};

const kib = (path) => `${Math.round(statSync(path).size / 1024)} KiB`;

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
    await warm();
    // Each as the code cache of its program has it by now; a program without one starts from its bundle, and this says why.
    spawnSync(process.execPath, [join(root, 'bin/build-snapshot.js'), 'shiplogd', 'shiplog'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
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
