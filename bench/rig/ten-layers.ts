import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { runProgram } from '../../test/support/child.ts';
import { type Layout, type LayoutLayer, writeLayout } from '../../test/support/oci-layout.ts';

/** Outside of any run's scratch: what was downloaded and packed is kept from run to run. */
const kept = '/var/tmp/shiplog-bench';

/** One package a layer, base first, each with those of its dependencies that no layer below has. */
const packages = [
  'coreutils',
  'perl',
  'python3',
  'git',
  'vim-runtime',
  'gcc',
  'g++',
  'libpython3-dev',
  'cmake',
  'libboost1.74-dev',
] as const;

export type Packing = 'gzip' | 'zstd';

/** A package and all that it depends on, alternatives too, as apt knows them. */
const dependenciesOf = async (name: string): Promise<readonly string[]> => {
  const left = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];
  const told = await runProgram('apt-cache', [
    'depends',
    '--recurse',
    ...left.map((kind) => `--no-${kind}`),
    name,
  ]);
  return told.split('\n').filter((line) => /^[a-z0-9][a-z0-9.+-]*$/.test(line));
};

/**
 * The newest version of each that apt can download, which the one on this machine need not be. Names that others provide
 * have none.
 */
const downloadable = async (names: readonly string[]): Promise<readonly string[]> => {
  const told = await runProgram('apt-cache', ['madison', ...names]);
  const newest = new Map<string, string>();
  for (const [, name = '', version = ''] of told.matchAll(/^\s*(\S+) \| *(\S+) \| .* Packages$/gm)) {
    if (!newest.has(name)) newest.set(name, version);
  }
  return [...newest].map(([name, version]) => `${name}=${version}`);
};

/** Unpacks packages into one directory and packs that as a layer. */
const packLayer = async (work: string, names: readonly string[], tar: string): Promise<void> => {
  const debs = mkdtempSync(join(work, 'debs-'));
  const root = mkdtempSync(join(work, 'root-'));
  await runProgram('apt-get', ['download', ...names], { cwd: debs, timeoutMs: 600_000 });
  for (const deb of readdirSync(debs)) await runProgram('dpkg-deb', ['-x', join(debs, deb), root]);
  const options = ['--format=posix', '--numeric-owner', '--sort=name'];
  await runProgram('tar', [...options, '-C', root, '-cf', tar, '.']);
  rmSync(debs, { recursive: true });
  rmSync(root, { recursive: true });
};

/** @returns archives of the ten layers, base first */
const layerArchives = async (): Promise<readonly string[]> => {
  const directory = join(kept, 'ten-layers');
  mkdirSync(directory, { recursive: true });
  const work = mkdtempSync(join(kept, 'making-'));
  const seen = new Set<string>();
  const archives: string[] = [];
  try {
    for (const name of packages) {
      const archive = join(directory, `${name}.tar`);
      const wanted = (await dependenciesOf(name)).filter((each) => !seen.has(each));
      for (const each of wanted) seen.add(each);
      archives.push(archive);
      if (existsSync(archive)) continue;
      const fresh = join(work, 'layer.tar');
      await packLayer(work, await downloadable(wanted), fresh);
      renameSync(fresh, archive);
    }
    return archives;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
};

const compressed = async (archive: string, packing: Packing): Promise<LayoutLayer> => {
  const tar = readFileSync(archive);
  if (packing === 'gzip') {
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
    return { tar, compression: { bytes: gzipSync(tar), mediaType } };
  }
  const file = `${archive}.zst`;
  await runProgram('zstd', ['-q', '-f', archive, '-o', file]);
  const bytes = readFileSync(file);
  rmSync(file);
  return { tar, compression: { bytes, mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' } };
};

const Made = z.object({
  directory: z.string(),
  tag: z.string(),
  manifestDigest: z.string(),
  layers: z.array(
    z.object({
      path: z.string(),
      mediaType: z.string(),
      digest: z.string(),
      diffId: z.string(),
      size: z.number(),
    }),
  ),
});

/**
 * An image of ten layers made of Debian's own packages: gcc, python3, perl, git, vim-runtime and others with what they depend
 * on. The first run on a machine downloads and packs them, which takes minutes; they are kept below /var/tmp/shiplog-bench.
 */
export const tenLayers = async (packing: Packing): Promise<Layout> => {
  const directory = join(kept, `ten-layers-${packing}`);
  const note = join(directory, 'layout.json');
  if (existsSync(note)) return Made.parse(JSON.parse(readFileSync(note, 'utf8')));
  const layers: LayoutLayer[] = [];
  for (const archive of await layerArchives()) layers.push(await compressed(archive, packing));
  const layout = await writeLayout(directory, layers, { config: { Cmd: ['/bin/true'] } });
  writeFileSync(note, JSON.stringify(layout));
  return layout;
};
