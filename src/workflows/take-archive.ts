import { findBlob } from '../domain/content.ts';
import { Digest, type IngestRef, type LeaseId } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { documentNames } from './archive-documents.ts';
import type { Hold } from './documents.ts';
import { dispatch, look, perform, type Workflow } from './steps.ts';

/** Bytes of an archive that are in the store now, under the lease. */
export interface StoredFile {
  readonly digest: Digest;
  readonly size: number;
}

/** What an archive holds, by path. */
export interface ArchiveContents {
  readonly documents: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, StoredFile>;
  readonly links: ReadonlyMap<string, string>;
  /** Bytes of all files. */
  readonly bytes: number;
}

const documents: ReadonlySet<string> = new Set(Object.values(documentNames));

/** What old dockers added for their predecessors: nothing names it. */
const isRelic = (path: string): boolean => /(?:^|\/)(?:VERSION|json)$/.test(path);

/**
 * Reads an archive from its first byte to its last. Documents are kept as texts; everything else goes into the store as
 * it comes, since the document that says what it is may stand last.
 */
export function* takeIn(hold: Hold): Workflow<ArchiveContents> {
  const texts = new Map<string, string>();
  const files = new Map<string, StoredFile>();
  const links = new Map<string, string>();
  let bytes = 0;
  for (;;) {
    const entry = yield* perform('next-archive-entry', {});
    if (entry === undefined) return { documents: texts, files, links, bytes };
    const { path } = entry;
    if (entry.kind === 'link') {
      links.set(path, entry.target);
    } else if (documents.has(path)) {
      if (texts.has(path)) throw new Rejection('failed-precondition', `the archive holds '${path}' twice`);
      texts.set(path, yield* perform('read-archive-document', {}));
    } else if (!isRelic(path)) {
      const stored = yield* store(hold, path, entry.size);
      files.set(path, stored);
      bytes += stored.size;
    }
  }
}

/** The digest that a path of an OCI layout promises; undefined for other paths. */
const promised = (path: string): Digest | undefined => {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  if (algorithm === undefined) return undefined;
  const digest = Digest.safeParse(`${algorithm}:${hex}`);
  if (digest.success) return digest.data;
  throw new Rejection('failed-precondition', `the archive holds '${path}', which is no name of a blob`);
};

/** The current file into the store. What the namespace has is only taken hold of, and not read. */
function* store(hold: Hold, path: string, size: number): Workflow<StoredFile> {
  const { namespace, lease } = hold;
  const expected = promised(path);
  if (expected !== undefined) {
    const known = findBlob((yield* look()).content, namespace, expected);
    if (known?.size === size) {
      yield* dispatch({ type: 'commit-blob', namespace, digest: expected, size, labels: {}, lease });
      return { digest: expected, size };
    }
  }
  const wanted = expected === undefined ? {} : { digest: expected };
  return yield* bring(hold, path, { ...wanted, size }, (key) =>
    perform('store-archive-file', { key, size, ...(expected === undefined ? {} : { expected }) }),
  );
}

/** Brings bytes into the store between the event that announces them and the one that names them. */
export function* bring(
  { namespace, lease }: Hold,
  what: string,
  expected: { readonly digest?: Digest; readonly size?: number },
  storing: (key: { namespace: Hold['namespace']; ref: IngestRef }) => Workflow<StoredFile>,
): Workflow<StoredFile> {
  const ref = refOf(lease, what);
  yield* dispatch({ type: 'start-ingest', namespace, ref, ...expected, lease });
  try {
    const { digest, size } = yield* storing({ namespace, ref });
    yield* dispatch({ type: 'commit-blob', namespace, digest, size, labels: {}, ref, lease });
    return { digest, size };
  } catch (error) {
    // Nobody will take this write up again: the next try has another lease.
    yield* dispatch({ type: 'abort-ingest', namespace, ref, cause: { by: 'request' } });
    throw error;
  }
}

/** Brings a document that the archive says, or that is made of what it says. */
export function* storeText(hold: Hold, text: string): Workflow<StoredFile> {
  const digest = yield* perform('digest-of', { text });
  const size = new TextEncoder().encode(text).length;
  return yield* bring(hold, digest, { digest, size }, function* (key) {
    yield* perform('store-document', { key, digest, text });
    return { digest, size };
  });
}

/** Names a write after the transfer and the path; long paths by their end, which differs. */
const refOf = (lease: LeaseId, path: string): IngestRef => `${lease} ${path.slice(-400)}` as IngestRef;
