import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Digest, Namespace } from '../../src/domain/identity.ts';
import { runProgram } from '../support/child.ts';
import { startContainerd } from '../support/containerd.ts';
import { type TestEngine, testEngine } from '../support/engine.ts';
import { missingHere } from '../support/machine.ts';
import { type Layout, writeLayout } from '../support/oci-layout.ts';
import { directory, file, symlink, tarOf } from '../support/tar.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const missing = missingHere({ root: true, programs: ['skopeo', 'umoci', 'containerd', 'ctr', 'zstd'] });
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

const namespace = Namespace.parse('default');
const names = { oci: 'example.org/fleet/sloop:1', second: 'example.org/fleet/ketch:2' };

const baseLayer = tarOf([
  directory('etc/'),
  file('etc/motd', 'ahoy\n'),
  file('big', Buffer.alloc(700_000, 7)),
]);
const topLayer = tarOf([directory('etc/'), file('etc/crew', 'two\n')]);

interface Inspected {
  readonly Digest: string;
  readonly Layers: readonly string[];
  readonly Name?: string;
}

describe.skipIf(missing !== undefined)(`archives of images${suffix}`, { timeout: 120_000 }, () => {
  const temp = makeTempDir('archive');
  const at = (name: string) => join(temp.path, name);
  let layout: Layout;
  const engines: TestEngine[] = [];
  const fresh = async (): Promise<TestEngine> => {
    const made = await testEngine();
    engines.push(made);
    return made;
  };
  beforeAll(async () => {
    layout = await writeLayout(at('layout'), [{ tar: baseLayer }, { tar: topLayer, compression: 'none' }], {
      tag: 'sloop',
      config: { Cmd: ['/bin/true'], Env: ['A=1'] },
    });
    await runProgram('tar', ['-C', at('layout'), '-cf', at('layout.tar'), '.']);
    const from = `oci:${at('layout')}:sloop`;
    await runProgram('skopeo', ['copy', '-q', from, `oci-archive:${at('oci.tar')}:${names.oci}`]);
    await runProgram('skopeo', ['copy', '-q', from, `docker-archive:${at('docker.tar')}:${names.oci}`]);
  });
  afterAll(async () => {
    for (const one of engines) await one.close();
    temp.remove();
  });

  const importFile = (to: TestEngine, path: string, more: { name?: string } = {}) =>
    to.images.import({ namespace, archive: createReadStream(path), ...more }, to.call());
  const exportFile = async (
    from: TestEngine,
    images: readonly string[],
    format: 'oci' | 'docker',
    path: string,
  ) => {
    await pipeline(from.images.export({ namespace, images, format }, from.call()), createWriteStream(path));
    return path;
  };
  const inspect = async (source: string): Promise<Inspected> =>
    JSON.parse(await runProgram('skopeo', ['inspect', source]));

  /** What must be true after every import, however it ended. */
  const nothingLeft = ({ ledger, complaints }: TestEngine) => {
    const { world } = ledger.durable;
    expect([...world.lease.values()]).toEqual([]);
    expect([...world.transfer.values()]).toEqual([]);
    expect([...world.content.ingests.values()]).toEqual([]);
    expect(complaints).toEqual([]);
  };
  const unpacked = (to: TestEngine): readonly string[] =>
    [...to.ledger.durable.world.snapshot.values()].map(
      ({ key, parent }) => `${key} on ${parent ?? 'nothing'}`,
    );
  const [base, top] = [0, 1].map((n) => () => layout.layers[n]?.diffId ?? '') as [() => string, () => string];
  const chain = () => {
    const whole = sha256(`${base()} ${top()}`);
    return [`${base()} on nothing`, `${whole} on ${base()}`];
  };
  const gather = async (bytes: AsyncIterable<Uint8Array>): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of bytes) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  describe('in', () => {
    it('takes an OCI archive of skopeo: its name, its digests, unpacked', async () => {
      const to = await fresh();
      expect(await importFile(to, at('oci.tar'))).toEqual([names.oci]);
      const { image, layers } = await to.images.inspect(namespace, names.oci);
      const { Digest: digest, Layers } = await inspect(`oci-archive:${at('oci.tar')}`);
      expect(image.target.digest).toBe(digest);
      expect(image.platform).toEqual(to.ports.host.platform);
      expect(layers).toEqual(Layers);
      expect(new Set(unpacked(to))).toEqual(new Set(chain()));
      for (const layer of layers) expect(await to.ports.blobs.verify(layer)).toBe(layer);
      nothingLeft(to);
    });

    it('says of every blob that it comes before it comes, and names it only when it is there', async () => {
      const to = await fresh();
      await importFile(to, at('oci.tar'));
      const types = to.facts.map(({ type }) => type);
      expect(types.slice(0, 2)).toEqual(['transfer-started', 'lease-created']);
      expect(types.slice(-2)).toEqual(['transfer-finished', 'lease-deleted']);
      const announced = new Set<string>();
      for (const fact of to.facts) {
        if (fact.type === 'ingest-started') announced.add(fact.data.ref);
        if (fact.type === 'blob-committed') expect(announced.delete(fact.data.ref ?? '')).toBe(true);
      }
      expect(types.indexOf('image-created')).toBeGreaterThan(types.lastIndexOf('snapshot-committed'));
      expect(to.facts[0]).toMatchObject({ data: { verb: 'import', what: 'an archive' } });
    });

    it('takes a docker archive of skopeo, and makes the same manifest of it every time', async () => {
      const [one, other] = [await fresh(), await fresh()];
      for (const to of [one, other]) expect(await importFile(to, at('docker.tar'))).toEqual([names.oci]);
      const { image, manifest, config } = await one.images.inspect(namespace, names.oci);
      expect((await other.images.inspect(namespace, names.oci)).image.target).toEqual(image.target);
      expect(JSON.parse(config)).toMatchObject({ config: { Cmd: ['/bin/true'] } });
      expect(JSON.parse(manifest).layers.map(({ digest }: { digest: string }) => digest)).toEqual([
        base(),
        top(),
      ]);
      expect(new Set(unpacked(one))).toEqual(new Set(chain()));
      nothingLeft(one);
    });

    it('takes what an old docker saved: a folder for each layer, links between them, its list last', async () => {
      const to = await fresh();
      const config = JSON.stringify({
        architecture: to.ports.host.platform.architecture,
        os: 'linux',
        rootfs: { type: 'layers', diff_ids: [base(), top(), base()] },
      });
      const gzipped = gzipSync(topLayer);
      const list = [
        {
          Config: 'c0.json',
          RepoTags: ['sloop:1', 'fleet/sloop:2'],
          Layers: ['a/layer.tar', 'b/layer.tar', 'c/layer.tar'],
        },
      ];
      const archive = tarOf([
        directory('c/'),
        symlink('c/layer.tar', '../a/layer.tar'),
        directory('a/'),
        file('a/VERSION', '1.0'),
        file('a/json', '{}'),
        file('a/layer.tar', baseLayer),
        file('b/layer.tar', gzipped),
        file('c0.json', config),
        file('manifest.json', JSON.stringify(list)),
        file('repositories', '{}'),
      ]);
      writeFileSync(at('old.tar'), archive);
      const full = ['docker.io/library/sloop:1', 'docker.io/fleet/sloop:2'];
      expect(await importFile(to, at('old.tar'))).toEqual(full);
      const { manifest } = await to.images.inspect(namespace, 'sloop:1');
      const types = JSON.parse(manifest).layers.map(({ mediaType }: { mediaType: string }) => mediaType);
      const plain = 'application/vnd.oci.image.layer.v1.tar';
      expect(types).toEqual([plain, `${plain}+gzip`, plain]);
      expect(unpacked(to)).toHaveLength(3);
      nothingLeft(to);
    });

    it.each([
      ['gzip', ['-n', '-k']],
      ['zstd', ['-q', '-k']],
    ])('takes an archive that %s has compressed', async (program, options) => {
      const to = await fresh();
      const ending = program === 'gzip' ? 'gz' : 'zst';
      await runProgram(program, [...options, at('oci.tar')]);
      expect(await importFile(to, at(`oci.tar.${ending}`))).toEqual([names.oci]);
      nothingLeft(to);
    });

    it('asks for a name where the archive has none, and uses it', async () => {
      const to = await fresh();
      await runProgram('umoci', ['tag', '--image', `${at('layout')}:sloop`, 'sloop-1']);
      await runProgram('tar', ['-C', at('layout'), '-cf', at('two-tags.tar'), '.']);
      await expect(importFile(to, at('layout.tar'))).rejects.toMatchObject({
        code: 'invalid-argument',
        message: expect.stringMatching(/only the tag 'sloop'.*--name/),
      });
      expect(await importFile(to, at('layout.tar'), { name: 'fleet/yawl:9' })).toEqual([
        'docker.io/fleet/yawl:9',
      ]);
      const both = ['sloop', 'sloop-1'].map((tag) => `docker.io/fleet/yawl:${tag}`);
      expect(await importFile(to, at('two-tags.tar'), { name: 'fleet/yawl' })).toEqual(both);
      await expect(importFile(to, at('layout.tar'), { name: 'No Name' })).rejects.toMatchObject({
        code: 'invalid-argument',
      });
      nothingLeft(to);
    });

    it('brings nothing twice: what the namespace has is held and used', async () => {
      const to = await fresh();
      await importFile(to, at('oci.tar'));
      const before = to.facts.length;
      expect(await importFile(to, at('oci.tar'))).toEqual([names.oci]);
      const again = to.facts.slice(before).map(({ type }) => type);
      for (const never of ['ingest-started', 'blob-committed', 'snapshot-prepared', 'image-updated']) {
        expect(again).not.toContain(never);
      }
      expect(again).toContain('lease-resource-added');
      nothingLeft(to);
    });
  });

  describe('out', () => {
    let from: TestEngine;
    beforeAll(async () => {
      from = await fresh();
      await importFile(from, at('oci.tar'));
      const other = await writeLayout(at('other'), [{ tar: topLayer }], { tag: names.second });
      await runProgram('tar', ['-C', other.directory, '-cf', at('other.tar'), '.']);
      await importFile(from, at('other.tar'));
    });

    it('gives an OCI archive with the same digests, the same bytes every time', async () => {
      const path = await exportFile(from, [names.oci], 'oci', at('out.tar'));
      const { Digest: digest, Layers } = await inspect(`oci-archive:${path}`);
      const { image, layers } = await from.images.inspect(namespace, names.oci);
      expect({ digest, layers: Layers }).toEqual({ digest: image.target.digest, layers });
      const to = await fresh();
      expect(await importFile(to, path)).toEqual([names.oci]);
      expect((await to.images.inspect(namespace, names.oci)).image.target).toEqual(image.target);
      const again = await gather(
        to.images.export({ namespace, images: [names.oci], format: 'oci' }, to.call()),
      );
      expect(again.equals(readFileSync(path))).toBe(true);
      nothingLeft(from);
      nothingLeft(to);
    });

    it('gives a docker archive with plain layers, which comes back unpacked to the same', async () => {
      const path = await exportFile(from, [names.oci], 'docker', at('out-docker.tar'));
      const { Layers } = await inspect(`docker-archive:${path}`);
      expect(Layers).toEqual([base(), top()]);
      const to = await fresh();
      expect(await importFile(to, path)).toEqual([names.oci]);
      expect(new Set(unpacked(to))).toEqual(new Set(chain()));
      expect((await to.images.inspect(namespace, names.oci)).image.id).toBe(
        (await from.images.inspect(namespace, names.oci)).image.id,
      );
    });

    it.each(['oci', 'docker'] as const)('puts several images into one %s archive', async (format) => {
      const both = [names.oci, names.second];
      const path = await exportFile(from, [...both, names.oci], format, at(`both-${format}.tar`));
      const to = await fresh();
      expect([...(await importFile(to, path))].sort()).toEqual([...both].sort());
      nothingLeft(to);
    });

    it('is read by a real containerd, in both formats', async () => {
      const containerd = await startContainerd(join(temp.path, 'containerd'));
      try {
        const oci = await exportFile(from, [names.oci], 'oci', at('ctr.tar'));
        const docker = await exportFile(from, [names.second], 'docker', at('ctr-docker.tar'));
        await containerd.ctr('images', 'import', '--no-unpack', oci);
        await containerd.ctr('images', 'import', '--no-unpack', docker);
        const listed = await containerd.ctr('images', 'ls');
        const { image } = await from.images.inspect(namespace, names.oci);
        expect(listed).toContain(`${names.oci} `);
        expect(listed).toContain(image.target.digest);
        expect(listed).toContain(`${names.second} `);
        const out = at('from-ctr.tar');
        await containerd.ctr('images', 'export', out, names.oci);
        const to = await fresh();
        expect(await importFile(to, out)).toEqual([names.oci]);
        expect((await to.images.inspect(namespace, names.oci)).image.target).toEqual(image.target);
      } finally {
        await containerd.stop();
      }
    });

    it('stops when the reader goes away, and lets go of the image', async () => {
      const before = from.facts.length;
      const bytes = from.images.export({ namespace, images: [names.oci], format: 'docker' }, from.call());
      for await (const chunk of bytes) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      const [, ...later] = from.facts.slice(before).filter(({ type }) => type.startsWith('transfer-'));
      expect(later).toMatchObject([{ type: 'transfer-failed', data: { code: 'cancelled' } }]);
      nothingLeft(from);
    });

    it('refuses what is not here, or not here as a whole', async () => {
      const to = await fresh();
      await importFile(to, at('oci.tar'));
      const get = (image: string, format: 'oci' | 'docker') =>
        gather(to.images.export({ namespace, images: [image], format }, to.call()));
      await expect(get('nobody:1', 'oci')).rejects.toMatchObject({ code: 'not-found' });
      const { layers } = await to.images.inspect(namespace, names.oci);
      const digest = Digest.parse(layers[0]);
      const cause = { by: 'recovery', because: 'a test took it' } as const;
      await to.ledger.dispatch([{ type: 'remove-blob', namespace, digest, cause }], to.call().cause);
      for (const format of ['oci', 'docker'] as const) {
        await expect(get(names.oci, format)).rejects.toMatchObject({
          code: 'failed-precondition',
          message: expect.stringMatching(/not here as a whole; pull it again/),
        });
      }
      nothingLeft(to);
    });
  });
});

const sha256 = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
