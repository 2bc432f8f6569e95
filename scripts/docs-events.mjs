import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './entries.mjs';

/** Writes docs/events.md; a unit test fails where it is out of date. */
const folder = mkdtempSync(join(tmpdir(), 'shiplog-docs-'));
try {
  const outfile = join(folder, 'event-docs.mjs');
  await build({
    entryPoints: [join(root, 'scripts/event-docs.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  });
  const { renderEvents } = await import(outfile);
  writeFileSync(join(root, 'docs/events.md'), renderEvents());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
