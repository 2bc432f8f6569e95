import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from '../../../../src/gen/grpc/health/v1/health_pb.ts';
import { someDigest, someImage, someTime } from '../../../support/fake-api.ts';
import { collect, failureOf, type Serving, serving } from './serving.ts';

let served: Serving;
beforeAll(async () => {
  served = await serving();
});
afterAll(async () => served[Symbol.asyncDispose]());

const web = { container: 'web' };
const target = { namespace: 'default', container: 'web' };

describe('images', () => {
  it('pulls, telling what comes, then that it is done', async () => {
    const request = {
      reference: 'busybox',
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      credentials: { username: 'u', password: 'p' },
    };
    const progress = await collect(served.client.images.pull(request));
    expect(progress.map((one) => one.progress.case)).toEqual(['resolved', 'item', 'done']);
    expect(progress[1]?.progress.value).toMatchObject({
      ...{ digest: someDigest, kind: 'layer', status: 'downloading', offset: 7n, total: 7n },
    });
    expect(progress[2]?.progress.value).toMatchObject({ name: someImage.name, upToDate: true });
    expect(served.last('images.pull').input).toEqual({
      namespace: 'default',
      reference: { registry: 'docker.io', repository: 'library/busybox', tag: 'latest' },
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      credentials: { username: 'u', password: 'p' },
    });
  });

  it('pushes under its own name or another', async () => {
    await collect(served.client.images.push({ namespace: 'ci', image: 'app' }));
    expect(served.last('images.push').input).toEqual({ namespace: 'ci', image: 'app' });
    const done = await collect(
      served.client.images.push({ image: 'app', reference: 'r.example:5000/app:2' }),
    );
    expect(served.last('images.push').input).toMatchObject({
      reference: { registry: 'r.example:5000', repository: 'app', tag: '2' },
    });
    expect(done.at(-1)?.progress.case).toBe('done');
  });

  it('imports an archive in pieces', async () => {
    const requests = async function* () {
      yield { request: { case: 'options' as const, value: { name: 'app:1' } } };
      for (let piece = 0; piece < 40; piece++) {
        yield { request: { case: 'data' as const, value: Buffer.alloc(100_000) } };
      }
    };
    const { names } = await served.client.images.import(requests());
    expect(names).toEqual(['archive of 4000000 bytes']);
    expect(served.last('images.import').input).toMatchObject({ namespace: 'default', name: 'app:1' });
  });

  it('refuses an import that begins with data', async () => {
    const requests = async function* () {
      yield { request: { case: 'data' as const, value: Buffer.alloc(10) } };
    };
    expect(await failureOf(served.client.images.import(requests()))).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('options'),
    });
  });

  it('exports in pieces of 256 KiB at most', async () => {
    const chunks = await collect(served.client.images.export({ images: ['app'], format: 'docker' }));
    expect(chunks.map(({ data }) => data.length)).toEqual([262_144, 262_144, 90_112, 3]);
    expect(served.last('images.export').input).toEqual({
      namespace: 'default',
      images: ['app'],
      format: 'docker',
    });
  });

  it('lists, with sizes beyond 32 bits', async () => {
    const { images } = await served.client.images.list({ reference: 'busy*' });
    expect(images[0]).toMatchObject({
      name: someImage.name,
      contentSize: 5_000_000_000n,
      createdUs: BigInt(someTime),
      labels: { tier: 'front' },
      platform: { os: 'linux', architecture: 'amd64', variant: '' },
    });
    expect(served.last('images.list').input).toEqual(['default', { reference: 'busy*' }]);
    await served.client.images.list({});
    expect(served.last('images.list').input).toEqual(['default', {}]);
  });

  it('inspects, tags and removes', async () => {
    const found = await served.client.images.inspect({ image: 'busybox' });
    expect(found).toMatchObject({ config: '{}', manifest: '{"a":1}', layers: [someDigest] });
    await served.client.images.tag({ source: 'busybox', target: 'mine:1' });
    expect(served.last('images.tag').input).toMatchObject({
      source: 'busybox',
      target: { repository: 'library/mine', tag: '1' },
    });
    expect(await served.client.images.remove({ image: 'busybox', force: true })).toMatchObject({
      untagged: ['busybox'],
      deleted: [someDigest],
    });
  });
});

