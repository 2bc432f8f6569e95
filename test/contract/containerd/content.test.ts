import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Content } from '../../../src/gen/containerd/services/content/v1/content_pb.ts';
import { Leases } from '../../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { ContentStream, digestOf, putBlob } from '../../support/content-writer.ts';

let served: ServedStore;
let content: ServiceClient<typeof Content>;
beforeEach(async () => {
  served = await servedStore();
  content = served.client(Content);
});
afterEach(() => served[Symbol.asyncDispose]());

const hello = digestOf('hello');
const nothing = digestOf('nothing');
const types = async () => {
  const seen: string[] = [];
  for await (const events of served.log.read({})) seen.push(...events.map(({ type }) => type));
  return seen;
};
const listed = async (...filters: string[]) => {
  const digests: string[] = [];
  for await (const { info } of content.list({ filters })) digests.push(...info.map(({ digest }) => digest));
  return digests;
};
const readAll = async (digest: string, offset = 0, size = 0, from = content) => {
  let text = '';
  for await (const { data } of from.read({ digest, offset: BigInt(offset), size: BigInt(size) })) {
    text += Buffer.from(data).toString();
  }
  return text;
};
/** A ref whose stream was cut is free as soon as the daemon has noticed. */
const reopened = async (ref: string, more = {}) => {
  for (let tries = 0; ; tries += 1) {
    const stream = new ContentStream(content);
    try {
      return { stream, status: await stream.stat(ref, more) };
    } catch (error) {
      if (tries === 50 || !(error instanceof Error && 'code' in error && error.code === 'unavailable'))
        throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
};

describe('a write', () => {
  it('is asked for, filled and committed in one stream', async () => {
    const stream = new ContentStream(content);
    expect(await stream.stat('one', { total: 5n, expected: hello })).toMatchObject({ offset: 0n, total: 5n });
    expect(await stream.write('hel')).toMatchObject({ offset: 3n, digest: digestOf('hel') });
    expect(await stream.write('lo', 3)).toMatchObject({ offset: 5n, digest: hello });
    const done = await stream.commit(5, { total: 5n, expected: hello, labels: { a: 'b', empty: '' } });
    expect(done).toMatchObject({ offset: 5n, digest: hello });
    expect((await content.info({ digest: hello })).info).toMatchObject({ size: 5n, digest: hello });
    expect(await types()).toEqual(['ingest-started', 'blob-committed']);
  });

  it('of nothing is content too', async () => {
    expect(await putBlob(content, '')).toBe(digestOf(''));
    expect(await readAll(digestOf(''))).toBe('');
  });

  it('needs a ref, and a namespace', async () => {
    await expect(new ContentStream(content).stat('')).rejects.toMatchObject({ code: 'invalid-argument' });
    const nowhere = served.client(Content, { namespace: '' });
    await expect(new ContentStream(nowhere).stat('one')).rejects.toMatchObject({
      code: 'failed-precondition',
    });
  });

  it('goes on where a broken stream stopped', async () => {
    const broken = new ContentStream(content);
    await broken.stat('one', { total: 5n });
    await broken.write('hel');
    broken.cut();
    const { stream, status } = await reopened('one', { total: 5n });
    expect(status).toMatchObject({ offset: 3n, digest: digestOf('hel') });
    await stream.write('lo', 3);
    expect(await stream.commit(5)).toMatchObject({ digest: hello });
  });

  it('begins anew at offset 0, and nowhere else but where it stopped', async () => {
    const stream = new ContentStream(content);
    await stream.stat('one');
    await stream.write('wrong');
    expect(await stream.write('hello', 0)).toMatchObject({ offset: 5n, digest: hello });
    await expect(stream.write('!', 3)).rejects.toMatchObject({ code: 'out-of-range' });
  });

  it('has its ref to itself', async () => {
    const first = new ContentStream(content);
    await first.stat('one');
    await expect(new ContentStream(content).stat('one')).rejects.toMatchObject({ code: 'unavailable' });
    const elsewhere = new ContentStream(served.client(Content, { namespace: 'other' }));
    expect(await elsewhere.stat('one')).toMatchObject({ offset: 0n });
    await first.end();
    expect(await new ContentStream(content).stat('one')).toMatchObject({ offset: 0n });
  });

  it.each([
    ['size', { total: 6n }],
    ['digest', { expected: nothing }],
  ])('with another %s than was said is refused, and its bytes stay under the ref', async (_, end) => {
    const stream = new ContentStream(content);
    await stream.stat('one');
    await stream.write('hello');
    await expect(stream.commit(5, end)).rejects.toMatchObject({ code: 'failed-precondition' });
    expect((await content.status({ ref: 'one' })).status).toMatchObject({ offset: 5n });
    await expect(content.info({ digest: hello })).rejects.toMatchObject({ code: 'not-found' });
    const again = await reopened('one');
    expect(again.status).toMatchObject({ offset: 5n, digest: hello });
    expect(await again.stream.commit(5)).toMatchObject({ digest: hello });
  });

  it('that is gone on with was changed last when its bytes came', async () => {
    const first = new ContentStream(content);
    await first.stat('one');
    await first.write('hel');
    const { updatedAt } = await first.stat('one');
    await first.end();
    const { stream, status } = await reopened('one');
    expect(status.updatedAt).toEqual(updatedAt);
    await stream.write('lo', 3);
    expect(await stream.commit(5)).toMatchObject({ digest: hello });
  });

  it('of what is there ends at once, whenever that is said', async () => {
    await putBlob(content, 'hello');
    const there = { code: 'already-exists' };
    await expect(new ContentStream(content).stat('two', { expected: hello })).rejects.toMatchObject(there);
    const late = new ContentStream(content);
    await late.stat('three');
    await expect(late.ask({ expected: hello })).rejects.toMatchObject(there);
    const last = new ContentStream(content);
    await last.stat('four');
    await last.write('hello');
    await expect(last.commit(5, { labels: { new: 'label' } })).rejects.toMatchObject(there);
    expect((await content.listStatuses({})).statuses).toEqual([]);
    expect((await content.info({ digest: hello })).info?.labels).toEqual({});
  });

  it('brought by two at once is there for both', async () => {
    const streams = ['one', 'two'].map((ref) => ({ ref, stream: new ContentStream(content) }));
    for (const { ref, stream } of streams) {
      await stream.stat(ref);
      await stream.write('hello');
    }
    const ends = await Promise.allSettled(streams.map(({ stream }) => stream.commit(5, { expected: hello })));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(ends.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'already-exists' },
    });
    expect(await listed()).toEqual([hello]);
  });

  it('may be of sha512', async () => {
    const expected = `sha512:${createHash('sha512').update('hello').digest('hex')}`;
    const stream = new ContentStream(content);
    await stream.stat('one', { expected });
    await stream.write('hello');
    expect(await stream.commit(5, { expected })).toMatchObject({ digest: expected });
    expect(await readAll(expected)).toBe('hello');
  });
});

