import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mediaTypes } from '../../../src/domain/oci-image.ts';
import { Content } from '../../../src/gen/containerd/services/content/v1/content_pb.ts';
import { Images } from '../../../src/gen/containerd/services/images/v1/images_pb.ts';
import { Leases } from '../../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { Snapshots } from '../../../src/gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import { Transfer } from '../../../src/gen/containerd/services/transfer/v1/transfer_pb.ts';
import { ImageStoreSchema } from '../../../src/gen/containerd/types/transfer/imagestore_pb.ts';
import {
  ImageExportStreamSchema,
  ImageImportStreamSchema,
} from '../../../src/gen/containerd/types/transfer/importexport_pb.ts';
import { AuthType, OCIRegistrySchema } from '../../../src/gen/containerd/types/transfer/registry_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { type FaultyRegistry, startFaultyRegistry } from '../../support/faulty-registry.ts';
import { GZIP_LAYER } from '../../support/layers.ts';
import { missingHere } from '../../support/machine.ts';
import { blobOf, sha256 } from '../../support/registry-content.ts';
import { file, tarOf } from '../../support/tar.ts';
import { TransferClient } from '../../support/transfer-client.ts';

const missing = missingHere({ root: true });
const password = 'correct horse battery';

let served: ServedStore;
let registry: FaultyRegistry;
let transfers: TransferClient;
let index: string;
beforeEach(async () => {
  [served, registry] = await Promise.all([servedStore(), startFaultyRegistry()]);
  transfers = new TransferClient(served);
  index = publish('app');
});
afterEach(async () => {
  await served[Symbol.asyncDispose]();
  await registry.close();
});

const amd64 = { os: 'linux', architecture: 'amd64', variant: '' };
const arm64 = { os: 'linux', architecture: 'arm64', variant: '' };
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

/** Puts an image for two platforms on the registry. @returns the digest of its index */
const publish = (repository: string): string => {
  const put = (bytes: Buffer, mediaType: string) => {
    const descriptor = blobOf(bytes, mediaType);
    registry.blobs.set(descriptor.digest, bytes);
    return descriptor;
  };
  const place = (bytes: Buffer, mediaType: string, ...refs: string[]) => {
    const descriptor = blobOf(bytes, mediaType);
    for (const ref of [`@${descriptor.digest}`, ...refs]) {
      registry.manifests.set(`${repository}${ref}`, { bytes, mediaType });
    }
    return descriptor;
  };
  const manifests = [amd64, arm64].map((platform) => {
    const tar = tarOf([file('name', `${repository} for ${platform.architecture}`)]);
    const rootfs = { type: 'layers', diff_ids: [sha256(tar)] };
    const document = { os: 'linux', architecture: platform.architecture, rootfs };
    const config = put(Buffer.from(JSON.stringify(document)), 'application/vnd.oci.image.config.v1+json');
    const layers = [put(gzipSync(tar), GZIP_LAYER)];
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers }));
    const { os, architecture } = platform;
    return { ...place(bytes, manifestType), platform: { os, architecture } };
  });
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
  return place(bytes, indexType, ':1').digest;
};

const onRegistry = (repository = 'app', resolver = {}) =>
  [OCIRegistrySchema, { reference: `${registry.host}/${repository}:1`, resolver }] as const;
const inStore = (name: string, more = {}) => [ImageStoreSchema, { name, ...more }] as const;
const forHost = { platforms: [amd64], unpacks: [{ platform: amd64, snapshotter: 'overlayfs' }] };
const images = async () => (await served.client(Images).list({})).images;
const blobs = async () => {
  const found: string[] = [];
  for await (const { info } of served.client(Content).list({}))
    found.push(...info.map(({ digest }) => digest));
  return found;
};
const snapshots = async () => {
  const found: string[] = [];
  for await (const { info } of served.client(Snapshots).list({ snapshotter: 'overlayfs' })) {
    found.push(...info.map(({ name }) => name));
  }
  return found;
};
const wholeLog = async (): Promise<string> => {
  const lines: string[] = [];
  for await (const batch of served.log.read({ to: served.log.durable })) {
    lines.push(...batch.map(({ type, data, meta }) => JSON.stringify({ type, data, meta })));
  }
  return lines.join('\n');
};

