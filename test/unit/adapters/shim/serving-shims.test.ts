import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServingShims } from '../../../../src/adapters/shim/serving-shims.ts';
import { taskKey } from '../../../support/task.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

describe('shims that serve without being asked to start', () => {
  const temp = makeTempDir('serving');
  const task = taskKey('one');
  const endpoint = { version: 2, address: 'unix:///elsewhere', protocol: 'ttrpc' } as const;
  const daemon = { address: join(temp.path, 'd.sock'), ttrpcAddress: join(temp.path, 't.sock') };
  const program = (folder: string, name: string): string => {
    const path = join(temp.path, folder, name);
    mkdirSync(join(temp.path, folder), { recursive: true });
    writeFileSync(path, '');
    chmodSync(path, 0o755);
    return path;
  };
  let runcs: string;
  beforeAll(() => {
    runcs = program('a', 'containerd-shim-runc-v2');
  });
  afterAll(() => temp.remove());

  it('are those of runc that were looked at', () => {
    const shims = new ServingShims(daemon);
    expect(shims.isUnknown(runcs)).toBe(true);
    expect(shims.serve(runcs, task, temp.path)).toBe(undefined);
  });
  it('are none of other names', () => {
    const shims = new ServingShims(daemon);
    const other = program('a', 'containerd-shim-runsc-v1');
    expect([shims.isUnknown(other), shims.serve(other, task, temp.path)]).toEqual([false, undefined]);
  });
  it.each([
    ['at another socket, by another program', process.pid],
    ['that does not say where it runs', undefined],
    ['that has gone', 0x7fff_ffff],
  ])('are none that were seen to serve %s', (_, pid) => {
    const shims = new ServingShims(daemon);
    shims.look(runcs, task, endpoint, pid);
    expect([shims.isUnknown(runcs), shims.serve(runcs, task, temp.path)]).toEqual([false, undefined]);
  });
  it('are looked at again where their program is another', () => {
    const shims = new ServingShims(daemon);
    shims.look(runcs, task, endpoint, undefined);
    rmSync(runcs);
    writeFileSync(runcs, 'another');
    expect(shims.isUnknown(runcs)).toBe(true);
  });
});
