import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { ActivationName, Namespace } from '../../../src/domain/identity.ts';
import { Leases } from '../../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { Mounts } from '../../../src/gen/containerd/services/mounts/v1/mounts_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { missingHere } from '../../support/machine.ts';

const missing = missingHere({ root: true });
const cause = { actor: { uid: 0, gid: 0, pid: 1, exe: '', client: '' }, correlation: 'start' };

let served: ServedStore;
let mounts: ServiceClient<typeof Mounts>;
let directory: string;
beforeEach(async () => {
  served = await servedStore();
  mounts = served.client(Mounts);
  directory = dirname(served.address);
});
afterEach(async () => {
  for (const name of await names()) await mounts.deactivate({ name });
  await served[Symbol.asyncDispose]();
});

const names = async (...filters: string[]) => {
  const found: string[] = [];
  for await (const { info } of mounts.list({ filters })) found.push(info?.name ?? '');
  return found;
};
const folder = (name: string): string => {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'file'), name);
  return path;
};
const bind = (source: string) => ({ type: 'bind', source, target: '', options: ['ro', 'rbind'] });
const isMounted = (point: string): boolean =>
  readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${point} `);
const left = () => (existsSync(join(directory, 'mounts')) ? readdirSync(join(directory, 'mounts')) : []);
const overlay = (...options: string[]) => ({
  type: 'format/overlay',
  source: 'overlay',
  target: '',
  options,
});
const two = () => [bind(folder('a')), bind(folder('b')), overlay('lowerdir={{ overlay 1 0 }}')];

describe.skipIf(missing !== undefined)(`an activation ${missing ?? ''}`, () => {
  it('mounts what the last mount refers to, and fills that in', async () => {
    const { info } = await mounts.activate({ name: 'image', mounts: two(), labels: { a: '1' } });
    const [one, other] = info?.active ?? [];
    expect(info).toMatchObject({ name: 'image', labels: { a: '1' } });
    expect(one?.mount).toMatchObject({ type: 'bind', source: join(directory, 'a') });
    expect(readFileSync(join(one?.mountPoint ?? '', 'file'), 'utf8')).toBe('a');
    expect(readFileSync(join(other?.mountPoint ?? '', 'file'), 'utf8')).toBe('b');
    expect(Number(one?.mountedAt?.seconds)).toBeGreaterThan(1_700_000_000);
    expect(info?.system).toMatchObject([
      { type: 'overlay', options: [`lowerdir=${other?.mountPoint}:${one?.mountPoint}`] },
    ]);
    expect((await mounts.info({ name: 'image' })).info).toEqual(info);
    await mounts.deactivate({ name: 'image' });
    expect(isMounted(one?.mountPoint ?? '')).toBe(false);
    expect(left()).toEqual([]);
    await expect(mounts.info({ name: 'image' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('makes all that are temporary, the last one too', async () => {
    const { info } = await mounts.activate({ name: 'image', mounts: two(), temporary: true });
    const last = info?.active[2]?.mountPoint ?? '';
    expect(info?.active).toHaveLength(3);
    expect(readFileSync(join(last, 'file'), 'utf8')).toBe('b');
    expect(info?.system).toMatchObject([{ type: 'bind', source: last, options: ['rbind'] }]);
  });

  it('makes directories first, where they may be', async () => {
    const made = join(directory, 'upper');
    const option = (path: string) => `X-containerd.mkdir.path=${path}:0750:12:34`;
    const asked = (path: string) => [
      { type: 'mkdir/bind', source: made, target: '', options: ['rbind', option(path)] },
    ];
    const { info } = await mounts.activate({ name: 'image', mounts: asked(made) });
    expect(info?.system).toMatchObject([{ type: 'bind', options: ['rbind'] }]);
    expect(statSync(made)).toMatchObject({ uid: 12, gid: 34 });
    expect(statSync(made).mode & 0o777).toBe(0o750);
    for (const [path, code] of [
      ['/var/tmp/shiplog-elsewhere', 'invalid-argument'],
      [join(directory, 'none/upper'), 'not-found'],
      [folder('a'), 'failed-precondition'],
    ]) {
      await expect(mounts.activate({ name: 'other', mounts: asked(path ?? '') })).rejects.toMatchObject({
        code,
      });
    }
  });

  it('is undone where a mount fails', async () => {
    const broken = { type: 'nosuchfs', source: 'x', target: '', options: [] };
    const asked = [bind(folder('a')), broken, overlay('lowerdir={{ mount 1 }}')];
    await expect(mounts.activate({ name: 'image', mounts: asked })).rejects.toMatchObject({
      code: 'internal',
      message: /nosuchfs/,
    });
    expect(await names()).toEqual([]);
    expect(left()).toEqual([]);
    await mounts.activate({ name: 'image', mounts: two() });
    await expect(mounts.activate({ name: 'image', mounts: two() })).rejects.toMatchObject({
      code: 'already-exists',
    });
  });

  it('ends with its lease', async () => {
    const leases = served.client(Leases);
    await leases.create({ id: 'mine' });
    const leased = served.client(Mounts, { lease: 'mine' });
    const { info } = await leased.activate({ name: 'image', mounts: two() });
    await mounts.activate({ name: 'free', mounts: two() });
    await leases.delete({ id: 'mine' });
    await vi.waitFor(async () => expect(await names()).toEqual(['free']));
    await vi.waitFor(() => expect(isMounted(info?.active[0]?.mountPoint ?? '')).toBe(false));
    await expect(leased.activate({ name: 'late', mounts: two() })).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('is swept when nothing holds it any more, and let go of when its mounts are gone', async () => {
    const { info } = await mounts.activate({ name: 'kept', mounts: two() });
    const { info: torn } = await mounts.activate({ name: 'torn', mounts: two() });
    const stray = join(directory, 'mounts/stray/1');
    await served.mounter.mount([bind(folder('a'))], stray);
    await served.mounter.unmount(torn?.active[0]?.mountPoint ?? '');
    const request = { id: 'half', mounts: [], temporary: true, labels: {} };
    const half = { namespace: Namespace.parse('default'), name: ActivationName.parse('half') };
    await served.ledger.dispatch([{ type: 'request-activation', ...half, ...request } as never], cause);
    await served.mounts.recover(cause);
    expect(await names()).toEqual(['kept']);
    expect(isMounted(stray)).toBe(false);
    expect(isMounted(torn?.active[1]?.mountPoint ?? '')).toBe(false);
    expect(isMounted(info?.active[0]?.mountPoint ?? '')).toBe(true);
    expect(left()).toHaveLength(1);
  });
});

describe('labels and lists', () => {
  const nothing = (name: string, labels = {}) =>
    mounts.activate({
      name,
      labels,
      mounts: [{ type: 'format/bind', source: '/x', target: '', options: [] }],
    });
  it('are as clients set and ask them', async () => {
    await nothing('b', { tier: 'x' });
    await nothing('a');
    expect(await names()).toEqual(['a', 'b']);
    expect(await names('labels.tier==x')).toEqual(['b']);
    expect(await names('name==a')).toEqual(['a']);
    const update = (labels: Record<string, string>, ...paths: string[]) =>
      mounts.update({ info: { name: 'b', labels }, updateMask: { paths } });
    expect((await update({ y: '2' }, 'labels.y')).info?.labels).toEqual({ tier: 'x', y: '2' });
    expect((await update({ z: '3' })).info?.labels).toEqual({ z: '3' });
    await expect(update({}, 'system')).rejects.toMatchObject({ code: 'invalid-argument' });
  });
  it('tell clients to mount for themselves what needs no mount manager', async () => {
    await expect(
      mounts.activate({ name: 'plain', mounts: [{ type: 'bind', source: '/x', target: '', options: [] }] }),
    ).rejects.toMatchObject({ code: 'unimplemented' });
    await expect(mounts.deactivate({ name: 'plain' })).rejects.toMatchObject({ code: 'not-found' });
  });
});
