import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOverlayStore } from '../src/adapters/overlay/store.ts';
import { createLayerApplier } from '../src/adapters/unpack/applier.ts';
import { SnapshotId } from '../src/domain/identity.ts';
import { type Bench, timed } from './rig/figures.ts';

/**
 * Unpacks layers on a tmpfs with our applier and with `tar -xzf`, interleaved, in milliseconds.
 *
 *     npm run bench -- unpack [ROUNDS] [LAYER.tar.gz…]
 *
 * Without layers it packs three of this machine's own folders. Needs root.
 */

const FOLDERS = ['/usr/lib/python3', '/usr/share/perl', '/usr/include', '/usr/lib/gcc', '/usr/share/doc'];
const GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';

const packFolders = (directory: string): string[] =>
  FOLDERS.filter((folder) => statSync(folder, { throwIfNoEntry: false }) !== undefined)
    .slice(0, 4)
    .map((folder, index) => {
      const path = join(directory, `layer${index}.tar.gz`);
      execFileSync('sh', ['-c', 'tar --format=posix -C / -cf - ".$1" | gzip -6 > "$2"', 'sh', folder, path]);
      return path;
    });

const tarExtract = (layer: string, into: string): Promise<void> =>
  new Promise((resolve, reject) => {
    mkdirSync(into, { recursive: true });
    const options = ['--xattrs', '--xattrs-include=*', '--same-owner', '-xzf', layer, '-C', into];
    spawn('tar', options, { stdio: 'ignore' }).once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`tar ended with ${code}`)),
    );
  });

/** GNU tar with as many processes at a time as we have threads. */
const byTar = async (layers: readonly string[], directory: string): Promise<void> => {
  const waiting = [...layers.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await tarExtract(next[1], join(directory, `tar${next[0]}`));
    }
  };
  await Promise.all(cpus().map(work));
};

const byUs = async (layers: readonly string[], directory: string): Promise<void> => {
  const store = createOverlayStore({ directory });
  const applier = createLayerApplier({ directory });
  await Promise.all(
    layers.map(async (path, index) => {
      const id = SnapshotId.parse(`layer${index}`);
      await store.create(id, 'active');
      const applied = await applier.apply({ path, mediaType: GZIP }, id, { parents: [] });
      if (applied.needsParents) throw new Error('a base layer asked for its parents');
    }),
  );
  await applier.close();
};

export const main: Bench = async (args) => {
  const [rounds = '5', ...given] = args;
  const scratch = mkdtempSync(join(tmpdir(), 'shiplog-bench-unpack-'));
  const disk = join(scratch, 'tmpfs');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', disk]);
  try {
    const layers = given.length > 0 ? given : packFolders(scratch);
    const size = layers.reduce((total, layer) => total + statSync(layer).size, 0);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < Number(rounds); round += 1) {
      ours.push(await timed(() => byUs(layers, join(disk, `ours${round}`))));
      theirs.push(await timed(() => byTar(layers, join(disk, `tar${round}`))));
      for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true, force: true });
    }
    const detail = `${layers.length} gzip layers, ${(size / 1e6).toFixed(0)} MB, ${cpus().length} at a time`;
    return [
      {
        title: `Unpacking layers on a tmpfs, ${rounds} rounds in turns`,
        figures: [{ name: 'layers alone', detail, unit: 'ms', ours, peer: theirs, peerName: 'tar -xzf' }],
      },
    ];
  } finally {
    execFileSync('umount', [disk]);
    rmSync(scratch, { recursive: true, force: true });
  }
};
