import { type BigIntStats, closeSync, readSync, writeSync } from 'node:fs';
import { deviceHalves } from '../syscalls/node.ts';
import type { FileTime } from '../syscalls/times.ts';
import { DiffError, shownName } from './diff-error.ts';
import { archiveEnd, headerOf, paddingAfter, type TarHeader, type TarType } from './tar-writer.ts';
import { linkTargetOf, openFile, xattrsOf } from './tree-reader.ts';

/** A name in the upper tree, by its path from the root without a leading slash. */
export interface UpperName {
  readonly path: string;
  readonly directory: number;
  readonly name: string;
  readonly stat: BigIntStats;
}

const BUFFER = 256 * 1024;
const SECOND = 1_000_000_000n;

const timeOf = (nanoseconds: bigint): FileTime => {
  const rest = ((nanoseconds % SECOND) + SECOND) % SECOND;
  return { seconds: Number((nanoseconds - rest) / SECOND), nanoseconds: Number(rest) };
};

const typeOf = (stat: BigIntStats): TarType => {
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'character';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'fifo' : 'file';
};

/** Writes entries of a layer to a descriptor, gathered in pieces. */
export class LayerOutput {
  readonly #fd: number;
  readonly #latest: number | undefined;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER);
  #used = 0;

  /** @param latest seconds; no time is later */
  constructor(fd: number, latest: number | undefined) {
    this.#fd = fd;
    this.#latest = latest;
  }

  /** The header as the tree has it, for a later use too. */
  headerFor({ path, directory, name, stat }: UpperName): TarHeader {
    const type = typeOf(stat);
    const { major, minor } = deviceHalves(stat.rdev);
    const device = type === 'character' || type === 'block';
    return {
      name: type === 'directory' ? `${path}/` : path,
      type,
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size: type === 'file' ? Number(stat.size) : 0,
      mtime: this.#timeOf(stat),
      linkName: type === 'symlink' ? linkTargetOf(directory, name) : '',
      deviceMajor: device ? major : 0,
      deviceMinor: device ? minor : 0,
      xattrs: xattrsOf(directory, name),
    };
  }

  entry(header: TarHeader): void {
    this.#write(headerOf(header));
  }

  /** A file with its content. */
  file(upper: UpperName, header: TarHeader): void {
    this.entry(header);
    if (header.size === 0) return;
    const fd = openFile(upper.directory, upper.name);
    try {
      this.#copy(fd, header.size, upper.path);
    } finally {
      closeSync(fd);
    }
    this.#write(paddingAfter(header.size));
  }

  /** What is not there any more: OCI image-spec, layer.md, "Whiteouts". */
  whiteout(path: string): void {
    const cut = path.lastIndexOf('/') + 1;
    this.entry({
      name: `${path.slice(0, cut)}.wh.${path.slice(cut)}`,
      type: 'file',
      mode: 0,
      uid: 0,
      gid: 0,
      size: 0,
      mtime: { seconds: this.#latest ?? 0, nanoseconds: 0 },
      linkName: '',
      deviceMajor: 0,
      deviceMinor: 0,
      xattrs: [],
    });
  }

  finish(): void {
    this.#write(archiveEnd);
    this.#flush();
  }

  #timeOf({ mtimeNs }: BigIntStats): FileTime {
    const time = timeOf(mtimeNs);
    return this.#latest === undefined || time.seconds < this.#latest
      ? time
      : { seconds: this.#latest, nanoseconds: 0 };
  }

  #copy(fd: number, size: number, path: string): void {
    let left = size;
    while (left > 0) {
      if (this.#used === BUFFER) this.#flush();
      const room = Math.min(left, BUFFER - this.#used);
      const read = readSync(fd, this.#buffer, this.#used, room, null);
      if (read === 0) {
        throw new DiffError(
          'aborted',
          `'${shownName(path)}' became shorter while it was read; pause its container`,
        );
      }
      this.#used += read;
      left -= read;
    }
  }

  #write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#used === BUFFER) this.#flush();
      const copied = bytes.copy(this.#buffer, this.#used, at);
      this.#used += copied;
      at += copied;
    }
  }

  #flush(): void {
    for (let at = 0; at < this.#used; ) at += writeSync(this.#fd, this.#buffer, at, this.#used - at);
    this.#used = 0;
  }
}