describe.skipIf(missing !== undefined)(`a pull ${missing ?? ''}`, () => {
  it('fetches for one platform, unpacks, names, and tells of every step', async () => {
    const labels = { team: 'a' };
    const extraReferences = [{ name: 'also:this' }];
    const told = await transfers.run(
      onRegistry(),
      inStore('any name', { ...forHost, labels, extraReferences }),
    );
    expect(await images()).toMatchObject([
      { name: 'also:this', target: { digest: index }, labels },
      { name: 'any name', target: { digest: index }, labels },
    ]);
    expect(await blobs()).toHaveLength(4);
    expect(await snapshots()).toHaveLength(1);
    const words = `OCI Registry (${registry.host}/app:1)`;
    const events = told.map(({ event }) => event);
    expect(events[0]).toBe(`Resolving from ${words}`);
    expect(events).toContain(`Pulling from ${words}`);
    expect(events.at(-1)).toBe(`Completed pull from ${words}`);
    expect(told.filter(({ event }) => event === 'saved').map(({ name }) => name)).toEqual([
      'any name',
      'also:this',
    ]);
    const fetched = told.find(({ name }) => name === `index-${index}`);
    expect(fetched).toMatchObject({ parents: ['any name'], desc: { digest: index } });
    const manifest = told.find(({ name }) => name.startsWith('manifest-'));
    expect(manifest).toMatchObject({ parents: [`index-${index}`], desc: { mediaType: manifestType } });
    for (const kind of ['config-', 'layer-']) {
      const pieces = told.filter(({ name }) => name.startsWith(kind));
      expect(pieces.length).toBeGreaterThan(0);
      for (const piece of pieces) expect(piece).toMatchObject({ parents: [manifest?.name] });
    }
    expect((await served.client(Leases).list({})).leases).toEqual([]);
  });

  it('fetches all platforms where none is named, and unpacks none that is not', async () => {
    await transfers.run(onRegistry(), inStore('all'));
    expect(await blobs()).toHaveLength(7);
    expect(await snapshots()).toEqual([]);
  });

  it('unpacks to another snapshotter, where the layers are kept by what refers to them', async () => {
    const unpacks = [{ platform: amd64, snapshotter: 'native' }];
    const told = await transfers.run(onRegistry(), inStore('a', { platforms: [amd64], unpacks }));
    expect(told.map(({ event }) => event)).toContain('extracted');
    const client = served.client(Snapshots);
    const native: string[] = [];
    for await (const { info } of client.list({ snapshotter: 'native' })) {
      native.push(...info.map(({ name }) => name));
    }
    expect(native).toEqual([expect.stringMatching(/^sha256:/)]);
    expect(await snapshots()).toEqual([]);
    const [key = ''] = native;
    const { mounts } = await client.view({ snapshotter: 'native', key: 'look', parent: key });
    expect(readFileSync(join(mounts[0]?.source ?? '', 'name'), 'utf8')).toBe('app for amd64');
    await client.cleanup({ snapshotter: 'native' });
    expect((await client.stat({ snapshotter: 'native', key })).info?.name).toBe(key);
    await transfers.run(onRegistry(), inStore('a', { platforms: [amd64], unpacks }));
    expect((await served.client(Leases).list({})).leases).toEqual([]);
  });

  it('is nothing where no platform fits, no name is given, or the snapshotter is another', async () => {
    const s390x = { os: 'linux', architecture: 's390x', variant: '' };
    await expect(transfers.run(onRegistry(), inStore('a', { platforms: [s390x] }))).rejects.toMatchObject({
      code: 'not-found',
      message: /it has linux\/amd64, linux\/arm64/,
    });
    await expect(transfers.run(onRegistry(), inStore(''))).rejects.toMatchObject({ code: 'not-found' });
    const unpacks = [{ platform: amd64, snapshotter: 'zfs' }];
    await expect(transfers.run(onRegistry(), inStore('a', { unpacks }))).rejects.toMatchObject({
      code: 'invalid-argument',
      message: /snapshotter not loaded: zfs/,
    });
    await expect(transfers.run(onRegistry('none'), inStore('a'))).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/failed to resolve image: .*\/none:1: not found/),
    });
    expect(await images()).toEqual([]);
    expect((await served.client(Leases).list({})).leases).toEqual([]);
  });

  it('asks its client for the account, which nobody else learns', async () => {
    const basic = `Basic ${Buffer.from(`sailor:${password}`).toString('base64')}`;
    registry.guard = ({ headers }, response) => {
      if (headers.authorization === basic) return true;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="harbour"' }).end();
      return false;
    };
    await expect(transfers.run(onRegistry(), inStore('a', forHost))).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    for (const answer of [
      { authType: AuthType.CREDENTIALS, username: 'sailor', secret: password },
      { authType: AuthType.HEADER, secret: basic },
    ]) {
      const { id: authStream, hosts } = await transfers.accounts(() => answer);
      await transfers.run(onRegistry('app', { authStream }), inStore('a', forHost));
      expect(hosts).toEqual([registry.host]);
    }
    const refused = await transfers.accounts(() => ({
      authType: AuthType.CREDENTIALS,
      username: 'x',
      secret: 'wrong one',
    }));
    const denied = transfers.run(onRegistry('app', { authStream: refused.id }), inStore('b', forHost));
    await expect(denied).rejects.toMatchObject({ message: expect.not.stringContaining('wrong one') });
    const log = await wholeLog();
    for (const secret of [password, basic, 'wrong one']) expect(log).not.toContain(secret);
  });

  it('goes where the client’s own hosts.toml says, with its headers', async () => {
    const hostDir = join(dirname(served.address), 'hosts');
    mkdirSync(join(hostDir, 'example.test'), { recursive: true });
    writeFileSync(join(hostDir, 'example.test/hosts.toml'), `server = "${registry.url}"\n`);
    const resolver = { hostDir, headers: { 'x-crew': 'blue' } };
    await transfers.run(
      [OCIRegistrySchema, { reference: 'example.test/app:1', resolver }],
      inStore('a', forHost),
    );
    expect(await images()).toMatchObject([{ name: 'a' }]);
    expect(registry.seen.every(({ headers }) => headers['x-crew'] === 'blue')).toBe(true);
  });
});

