import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { someDigest, someTime } from '../../../support/fake-api.ts';
import { collect, failureOf, type Serving, serving } from './serving.ts';

let served: Serving;
beforeAll(async () => {
  served = await serving();
});
afterAll(async () => served[Symbol.asyncDispose]());

const at = { moment: { case: 'position' as const, value: 9_007_199_254_740_993n } };
const meant = { position: 9_007_199_254_740_993n };
const target = { namespace: 'default', container: 'web' };

describe('reads at a moment', () => {
  it('hand the moment on, beyond 53 bits', async () => {
    const { images, containers, log, system } = served.client;
    await images.list({ at });
    expect(served.last('images.list').input).toEqual(['default', { at: meant }]);
    await images.inspect({ image: 'busybox', at });
    expect(served.last('images.inspect').input).toEqual(['default', 'busybox', meant]);
    await containers.list({ all: true, at });
    expect(served.last('containers.list').input).toMatchObject({ all: true, at: meant });
    await containers.inspect({ container: 'web', at });
    expect(served.last('containers.inspect').input).toEqual({ ...target, at: meant });
    await log.why({ thing: 'web', at });
    expect(served.last('log.why').input).toEqual({ namespace: 'default', thing: 'web', at: meant });
    expect(await system.info({ namespace: 'ci', at })).toMatchObject({ containers: 2, logBytes: 0n });
    expect(served.last('system.counts').input).toEqual({ at: meant, namespace: 'ci' });
  });

  it('take a time as well', async () => {
    const time = { moment: { case: 'timeUs' as const, value: BigInt(someTime) } };
    expect(await served.client.resources.moment({ at: time })).toMatchObject({
      position: 9n,
      timeUs: BigInt(someTime),
    });
    expect(served.last('resources.moment').input).toEqual({ time: someTime });
  });

  it('refuse a moment that is none', async () => {
    const moment = { case: 'timeUs' as const, value: 2n ** 60n };
    expect(await failureOf(served.client.resources.moment({ at: { moment } }))).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('at.time_us'),
    });
    expect(await failureOf(served.client.resources.moment({}))).toMatchObject({ code: 'invalid-argument' });
  });

  it('collect nothing where gc is only to tell', async () => {
    const { gc } = served.client.system;
    expect(await gc({ dryRun: true })).toMatchObject({ removed: ['blob/default/x'], freedBytes: 7n });
    expect(served.last('system.garbage').input).toBeUndefined();
    await gc({ at });
    expect(served.last('system.garbage').input).toEqual(meant);
    expect(served.asked.filter(({ method }) => method === 'system.gc')).toEqual([]);
  });
});

describe('resources', () => {
  it('are told whole', async () => {
    const { resources } = served.client;
    expect(await collect(resources.snapshots({ filters: ['kind=active'], at }))).toMatchObject([
      { key: 'c0ffee', kind: 'active', parent: someDigest, snapshotter: 'overlayfs' },
    ]);
    expect(served.last('resources.snapshots').input).toEqual({
      ...{ namespace: 'default', filters: ['kind=active'], at: meant },
    });
    expect(await collect(resources.content({}))).toMatchObject([
      { digest: someDigest, size: 7n, labels: { a: 'b' }, createdUs: BigInt(someTime) },
    ]);
    expect(served.last('resources.content').input).toEqual({ namespace: 'default', filters: [] });
    expect(await collect(resources.leases({ namespace: 'ci' }))).toMatchObject([
      { id: 'pull-1', resources: [{ type: 'content', id: someDigest }] },
    ]);
    expect(await collect(resources.namespaces({}))).toMatchObject([
      { name: 'default', labels: { team: 'a' }, containers: 1, images: 2, leases: 5 },
    ]);
  });
});