describe('content of another namespace', () => {
  let other: ServiceClient<typeof Content>;
  beforeEach(async () => {
    other = served.client(Content, { namespace: 'other' });
    await putBlob(other, 'hello', { labels: { theirs: 'yes' } });
  });

  it('counts as written, and is committed without a byte', async () => {
    await expect(content.info({ digest: hello })).rejects.toMatchObject({ code: 'not-found' });
    await expect(readAll(hello)).rejects.toMatchObject({ code: 'not-found' });
    const stream = new ContentStream(content);
    expect(await stream.stat('one', { expected: hello })).toMatchObject({ offset: 5n, digest: hello });
    expect(await stream.commit(5, { expected: hello, labels: { ours: 'yes' } })).toMatchObject({
      digest: hello,
    });
    expect((await content.info({ digest: hello })).info?.labels).toEqual({ ours: 'yes' });
    await other.delete({ digest: hello });
    expect(await readAll(hello)).toBe('hello');
  });

  it('is copied where the write turns out to be of something else', async () => {
    const stream = new ContentStream(content);
    await stream.stat('one', { expected: hello });
    expect(await stream.write(' you', 5)).toMatchObject({ offset: 9n, digest: digestOf('hello you') });
    await stream.end();
    const again = new ContentStream(content);
    expect(await again.stat('one')).toMatchObject({ offset: 9n });
    expect(await again.commit(9)).toMatchObject({ digest: digestOf('hello you') });
    expect(await readAll(hello, 0, 0, other)).toBe('hello');
  });

  it('is not taken for content of another size', async () => {
    const stream = new ContentStream(content);
    expect(await stream.stat('one', { expected: hello, total: 6n })).toMatchObject({ offset: 0n });
  });

  it('is refused where it is not what the commit says', async () => {
    const stream = new ContentStream(content);
    await stream.stat('one', { expected: hello });
    await expect(stream.commit(5, { expected: nothing })).rejects.toMatchObject({
      code: 'failed-precondition',
    });
  });
});

