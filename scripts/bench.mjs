import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.mjs';
import { allEntries, dist, root } from './entries.mjs';
import { gen } from './gen.mjs';

/** `npm run bench [-- NAME [ARGUMENT…]]`: builds and runs bench/NAME.ts, or each of them in turn. */
const known = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();
const [name, ...args] = process.argv.slice(2);
const chosen = name === undefined ? known : [name];

for (const one of chosen) {
  if (!existsSync(join(root, 'bench', `${one}.ts`))) {
    process.stderr.write(
      `bench: there is no bench/${one}.ts; there are: ${known.join(', ') || 'none yet'}\n`,
    );
    process.exit(2);
  }
}

gen();
await bundle(allEntries(), dist);
/** What each benchmark exports as `main` gets the arguments; a rejection ends the process with its stack. */
const runMain = 'require(process.argv[1]).main(process.argv.slice(2))';
let failed = false;
for (const one of chosen) {
  const outdir = join(dist, 'bench');
  await bundle({ [one]: join(root, 'bench', `${one}.ts`) }, outdir, dist);
  const { status } = spawnSync(
    process.execPath,
    ['--enable-source-maps', '-e', runMain, join(outdir, `${one}.js`), ...args],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
