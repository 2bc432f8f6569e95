import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allEntries, outputName, pointAtBuilt, sideEntries } from '../../../scripts/entries.mjs';

let base: string;
const place = (path: string): string => {
  const file = join(base, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
  return file;
};
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'shiplog-entries-'));
});
afterEach(() => rmSync(base, { recursive: true }));

describe('programs', () => {
  it.each([
    ['unpack/worker.ts', 'unpack-worker'],
    ['unpack/unpack-worker.ts', 'unpack-worker'],
    ['stdio/holder-main.ts', 'stdio-holder'],
    ['blobs/hash-worker.ts', 'blobs-hash-worker'],
  ])('%s is built to dist/%s.js', (source, name) => {
    expect(outputName(source)).toBe(name);
  });

  it('are found by their names', () => {
    const worker = place('src/adapters/unpack/worker.ts');
    const holder = place('src/adapters/stdio/holder-main.ts');
    for (const other of ['src/adapters/cli/run.ts', 'src/adapters/unpack/co-workers.ts']) place(other);
    expect(sideEntries(base)).toEqual({ 'unpack-worker': worker, 'stdio-holder': holder });
  });

  it('may not share an output', () => {
    place('src/adapters/unpack/worker.ts');
    place('src/adapters/unpack/unpack-worker.ts');
    expect(() => sideEntries(base)).toThrow(/dist\/unpack-worker\.js/);
  });

  it('that are missing are named', () => {
    place('src/main.ts');
    expect(() => allEntries(base)).toThrow(/src\/cli\.ts is missing/);
  });
});

describe('the address of a program', () => {
  const rewritten = (code: string) =>
    pointAtBuilt(code, place('src/adapters/unpack/pool.ts'), (name) => `<${name}>`);

  it('is put where the built file is', () => {
    place('src/adapters/unpack/worker.ts');
    expect(rewritten("new Worker(new URL('./worker.ts', import.meta.url))")).toBe(
      'new Worker(<unpack-worker>)',
    );
    expect(rewritten('new URL("./worker.js",\n import.meta.url)')).toBe('<unpack-worker>');
  });

  it('is left alone where there is no such source, or it is no program', () => {
    place('src/adapters/unpack/table.ts');
    for (const code of [
      "new URL('./other-worker.ts', import.meta.url)",
      "new URL('./table.ts', import.meta.url)",
    ]) {
      expect(rewritten(code)).toBe(code);
    }
  });
});
