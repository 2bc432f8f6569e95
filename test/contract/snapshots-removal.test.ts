import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createTreeRemoval } from '../../src/adapters/snapshot-directories/removal.ts';
import { missingHere } from '../support/machine.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const dir = makeTempDir('removal', '/var/tmp');
afterAll(() => dir.remove());

const tree = (): string => mkdtempSync(join(dir.path, 'tree-'));

describe('deleting trees', () => {
  const remove = createTreeRemoval();

  it('takes nothing that a symlink in it names', async () => {
    const outside = tree();
    writeFileSync(join(outside, 'kept'), '');
    const path = tree();
    symlinkSync(outside, join(path, 'folder'));
    symlinkSync(join(outside, 'kept'), join(path, 'file'));
    await remove(path);
    expect([existsSync(path), readdirSync(outside)]).toEqual([false, ['kept']]);
  });

  it('takes names that are no text, and folders that lie deep', async () => {
    const path = tree();
    writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe])]), '');
    mkdirSync(join(path, ...Array.from({ length: 300 }, () => 'd')), { recursive: true });
    await remove(path);
    expect(existsSync(path)).toBe(false);
  });

  it('takes many, from both ends', async () => {
    const paths = Array.from({ length: 20 }, tree);
    for (const path of paths) {
      for (let folder = 0; folder < 20; folder += 1) {
        mkdirSync(join(path, `${folder}`));
        for (let file = 0; file < 20; file += 1) writeFileSync(join(path, `${folder}`, `${file}`), 'x');
      }
    }
    await Promise.all(paths.map(remove));
    expect(paths.filter((path) => existsSync(path))).toEqual([]);
  });

  it('has nothing to do where there is nothing', () =>
    expect(remove('/nowhere/at/all')).resolves.toBe(undefined));

  it.skipIf(missingHere({ root: true }) !== undefined)(
    'tells why it could not, of that tree alone',
    async () => {
      const [fixed, other] = [tree(), tree()];
      execFileSync('chattr', ['+i', fixed]);
      try {
        const [first, second] = await Promise.allSettled([remove(fixed), remove(other)]);
        expect(first).toMatchObject({
          reason: { code: 'internal', message: expect.stringContaining('not permitted') },
        });
        expect([second.status, existsSync(other)]).toEqual(['fulfilled', false]);
      } finally {
        execFileSync('chattr', ['-i', fixed]);
      }
    },
  );
});
