import type { DiffId, Digest } from '../../domain/identity.ts';
import type { Rejection } from '../../domain/rejection.ts';

/**
 * Images in one file: a tar, plain or compressed, laid out as an OCI image layout (image-spec, image-layout.md) or as
 * `docker save` writes it. This port knows tar and compression; what the entries mean the workflows know.
 *
 * Reading. `open` takes the bytes as they come. `next` moves to the next entry, past whatever was not read of the one
 * before; `bytes` gives the current file once. An entry that points out of the archive, or that an image has no use for
 * (a device, a FIFO), is refused.
 *
 * Writing. `write` streams a tar that is the same, byte for byte, whenever the same files are given: they come in the
 * order given, with times, owners and modes fixed. Whoever stops reading stops the writing.
 */
export interface ArchiveReader {
  open(bytes: AsyncIterable<Uint8Array>): OpenArchive;
}

export interface OpenArchive {
  /**
   * The next entry, folders left out; undefined at the end.
   * @throws Rejection `failed-precondition` (no tar, torn, corrupt or hostile), `resource-exhausted` (over a limit),
   *   `unimplemented` (a compression that this machine can't read), or what the source threw
   */
  next(): Promise<ArchiveEntry | undefined>;
  /** Bytes of the current file. @throws Rejection as `next` */
  bytes(): AsyncIterable<Uint8Array>;
  /** Lets go of the source; `next` then rejects with the reason. */
  close(reason: Rejection): void;
}

/** Paths are relative, without `.` and `..`. */
export type ArchiveEntry =
  | { readonly kind: 'file'; readonly path: string /** Bytes. */; readonly size: number }
  /** Another name for what is at `target`, which may come later. */
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

export interface ArchiveWriter {
  /** @throws Rejection `failed-precondition` where a layer is not what its diffID says; what the sources throw */
  write(files: readonly ArchiveFile[]): AsyncIterable<Uint8Array>;
}

export type ArchiveFile =
  | { readonly path: string; readonly size: number; readonly open: () => AsyncIterable<Uint8Array> }
  /** A layer that is to be written uncompressed. It is read twice, since a tar says the size first. */
  | { readonly path: string; readonly diffId: DiffId; readonly open: () => AsyncIterable<Uint8Array> };

/** Computes digests of what an archive does not name by digest. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): Digest;
}

export type Archives = ArchiveReader & ArchiveWriter & { hasher(): Hasher };
