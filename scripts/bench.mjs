import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.mjs';
import { dist, root } from './entries.mjs';
import { gen } from './gen.mjs';
import { setup } from './setup.mjs';

/**
 * `npm run bench`: installs what is missing, builds the programs as they are shipped (with V8's code cache) and the
 * benchmarks, and hands over to bench/rig/command.ts, which tells its arguments.
 */
const args = process.argv.slice(2);
// Node parses all certificates of this file before it does anything, which takes it longer than all else of its start, and
// programs of other languages don't know the variable. A service manager sets none.
delete process.env.NODE_EXTRA_CA_CERTS;
const measures = args[0] !== '--render';
if (measures) setup();
const node = (...words) => spawnSync(process.execPath, words, { cwd: root, stdio: ['ignore', 2, 2] }).status;
if (measures && node(join(root, 'scripts', 'build.mjs')) !== 0) process.exit(1);
gen();
const benches = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => [file.slice(0, -'.ts'.length), join(root, 'bench', file)]);
const outdir = join(dist, 'bench');
if (measures) await bundle(Object.fromEntries(benches), outdir, dist);
const rig = join(outdir, 'rig');
const programs = ['command', 'run-one'].map((name) => [name, join(root, 'bench', 'rig', `${name}.ts`)]);
await bundle(Object.fromEntries(programs), rig, dist);
const { status } = spawnSync(process.execPath, ['--enable-source-maps', join(rig, 'command.js'), ...args], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