describe('a lease', () => {
  const held = async (id: string) => (await served.client(Leases).listResources({ id })).resources;
  const leased = () => served.client(Content, { lease: 'mine' });
  beforeEach(async () => {
    await served.client(Leases).create({ id: 'mine' });
  });

  it('holds what is written under it, in the batch that names it', async () => {
    const stream = new ContentStream(leased());
    await stream.stat('one');
    expect(await held('mine')).toMatchObject([{ type: 'ingests', id: 'one' }]);
    await stream.write('hello');
    await stream.commit(5);
    expect(await held('mine')).toContainEqual(expect.objectContaining({ type: 'content', id: hello }));
    expect((await types()).slice(-2)).toEqual(['blob-committed', 'lease-resource-added']);
  });

  it('holds also what was there, and lets go of what is deleted', async () => {
    await putBlob(content, 'hello');
    await expect(new ContentStream(leased()).stat('one', { expected: hello })).rejects.toMatchObject({
      code: 'already-exists',
    });
    expect(await held('mine')).toMatchObject([{ type: 'content', id: hello }]);
    await leased().delete({ digest: hello });
    expect(await held('mine')).toEqual([]);
  });

  it('must be there', async () => {
    const gone = new ContentStream(served.client(Content, { lease: 'gone' }));
    await expect(gone.stat('one')).rejects.toMatchObject({ code: 'not-found' });
    expect(await types()).toEqual(['lease-created']);
  });
});

describe('an unfinished write', () => {
  it('is told alone and in a list, with what it is to become', async () => {
    const stream = new ContentStream(content);
    await stream.stat('one', { total: 5n, expected: hello });
    await stream.write('hel');
    await new ContentStream(content).stat('two');
    const one = { ref: 'one', offset: 3n, total: 5n, expected: hello };
    expect((await content.status({ ref: 'one' })).status).toMatchObject(one);
    expect((await content.listStatuses({})).statuses).toMatchObject([one, { ref: 'two', offset: 0n }]);
    await expect(content.status({ ref: 'three' })).rejects.toMatchObject({ code: 'not-found' });
    expect((await served.client(Content, { namespace: 'other' }).listStatuses({})).statuses).toEqual([]);
  });

  it('is thrown away with all its bytes, also under the hands of its writer', async () => {
    const stream = new ContentStream(content);
    await stream.stat('one');
    await stream.write('hel');
    await content.abort({ ref: 'one' });
    await expect(stream.write('lo', 3)).rejects.toMatchObject({ code: 'failed-precondition' });
    await expect(content.abort({ ref: 'one' })).rejects.toMatchObject({ code: 'not-found' });
    expect((await content.listStatuses({})).statuses).toEqual([]);
    expect(await new ContentStream(content).stat('one')).toMatchObject({ offset: 0n });
  });
});

