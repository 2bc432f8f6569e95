import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './entries.mjs';

/** Adds what is new to the golden events, and a checkpoint of a new shape, `npm run golden`. What stands there is never changed: it is in logs out there. */
// Where packages that are not bundled are found.
const folder = mkdtempSync(join(root, 'node_modules', '.shiplog-golden-'));
const linesFile = join(root, 'test/golden/events.jsonl');
const shapesFile = join(root, 'test/golden/shapes.json');
try {
  const load = async (name) => {
    const outfile = join(folder, `${name}.mjs`);
    await build({
      entryPoints: [join(root, `scripts/${name}.ts`)],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['koffi'],
      logLevel: 'warning',
    });
    return import(outfile);
  };
  const { extended } = await load('golden-events');
  const { lines, shapes } = extended({
    lines: readFileSync(linesFile, 'utf8').trimEnd().split('\n'),
    shapes: existsSync(shapesFile) ? JSON.parse(readFileSync(shapesFile, 'utf8')) : {},
  });
  writeFileSync(linesFile, `${lines.join('\n')}\n`);
  writeFileSync(shapesFile, `${JSON.stringify(shapes, null, 2)}\n`);
  const { writeGoldenCheckpoint } = await load('golden-checkpoint');
  await writeGoldenCheckpoint(join(root, 'test/golden'), lines);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