describe.skipIf(missing !== undefined)(`what is in the store ${missing ?? ''}`, () => {
  beforeEach(async () => {
    await transfers.run(onRegistry(), inStore('docker.io/library/app:1'));
  });

  it('is pushed under another name', async () => {
    const told = await transfers.run(inStore('docker.io/library/app:1'), onRegistry('copy'));
    expect(registry.manifests.get('copy:1')?.bytes.toString()).toBe(
      registry.manifests.get('app:1')?.bytes.toString(),
    );
    expect(told.at(-1)?.event).toBe(`Completed push to OCI Registry (${registry.host}/copy:1)`);
    await expect(transfers.run(inStore('nobody'), onRegistry('copy'))).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('is given another name', async () => {
    await transfers.run(inStore('docker.io/library/app:1'), inStore('other', { labels: { a: '1' } }));
    expect(await images()).toMatchObject([
      {},
      { name: 'other', target: { digest: index }, labels: { a: '1' } },
    ]);
    await expect(transfers.run(inStore('nobody'), inStore('x'))).rejects.toMatchObject({ code: 'not-found' });
  });

  it('goes out as an archive and comes in again, in windows', async () => {
    const { id: stream, bytes } = await transfers.receiving();
    const told = await transfers.run(inStore('docker.io/library/app:1'), [
      ImageExportStreamSchema,
      { stream },
    ]);
    expect(told.map(({ event }) => event)).toEqual(['Exporting', 'Completed export']);
    const archive = await bytes;
    expect(archive.includes('oci-layout')).toBe(true);
    const document = (name: string) =>
      JSON.parse(execFileSync('tar', ['-xO', name], { input: archive }).toString());
    expect(document('manifest.json')).toEqual([
      {
        Config: expect.stringMatching(/^blobs\/sha256\/[0-9a-f]{64}$/),
        RepoTags: ['app:1'],
        Layers: [expect.stringMatching(/^blobs\/sha256\/[0-9a-f]{64}$/)],
      },
    ]);
    const back = [ImageImportStreamSchema, { stream: await transfers.sending(archive) }] as const;
    const imported = await transfers.run(back, inStore('', { labels: { from: 'archive' } }));
    expect(imported.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['Importing', 'saved', 'Completed import']),
    );
    expect(await images()).toMatchObject([{ name: 'docker.io/library/app:1', labels: { from: 'archive' } }]);
  });

  const app = 'docker.io/library/app';
  it.each([
    ['keeps its name where none is given', {}, [`${app}:1`]],
    ['keeps its name below a repository', { name: app }, [`${app}:1`]],
    ['is left out where it has another name', { name: 'example.test/app' }, []],
    [
      'keeps another name where that may be',
      { name: 'example.test/app', allowOverwrite: true },
      [`${app}:1`],
    ],
    ['is also named by its digest', { name: app, addDigest: true }, [`${app}:1`, `${app}@DIGEST`]],
    [
      'is named by its digest where it has no name',
      { name: 'other', addDigest: true, skipNamedDigest: true },
      ['other@DIGEST'],
    ],
    ['is not where it has one', { name: app, addDigest: true, skipNamedDigest: true }, [`${app}:1`]],
  ])('comes in again and %s', async (_, reference, names) => {
    const expected = names.map((name) => name.replace('DIGEST', index));
    const { id: stream, bytes } = await transfers.receiving();
    await transfers.run(inStore(`${app}:1`), [ImageExportStreamSchema, { stream }]);
    await served.client(Images).delete({ name: `${app}:1`, sync: true });
    expect(await snapshots()).toEqual([]);
    const from = [ImageImportStreamSchema, { stream: await transfers.sending(await bytes) }] as const;
    const extraReferences = 'name' in reference ? [{ isPrefix: true, ...reference }] : [];
    const told = await transfers.run(from, inStore('', { extraReferences }));
    expect(told.flatMap(({ event, name }) => (event === 'saved' ? [name] : []))).toEqual(expected);
    expect(await images()).toMatchObject(expected.map((name) => ({ name, target: { digest: index } })));
    // Nobody asked for that.
    expect(await snapshots()).toEqual([]);
  });

  it('comes in with a name for the whole archive, and is unpacked where that is asked for', async () => {
    const { id: stream, bytes } = await transfers.receiving();
    await transfers.run(inStore(`${app}:1`), [ImageExportStreamSchema, { stream }]);
    await served.client(Images).delete({ name: `${app}:1`, sync: true });
    const from = [ImageImportStreamSchema, { stream: await transfers.sending(await bytes) }] as const;
    await transfers.run(from, inStore('whole:1', forHost));
    const [whole, ...others] = await images();
    expect(whole).toMatchObject({ name: 'whole:1', target: { mediaType: mediaTypes.ociIndex } });
    expect(others).toEqual([]);
    // What the archive's index names is kept by it.
    expect(await blobs()).toContain(index);
    expect(await snapshots()).not.toEqual([]);
  });

  it('goes out for the platforms that are asked for, without what only docker reads', async () => {
    await transfers.run(onRegistry('app'), inStore('both'));
    const names = async (more: object) => {
      const { id: stream, bytes } = await transfers.receiving();
      await transfers.run(inStore('both'), [ImageExportStreamSchema, { stream, ...more }]);
      return execFileSync('tar', ['-t'], { input: await bytes })
        .toString()
        .split('\n');
    };
    const all = await names({ allPlatforms: true, platforms: [amd64] });
    const one = await names({ platforms: [arm64], skipCompatibilityManifest: true });
    const blobsIn = (list: string[]) => list.filter((name) => /^blobs\/sha256\/./.test(name)).length;
    expect([blobsIn(all), blobsIn(one)]).toEqual([7, 4]);
    expect([all.includes('manifest.json'), one.includes('manifest.json')]).toEqual([true, false]);
    const platforms = [{ os: 'linux', architecture: 's390x', variant: '' }];
    await expect(names({ platforms })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('goes out with all whose names begin alike, each once', async () => {
    const app = 'docker.io/library/app:1';
    for (const name of ['docker.io/library/app:2', 'example.test/app:1']) {
      await transfers.run(inStore(app), inStore(name));
    }
    const named = async (...prefixes: string[]): Promise<unknown[]> => {
      const { id: stream, bytes } = await transfers.receiving();
      const extraReferences = prefixes.map((name) => ({ name, isPrefix: true }));
      await transfers.run(inStore(app, { extraReferences }), [ImageExportStreamSchema, { stream }]);
      const index = execFileSync('tar', ['-xO', 'index.json'], { input: await bytes }).toString();
      return JSON.parse(index).manifests.map(
        ({ annotations }: { annotations: Record<string, string> }) => annotations['io.containerd.image.name'],
      );
    };
    expect(await named('docker.io/library/', 'docker.io/')).toEqual([app, 'docker.io/library/app:2']);
    expect(await named('example.test/')).toEqual([app, 'example.test/app:1']);
    await expect(named('nobody/')).rejects.toMatchObject({ code: 'not-found' });
    await expect(named('')).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('is not exported where it is not there, and the stream ends all the same', async () => {
    const { id: stream, bytes } = await transfers.receiving();
    await expect(
      transfers.run(inStore('nobody'), [ImageExportStreamSchema, { stream }]),
    ).rejects.toMatchObject({
      code: 'not-found',
    });
    expect(await bytes).toHaveLength(0);
  });
});

describe('an import', () => {
  it('of what is no archive is refused', async () => {
    const stream = await transfers.sending(Buffer.alloc(300_000, 'x'));
    await expect(transfers.run([ImageImportStreamSchema, { stream }], inStore('a'))).rejects.toMatchObject({
      code: 'failed-precondition',
    });
  });
  it('straight into an export gives the same bytes', async () => {
    const bytes = Buffer.from(Array.from({ length: 500_000 }, (_, n) => n % 251));
    const out = await transfers.receiving(7000);
    const from = [ImageImportStreamSchema, { stream: await transfers.sending(bytes) }] as const;
    await transfers.run(from, [ImageExportStreamSchema, { stream: out.id }]);
    expect((await out.bytes).equals(bytes)).toBe(true);
  });
});

describe('a stream', () => {
  it('has one id at a time, and is found by that only', async () => {
    const stream = await transfers.open('mine');
    const twice = await transfers.open('mine').catch((error: unknown) => error);
    expect(twice).toMatchObject({ code: 'already-exists' });
    await expect(
      transfers.run([ImageImportStreamSchema, { stream: 'nobody' }], inStore('a')),
    ).rejects.toMatchObject({ code: 'not-found' });
    stream.close();
  });
});

it('a transfer between ends that do not go together is not implemented', async () => {
  await expect(transfers.run(onRegistry(), onRegistry())).rejects.toMatchObject({ code: 'unimplemented' });
  const strange = { typeUrl: 'example.Tape', value: new Uint8Array() };
  await expect(
    served.client(Transfer).transfer({ source: strange, destination: strange }),
  ).rejects.toMatchObject({ code: 'unimplemented', message: /example.Tape/ });
  await expect(served.client(Transfer).transfer({})).rejects.toMatchObject({ code: 'invalid-argument' });
});
