import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createContainerFiles } from '../../../../src/adapters/linux/container-files.ts';
import { ContainerId, Namespace } from '../../../../src/domain/identity.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shiplog-files-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const task = { namespace: Namespace.parse('default'), id: ContainerId.parse('c0ffee') };

describe('files of containers', () => {
  it('keep secrets for root alone, and give them back', async () => {
    const files = createContainerFiles(directory);
    await files.keepSecrets(task, { TOKEN: 'hush' });
    const path = join(directory, 'default', 'c0ffee', 'secrets.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'default', 'c0ffee')).mode & 0o777).toBe(0o700);
    expect(await createContainerFiles(directory).readSecrets(task)).toEqual({ TOKEN: 'hush' });
  });

  it('have none where none were kept, and say so where they are damaged', async () => {
    const files = createContainerFiles(directory);
    expect(await files.readSecrets(task)).toEqual({});
    await files.keepSecrets(task, { TOKEN: 'hush' });
    writeFileSync(join(directory, 'default', 'c0ffee', 'secrets.json'), '{"TOKEN": 1}');
    await expect(files.readSecrets(task)).rejects.toMatchObject({ code: 'data-loss' });
  });

  it('are listed by container, and go with all that is in their folder', async () => {
    const files = createContainerFiles(directory);
    expect(await files.list()).toEqual([]);
    await files.keepSecrets(task, {});
    mkdirSync(join(directory, 'not a namespace', 'x'), { recursive: true });
    writeFileSync(join(directory, 'default', 'c0ffee', 'container.log.1'), 'x');
    expect(await files.list()).toEqual([task]);
    await files.remove(task);
    await files.remove(task);
    expect(existsSync(join(directory, 'default', 'c0ffee'))).toBe(false);
    expect(await files.list()).toEqual([]);
  });
});
