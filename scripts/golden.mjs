import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './entries.mjs';

/** Adds what is new to the golden events, `npm run golden`. What stands there is never changed: it is in logs out there. */
const folder = mkdtempSync(join(tmpdir(), 'shiplog-golden-'));
const linesFile = join(root, 'test/golden/events.jsonl');
const shapesFile = join(root, 'test/golden/shapes.json');
try {
  const outfile = join(folder, 'golden-events.mjs');
  await build({
    entryPoints: [join(root, 'scripts/golden-events.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  });
  const { extended } = await import(outfile);
  const { lines, shapes } = extended({
    lines: readFileSync(linesFile, 'utf8').trimEnd().split('\n'),
    shapes: existsSync(shapesFile) ? JSON.parse(readFileSync(shapesFile, 'utf8')) : {},
  });
  writeFileSync(linesFile, `${lines.join('\n')}\n`);
  writeFileSync(shapesFile, `${JSON.stringify(shapes, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
