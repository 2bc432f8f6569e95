import { createHash } from 'node:crypto';
import { offsetOf } from '../syscalls/pipe.ts';
import { blameFor } from './blame.ts';
import type { TarEntry } from './entry.ts';
import { EntryWriter } from './entry-writer.ts';
import type { OpenStream } from './inflater.ts';
import type { UnpackJob, UnpackOutcome } from './job.ts';
import { LayerError } from './layer-error.ts';
import { LayerPlace } from './layer-place.ts';
import { checkSize } from './limits.ts';
import { LowerTrees } from './lower-trees.ts';
import { measureTree } from './measure-tree.ts';
import { NeedsParentsSignal } from './needs-parents.ts';
import { readSource } from './read-source.ts';
import { emptyDirectory } from './remove-tree.ts';
import { TarParser, type TarSink } from './tar-parser.ts';
import { TreePlace } from './tree-place.ts';
import { UsageCount } from './usage-count.ts';

class CancelledSignal extends Error {}

/** Passes entries on as long as the job may go on. */
class Watched implements TarSink {
  readonly #sink: TarSink;
  readonly #flag: Int32Array;
  readonly #limit: number;
  #entries = 0;

  constructor(sink: TarSink, job: UnpackJob) {
    this.#sink = sink;
    this.#flag = new Int32Array(job.cancelled);
    this.#limit = job.limits.entries;
  }

  checkCancelled(): void {
    if (Atomics.load(this.#flag, 0) !== 0) throw new CancelledSignal();
  }

  entry(entry: TarEntry): void {
    this.checkCancelled();
    this.#entries += 1;
    if (this.#entries > this.#limit)
      throw new LayerError(`it has more than the limit of ${this.#limit} entries`);
    this.#sink.entry(entry);
  }

  data(bytes: Buffer): void {
    this.#sink.data(bytes);
  }

  end(): void {
    this.#sink.end();
  }
}

/** Reads it all: the digest is over the whole stream, what follows the archive's end included. */
const extract = async (
  job: UnpackJob,
  stream: OpenStream,
  writer: EntryWriter,
  progress: (bytesRead: number) => void,
  ended: () => void,
): Promise<{ sha256: string; size: number }> => {
  const hash = createHash('sha256');
  const watched = new Watched(writer, job);
  const parser = new TarParser(watched);
  let size = 0;
  let told = performance.now();
  await readSource(stream, (bytes) => {
    watched.checkCancelled();
    size += bytes.length;
    checkSize(job.limits, size, job.blob.size);
    hash.update(bytes);
    parser.push(bytes);
    const now = performance.now();
    if (now - told < 100) return;
    told = now;
    progress(offsetOf(job.blob.fd));
  });
  ended();
  stream.ended();
  parser.finish();
  writer.finish();
  progress(job.blob.size);
  return { sha256: hash.digest('hex'), size };
};

/** Unpacks into the working directory of this thread, which must be the root of layer or tree and the thread's own. */
export const unpackLayer = async (
  job: UnpackJob,
  stream: OpenStream,
  progress: (bytesRead: number) => void,
): Promise<UnpackOutcome> => {
  const usage = new UsageCount(job.blockSize);
  const lower = job.parents === undefined ? undefined : new LowerTrees(job.parents);
  const writer = new EntryWriter(job.onto === 'tree' ? new TreePlace() : new LayerPlace(lower, usage));
  let sourceEnded = false;
  try {
    const found = await extract(job, stream, writer, progress, () => {
      sourceEnded = true;
    });
    if (job.onto === 'tree') return { kind: 'done', ...found, usage: { bytes: 0, inodes: 0 } };
    return { kind: 'done', ...found, usage: usage.result ?? measureTree() };
  } catch (error) {
    if (error instanceof CancelledSignal) return { kind: 'cancelled' };
    if (!(error instanceof NeedsParentsSignal)) {
      return { kind: 'failed', ...blameFor(error, writer.current), sourceEnded };
    }
  } finally {
    writer.release();
  }
  return forget();
};

const forget = (): UnpackOutcome => {
  try {
    emptyDirectory('.');
    return { kind: 'needs-parents' };
  } catch (error) {
    return { kind: 'failed', ...blameFor(error, ''), sourceEnded: false };
  }
};
