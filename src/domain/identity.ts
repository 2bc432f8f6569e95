import { z } from 'zod';

/**
 * The names things go by. Each is parsed once, at the edge, into a branded type; the inside never re-checks strings.
 * Shapes follow containerd (namespaces, keys, leases) and the OCI image specification (digests).
 */

/** 1 to 76 characters, letters and digits joined by single `.`, `_` or `-`; containerd's identifier. */
const IDENTIFIER = /^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$/;

const identifier = (what: string) =>
  z
    .string()
    .min(1, `${what} is empty`)
    .max(76, `${what} is longer than 76 characters`)
    .regex(IDENTIFIER, `${what} may hold letters and digits joined by single '.', '_' or '-'`);

/** A free-form key, as containerd allows for snapshots, leases, ingests and images: no NUL, no line break, bounded. */
const key = (what: string, max: number) =>
  z
    .string()
    .min(1, `${what} is empty`)
    .max(max, `${what} is longer than ${max} characters`)
    .refine((text) => !/[\0\n\r]/.test(text), `${what} holds a NUL or a line break`);

/** The tenancy a thing lives in (not a linux namespace). */
export const Namespace = identifier('namespace').brand<'Namespace'>();
export type Namespace = z.infer<typeof Namespace>;

/** Content address `algorithm:hex` of the bytes as stored. */
export const Digest = z
  .string()
  .regex(
    /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/,
    'digest must be sha256: or sha512: and lower-case hex',
  )
  .brand<'Digest'>();
export type Digest = z.infer<typeof Digest>;

/** Digest of a layer's uncompressed tar. */
export const DiffId = Digest.brand<'DiffId'>();
export type DiffId = z.infer<typeof DiffId>;

export const ContainerId = identifier('container id').brand<'ContainerId'>();
export type ContainerId = z.infer<typeof ContainerId>;

/** Identifies an extra process of a task. */
export const ExecId = identifier('exec id').brand<'ExecId'>();
export type ExecId = z.infer<typeof ExecId>;

/** A reference such as `docker.io/library/alpine:3.20`; normalised by {@link file://./image-reference.ts}. */
export const ImageName = key('image name', 512).brand<'ImageName'>();
export type ImageName = z.infer<typeof ImageName>;

/** Key of an active snapshot or name of a committed one; unique in a namespace and snapshotter. */
export const SnapshotKey = key('snapshot key', 512).brand<'SnapshotKey'>();
export type SnapshotKey = z.infer<typeof SnapshotKey>;

/** Names a snapshot's directory on disk; never used again. */
export const SnapshotId = z
  .string()
  .regex(/^[a-z0-9]{1,40}$/, 'snapshot id must be 1 to 40 lower-case letters and digits')
  .brand<'SnapshotId'>();
export type SnapshotId = z.infer<typeof SnapshotId>;

export const SnapshotterName = identifier('snapshotter').brand<'SnapshotterName'>();
export type SnapshotterName = z.infer<typeof SnapshotterName>;

export const LeaseId = key('lease id', 256).brand<'LeaseId'>();
export type LeaseId = z.infer<typeof LeaseId>;

/** Names an unfinished write of content, so that it can be resumed. */
export const IngestRef = key('ingest ref', 512).brand<'IngestRef'>();
export type IngestRef = z.infer<typeof IngestRef>;

/** What containers share, such as a virtual machine. */
export const SandboxId = identifier('sandbox id').brand<'SandboxId'>();
export type SandboxId = z.infer<typeof SandboxId>;

/** Names mounts that are made for a client. */
export const ActivationName = key('name of mounts', 512).brand<'ActivationName'>();
export type ActivationName = z.infer<typeof ActivationName>;

/** Names the folder of such mounts; never used again. */
export const ActivationId = z
  .string()
  .regex(/^[a-z0-9]{1,40}$/, 'activation id must be 1 to 40 lower-case letters and digits')
  .brand<'ActivationId'>();
export type ActivationId = z.infer<typeof ActivationId>;

/** One pull, push, import or export. */
export const TransferId = identifier('transfer id').brand<'TransferId'>();
export type TransferId = z.infer<typeof TransferId>;

/** An absolute path without `..`. */
export const AbsolutePath = z
  .string()
  .max(4096, 'path is longer than 4096 bytes')
  .refine((path) => path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..'), {
    message: "path must be absolute and must not hold '..'",
  })
  .brand<'AbsolutePath'>();
export type AbsolutePath = z.infer<typeof AbsolutePath>;

/** A place in a host's log: the first event has position 0n. Also the version of the world. */
export type Position = bigint & z.BRAND<'Position'>;
export const position = (value: bigint): Position => {
  if (value < 0n) throw new RangeError(`position ${value} is below 0`);
  return value as Position;
};

/** Microseconds since the Unix epoch; safe as a number until the year 2255. */
export const Timestamp = z.number().int().brand<'Timestamp'>();
export type Timestamp = z.infer<typeof Timestamp>;

/** Byte count. */
export const Size = z.number().int().nonnegative();

/** Key and value together at most 4096 bytes, as in containerd. */
export const Labels = z
  .record(z.string().min(1), z.string())
  .refine((labels) => Object.entries(labels).every(([name, value]) => name.length + value.length <= 4096), {
    message: 'a label and its value may hold 4096 characters together',
  });
export type Labels = Readonly<z.infer<typeof Labels>>;

/** Points at content: media type, digest, size. */
export const Descriptor = z
  .object({
    mediaType: z.string().min(1).max(255),
    digest: Digest,
    size: Size,
    annotations: z.record(z.string(), z.string()).optional(),
    /** Where else the bytes can be had, for layers that registries may not distribute. */
    urls: z.array(z.string().max(2048)).max(16).optional(),
  })
  .readonly();
export type Descriptor = z.infer<typeof Descriptor>;

/** Where an image runs; the words of the OCI image index. */
export const Platform = z
  .object({ os: z.string().min(1), architecture: z.string().min(1), variant: z.string().optional() })
  .readonly();
export type Platform = z.infer<typeof Platform>;
