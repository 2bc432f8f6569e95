import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Namespace } from '../../src/domain/identity.ts';
import { type TestEngine, testEngine } from '../support/engine.ts';
import { missingHere } from '../support/machine.ts';
import { directory, file, symlink, type TarMember, tarOf } from '../support/tar.ts';

const missing = missingHere({ root: true, programs: ['zstd'] });
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

const namespace = Namespace.parse('default');

/** A docker archive that is whole but for what a test does to it. */
const whole = tarOf([
  file('layer.tar', tarOf([directory('etc/'), file('big', Buffer.alloc(300_000, 7))])),
  file('c.json', '{}'),
  file('manifest.json', JSON.stringify([{ Config: 'c.json', RepoTags: ['a:1'], Layers: ['layer.tar'] }])),
]);

describe.skipIf(missing !== undefined)(`archives that an import refuses${suffix}`, () => {
  let to: TestEngine;
  beforeAll(async () => {
    to = await testEngine();
  });
  afterAll(() => to.close());

  /** However it ended, what it brought is garbage, and nothing is under way. */
  afterEach(async () => {
    await to.engine.collector.collect(to.call().cause);
    const { world } = to.ledger.durable;
    const under = [world.lease, world.transfer, world.content.ingests, world.content.blobs, world.image];
    expect(under.map(({ size }) => size)).toEqual([0, 0, 0, 0, 0]);
    expect(to.facts.at(-1)?.type).not.toBe('transfer-finished');
    expect(to.complaints).toEqual([]);
    await expect.poll(async () => await bytesLeft()).toEqual([]);
  });
  const bytesLeft = async () => {
    const kept: unknown[] = [...(await to.ports.blobs.ingests())];
    for await (const one of to.ports.blobs.list()) kept.push(one);
    return kept;
  };

  const blob = (text: string) => `blobs/sha256/${createHash('sha256').update(text).digest('hex')}`;
  const list = (over: Record<string, unknown> = {}) =>
    file('manifest.json', JSON.stringify([{ Config: 'c.json', RepoTags: ['a:1'], Layers: [], ...over }]));
  const laid = file('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
  const index = (digest: string, size: number, mediaType = 'application/vnd.oci.image.manifest.v1+json') => {
    const annotations = { 'org.opencontainers.image.ref.name': 'a:1' };
    const manifests = [{ mediaType, digest: `sha256:${digest}`, size, annotations }];
    return file('index.json', JSON.stringify({ schemaVersion: 2, manifests }));
  };
  const broken: readonly (readonly [string, string, RegExp, readonly TarMember[]])[] = [
    ['nothing', 'failed-precondition', /neither oci-layout/, []],
    ['a file system', 'failed-precondition', /is it a file system/, [file('etc/motd', 'ahoy')]],
    [
      'only repositories',
      'failed-precondition',
      /docker before 1\.10/,
      [file('repositories', '{}'), file('a/layer.tar', 'x')],
    ],
    [
      'a blob that is not what its name says',
      'failed-precondition',
      /where sha256:.* was expected/,
      [file(blob('a'), 'b')],
    ],
    [
      'a blob with no digest for a name',
      'failed-precondition',
      /no name of a blob/,
      [file('blobs/sha256/ab', 'b')],
    ],
    ['a name that climbs out', 'failed-precondition', /holds '\.\.'/, [file('a/../../etc/passwd', 'x')]],
    ['an absolute name', 'failed-precondition', /absolute/, [file('/etc/passwd', 'x')]],
    [
      'a symlink that climbs out',
      'failed-precondition',
      /a link out of it/,
      [symlink('a/layer.tar', '../../etc/shadow')],
    ],
    [
      'an absolute symlink',
      'failed-precondition',
      /it is a link to '\/etc\/shadow'/,
      [symlink('layer.tar', '/etc/shadow')],
    ],
    [
      'a loop of links',
      'failed-precondition',
      /which is not in it/,
      [symlink('c.json', 'd.json'), symlink('d.json', 'c.json'), list()],
    ],
    ['a device', 'failed-precondition', /character-device/, [{ name: 'tty', flag: '3', device: [5, 0] }]],
    ['a list that names what is missing', 'failed-precondition', /names 'c\.json'/, [list()]],
    ['a list that is not JSON', 'failed-precondition', /not JSON/, [file('manifest.json', 'no')]],
    ['a list of the wrong shape', 'failed-precondition', /malformed at '0\.Config'/, [list({ Config: 7 })]],
    ['two lists', 'failed-precondition', /twice/, [list(), list()]],
    [
      'a document that is too long',
      'resource-exhausted',
      /over 8388608 bytes/,
      [file('manifest.json', Buffer.alloc(9_000_000, 32))],
    ],
    [
      'a name that is none',
      'failed-precondition',
      /the name 'A B'/,
      [file('c.json', '{}'), list({ RepoTags: ['A B'] })],
    ],
    [
      'a layout of the future',
      'unimplemented',
      /version 2\.0/,
      [file('oci-layout', '{"imageLayoutVersion":"2.0.0"}'), index('0'.repeat(64), 1)],
    ],
    [
      'an index of nothing that is here',
      'failed-precondition',
      /lacks the manifest/,
      [laid, index('0'.repeat(64), 1)],
    ],
    [
      'something that is no image',
      'unimplemented',
      /only OCI and Docker/,
      [laid, index('0'.repeat(64), 1, 'text/plain')],
    ],
  ];
  it.each(broken)('%s: %s', async (_, code, message, members) => {
    const archive = async function* () {
      yield tarOf(members);
    };
    await expect(to.images.import({ namespace, archive: archive() }, to.call())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(to.facts.map(({ type }) => type)).toContain('transfer-failed');
  });

  it.each([
    ['no tar at all', () => Buffer.alloc(2048, 'x'), /not a whole archive/],
    ['a torn tar', () => whole.subarray(0, 5000), /not a whole archive/],
    ['a torn gzip', () => gzipSync(whole).subarray(0, 500), /the archive is corrupt/],
    ['a torn zstd', () => Buffer.from('28b52ffd00', 'hex'), /the archive is corrupt/],
  ])('%s', async (_, bytes, message) => {
    const archive = async function* () {
      yield bytes();
    };
    await expect(to.images.import({ namespace, archive: archive() }, to.call())).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(message),
    });
  });

  it('leaves nothing behind when the sender goes away in the middle', async () => {
    const sender = new AbortController();
    const archive = async function* () {
      yield whole.subarray(0, 100_000);
      sender.abort();
      await new Promise(() => undefined);
    };
    const call = to.call({ signal: sender.signal });
    await expect(to.images.import({ namespace, archive: archive() }, call)).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});
