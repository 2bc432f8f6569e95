import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.mjs';
import { allEntries, dist, root } from './entries.mjs';
import { gen } from './gen.mjs';
import { setup } from './setup.mjs';

/** `npm run bench`: installs what is missing, builds, and hands over to bench/rig/command.ts, which tells its arguments. */
const args = process.argv.slice(2);
if (args[0] !== '--render') setup();
gen();
const benches = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => [file.slice(0, -'.ts'.length), join(root, 'bench', file)]);
const outdir = join(dist, 'bench');
if (args[0] !== '--render') {
  await bundle(allEntries(), dist);
  await bundle(Object.fromEntries(benches), outdir, dist);
}
const rig = join(outdir, 'rig');
const programs = ['command', 'run-one'].map((name) => [name, join(root, 'bench', 'rig', `${name}.ts`)]);
await bundle(Object.fromEntries(programs), rig, dist);
const { status } = spawnSync(process.execPath, ['--enable-source-maps', join(rig, 'command.js'), ...args], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