describe('containers', () => {
  it('creates', async () => {
    const created = await served.client.containers.create({ options: { image: 'busybox', name: 'web' } });
    expect(created).toMatchObject({ id: 'c0ffee', name: 'web' });
    expect(served.last('containers.create').input).toMatchObject({ namespace: 'default', name: 'web' });
  });

  it('starts, stops, kills, pauses, unpauses, waits and removes', async () => {
    const { containers } = served.client;
    expect((await containers.start(web)).pid).toBe(4711);
    expect((await containers.stop({ ...web, timeout: 0, signal: 'int' })).exitCode).toBe(143);
    expect(served.last('containers.stop').input).toEqual({ ...target, timeout: 0, signal: 'SIGINT' });
    await containers.stop(web);
    expect(served.last('containers.stop').input).toEqual(target);
    await containers.kill(web);
    expect(served.last('containers.kill').input).toEqual({ ...target, signal: 'SIGKILL' });
    await containers.pause(web);
    await containers.unpause({ ...web, namespace: 'other' });
    expect(served.last('containers.unpause').input).toEqual({ namespace: 'other', container: 'web' });
    expect(await containers.wait(web)).toMatchObject({ exitCode: 3, exitedUs: BigInt(someTime) });
    await containers.remove({ ...web, force: true });
    expect(served.last('containers.remove').input).toEqual({ ...target, force: true });
  });

  it('lists and inspects, absent times and codes staying absent', async () => {
    const { containers } = await served.client.containers.list({ all: true, filters: ['status=exited'] });
    expect(served.last('containers.list').input).toMatchObject({ all: true, filters: ['status=exited'] });
    expect(containers[0]).toMatchObject({ status: 'exited', exitCode: 3, oomKilled: true, pid: 0 });
    const { execs, container, ...rest } = await served.client.containers.inspect(web);
    expect(rest).toMatchObject({ snapshotter: 'overlayfs', config: '{"process":{}}' });
    expect(container?.imageDigest).toBe(someDigest);
    expect(execs[0]).toMatchObject({ id: 'exec-1', exitCode: 0 });
  });

  it('lists in pieces what may be more than a message holds', async () => {
    const all = { all: true, filters: ['status=exited'] };
    const pieces = [];
    for await (const { containers } of served.client.containers.listStream(all)) pieces.push(...containers);
    expect(served.last('containers.list').input).toMatchObject(all);
    expect(pieces).toEqual((await served.client.containers.list(all)).containers);
  });

  it('shows processes and logs', async () => {
    const { processes } = await served.client.containers.top(web);
    expect(processes[0]).toMatchObject({ pid: 2, cpuUs: 1500n, rss: 4096n, args: ['sh'] });
    const entries = await collect(served.client.containers.logs({ ...web, tail: 0, sinceUs: 5n }));
    expect(entries.map(({ stream, data }) => [stream, Buffer.from(data).toString()])).toEqual([
      ['stdout', 'one\n'],
      ['stderr', 'two\n'],
    ]);
    expect(served.last('containers.logs').input).toEqual({ ...target, follow: false, tail: 0, since: 5 });
  });
});

describe('the log', () => {
  it('tells events, positions beyond 53 bits too', async () => {
    const events = await collect(served.client.log.events({ fromPosition: 0n, filters: ['type=x'] }));
    expect(events.map(({ position }) => position)).toEqual([0n, 9_007_199_254_740_993n]);
    expect(events[0]).toMatchObject({
      ...{ type: 'container-created', subject: 'container/default/c0ffee', data: '{"id":"c0ffee"}' },
      ...{ correlation: 'k', causation: 41n, reason: 'because', wallUs: BigInt(someTime), monoUs: 12n },
      actor: { uid: 0n, pid: 7n, exe: '/usr/bin/shiplog', client: 'shiplog' },
    });
    expect(served.last('log.events').input).toEqual({ from: 0n, follow: false, filters: ['type=x'] });
    await collect(served.client.log.events({ namespace: 'ci', sinceUs: 1n, untilUs: 2n }));
    expect(served.last('log.events').input).toMatchObject({ namespace: 'ci', since: 1, until: 2 });
  });

  it('tells history and why', async () => {
    expect(await collect(served.client.log.history({ thing: 'web' }))).toHaveLength(1);
    expect(await served.client.log.why({ thing: 'x' })).toMatchObject({
      subject: 'x',
      kept: true,
      path: [{ from: 'image/default/x', to: 'x', kind: 'target', sincePosition: 5n }],
      freed: [{ position: 6n }],
    });
  });

  it('verifies, with progress and then the result', async () => {
    const answers = await collect(served.client.log.verify({}));
    expect(answers.at(-1)).toMatchObject({
      eventsChecked: 30n,
      result: { ok: true, message: '30 events are sound', headHash: 'beef' },
    });
    expect(answers[0]).toMatchObject({ eventsChecked: 20n, eventsTotal: 30n });
    expect(answers[0]?.result).toBeUndefined();
  });
});

describe('the daemon', () => {
  it('says its version, its state and what gc freed', async () => {
    expect(await served.client.system.version({})).toMatchObject({ version: '1', node: 'v20' });
    const info = await served.client.system.info({ namespace: 'ci' });
    expect(info).toMatchObject({ logHead: 77n, logBytes: 5_000_000_000n, namespaces: ['default'] });
    expect(served.last('system.info').input).toBe('ci');
    expect(await served.client.system.gc({})).toMatchObject({ removed: [someDigest], freedBytes: 12n });
  });

  it('answers health checks of any gRPC client', async () => {
    const raw = new Client(`unix://${served.path}`, credentials.createInsecure());
    const encode = (service: string) =>
      Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })));
    const decode = (bytes: Buffer) => fromBinary(HealthCheckResponseSchema, bytes).status;
    const check = (service: string) =>
      new Promise((resolve, reject) => {
        raw.makeUnaryRequest('/grpc.health.v1.Health/Check', encode, decode, service, (error, status) =>
          error ? reject(error) : resolve(status),
        );
      });
    /** The first word of a watch, which then goes on until its client leaves. */
    const watched = (service: string) =>
      new Promise((resolve, reject) => {
        const call = raw.makeServerStreamRequest('/grpc.health.v1.Health/Watch', encode, decode, service);
        let told: unknown;
        call.on('data', (status) => {
          told = status;
          setTimeout(() => call.cancel(), 20);
        });
        call.once('end', () => reject(new Error('the watch ended by itself')));
        call.on('error', ({ code }: { code?: number }) => (code === 1 ? resolve(told) : reject(code)));
      });
    expect(await check('')).toBe(HealthCheckResponse_ServingStatus.SERVING);
    expect(await check('shiplog.v1.Images')).toBe(HealthCheckResponse_ServingStatus.SERVING);
    expect(await failureOf(check('nobody'))).toMatchObject({ code: 5 });
    expect(await watched('')).toBe(HealthCheckResponse_ServingStatus.SERVING);
    expect(await watched('nobody')).toBe(HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN);
    raw.close();
  });
});