describe('a blob', () => {
  it('is found by filters', async () => {
    await putBlob(content, 'hello', { labels: { 'a.b': 'c' } });
    await putBlob(content, 'nothing');
    expect(await listed('labels."a.b"==c')).toEqual([hello]);
    expect(await listed(`digest==${nothing}`)).toEqual([nothing]);
    await expect(listed('digest==')).rejects.toMatchObject({ code: 'invalid-argument' });
    await new ContentStream(content).stat('layer-1');
    expect((await content.listStatuses({ filters: ['ref~=^layer'] })).statuses).toMatchObject([
      { ref: 'layer-1' },
    ]);
    expect((await content.listStatuses({ filters: ['ref==other'] })).statuses).toEqual([]);
  });

  it('is listed, by digest, in messages of a bounded size', async () => {
    const texts = Array.from({ length: 205 }, (_, at) => `blob ${at}`);
    for (const text of texts) await putBlob(content, text);
    const sizes: number[] = [];
    for await (const { info } of content.list({})) sizes.push(info.length);
    expect(sizes).toEqual([100, 100, 5]);
    expect(await listed()).toEqual(texts.map(digestOf).sort());
  });

  it('is read whole, in part, and not past its end', async () => {
    await putBlob(content, 'hello');
    expect(await readAll(hello)).toBe('hello');
    expect(await readAll(hello, 1, 3)).toBe('ell');
    expect(await readAll(hello, 3, 100)).toBe('lo');
    expect(await readAll(hello, 5)).toBe('');
    expect(await readAll(hello, -1, -1)).toBe('hello');
    await expect(readAll(hello, 6)).rejects.toMatchObject({ code: 'out-of-range' });
    await expect(readAll(nothing)).rejects.toMatchObject({ code: 'not-found' });
    await expect(readAll('sha256:xyz')).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('is read in pieces, and no further than its reader goes', async () => {
    const text = 'x'.repeat(3_000_000);
    const digest = await putBlob(content, text, { ref: 'large' });
    const sizes: number[] = [];
    for await (const { offset, data } of content.read({ digest })) {
      expect(Number(offset)).toBe(sizes.reduce((sum, size) => sum + size, 0));
      sizes.push(data.length);
    }
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(text.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024);
    for await (const { data } of content.read({ digest })) {
      expect(data.length).toBeGreaterThan(0);
      break;
    }
    const stop = new AbortController();
    const read = content.read({ digest }, { signal: stop.signal })[Symbol.asyncIterator]();
    await read.next();
    stop.abort();
    await expect(
      (async () => {
        while (!(await read.next()).done);
      })(),
    ).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('has its labels replaced, or changed one by one', async () => {
    await putBlob(content, 'hello', { labels: { a: '1', b: '2' } });
    const update = (labels: Record<string, string>, ...paths: string[]) =>
      content.update({ info: { digest: hello, labels }, updateMask: { paths } });
    expect((await update({ a: '3' }, 'labels.a')).info?.labels).toEqual({ a: '3', b: '2' });
    expect((await update({}, 'labels.a')).info?.labels).toEqual({ b: '2' });
    expect((await update({ c: '4' }, 'labels')).info?.labels).toEqual({ c: '4' });
    expect((await update({ d: '5' })).info).toMatchObject({ labels: { d: '5' }, size: 5n });
    await expect(update({}, 'size')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(update({ e: 'x'.repeat(4096) })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(content.update({ info: { digest: nothing } })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is deleted once', async () => {
    await putBlob(content, 'hello');
    await content.delete({ digest: hello });
    await expect(content.delete({ digest: hello })).rejects.toMatchObject({ code: 'not-found' });
    await expect(content.info({ digest: hello })).rejects.toMatchObject({ code: 'not-found' });
    await expect(content.delete({ digest: 'hello' })).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
