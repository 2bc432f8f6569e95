import { Worker } from 'node:worker_threads';
import type { Disk } from '../disk.ts';
import { withFile } from '../durable-file.ts';
import { type Segment, SparseIndex } from '../segment.ts';
import type { SidecarJob } from './build-sidecar.ts';
import { readSidecarHeader, Sidecar, SidecarDamage } from './sidecar.ts';
import { discardSidecar, isMissing, removeStraySidecars, sidecarPath } from './sidecar-file.ts';
import type { SidecarHeader } from './sidecar-format.ts';
import type { SidecarNews } from './worker.ts';

export interface SidecarOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly logId: string;
  /** Shared with the writer, who adds to it. All but the last are sealed. */
  readonly segments: readonly Segment[];
  /** Segments below this size are read as they are: nothing is gained by an index. */
  readonly fromBytes: number;
  /** Makes sidecars that are missing, in a thread; absent where the disk is not this machine's. */
  readonly building: boolean;
  /** Told of sidecars that could not be used or made; the log goes on without them. */
  readonly warn: (message: string) => void;
}

/** Milliseconds after the opening until missing sidecars are made: whoever starts needs the processor first. */
const FIRST_LOOK_MS = 2000;
/**
 * Megabytes that the thread's heap may take. What it makes of 64 MiB is some 15; left alone, V8 lets what is garbage grow
 * to several times of that, beside a daemon of 90.
 */
const HEAP = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 128 };

/**
 * The sidecars of a log's sealed segments: opened for a query, made in the background where they are missing, thrown away
 * where they are damaged. Without one a segment is searched itself, so nothing depends on them but time.
 */
export class Sidecars {
  readonly #options: SidecarOptions;
  /** What is known, by path of the segment; `missing` until one is made. */
  readonly #known = new Map<string, SidecarHeader | 'missing'>();
  #worker: Worker | undefined;
  /** Whether something was missing while the thread was at work. */
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #sealed: number;
  #closed = false;

  constructor(options: SidecarOptions) {
    this.#options = options;
    this.#sealed = options.segments.length - 1;
    for (const segment of options.segments.slice(0, -1)) {
      segment.shortcut = {
        find: () => this.#sparseIndex(segment),
        distrust: () => this.discard(segment.path),
      };
    }
    this.#later(FIRST_LOOK_MS);
  }

  /** To be called now and then: looks whether a segment has been sealed. */
  notice(): void {
    const sealed = this.#options.segments.length - 1;
    if (sealed === this.#sealed) return;
    this.#sealed = sealed;
    this.#later(0);
  }

  /**
   * Uses the sidecar of a sealed segment.
   * @returns undefined where there is none to be used: search the segment itself
   */
  async use<T>(segment: Segment, use: (sidecar: Sidecar) => Promise<T>): Promise<T | undefined> {
    const known = this.#known.get(segment.path);
    if (known === 'missing' || segment.end < this.#options.fromBytes) return undefined;
    try {
      return await withFile(this.#options.disk, sidecarPath(segment.path), 'read', async (file) => {
        const header = known ?? (await readSidecarHeader(file, this.#bindingOf(segment)));
        this.#known.set(segment.path, header);
        return await use(new Sidecar(header, file));
      });
    } catch (error) {
      if (error instanceof SidecarDamage) await this.throwAway(segment, error);
      else if (!isMissing(error)) throw error;
      this.#known.set(segment.path, 'missing');
      this.#later(0);
      return undefined;
    }
  }

  /** Removes the sidecar of a segment that is about to be rewritten or removed, also one that is being made. */
  async discard(segmentPath: string): Promise<void> {
    await this.#stop();
    await discardSidecar(this.#options.disk, segmentPath);
    this.#known.delete(segmentPath);
    this.#later(FIRST_LOOK_MS);
  }

  /** Removes a sidecar that turned out not to fit its segment. */
  async throwAway(segment: Segment, damage: SidecarDamage): Promise<void> {
    this.#options.warn(`${sidecarPath(segment.path)} is thrown away and made again: ${damage.message}`);
    await discardSidecar(this.#options.disk, segment.path);
    this.#known.set(segment.path, 'missing');
    this.#later(0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#stop();
  }

  #bindingOf({ base, end }: Segment) {
    return { logId: this.#options.logId, base, segmentBytes: end };
  }

  async #sparseIndex(segment: Segment): Promise<SparseIndex | undefined> {
    return this.use(segment, async (sidecar) => {
      const index = new SparseIndex();
      let before = -1;
      await sidecar.eachOffset((place, offset) => {
        if (offset !== before) index.note(segment.base + place, offset);
        before = offset;
      });
      return index;
    });
  }

  #later(ms: number): void {
    if (this.#closed || !this.#options.building || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#build().catch((error: unknown) => this.#options.warn(`sidecars are not made: ${error}`));
    }, ms).unref();
  }

  /** Makes what is missing. One thread at a time; what comes meanwhile is looked for when it has ended. */
  async #build(): Promise<void> {
    if (this.#worker !== undefined) {
      this.#again = true;
      return;
    }
    const jobs = await this.#missing();
    if (jobs.length === 0 || this.#closed || this.#worker !== undefined) return;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      name: 'log index',
      workerData: jobs,
      resourceLimits: HEAP,
    });
    this.#worker = worker;
    worker.unref();
    worker.on('message', ({ segmentPath, failure }: SidecarNews) => {
      if (failure === undefined) this.#known.delete(segmentPath);
      else this.#options.warn(`${segmentPath} gets no index: ${failure}`);
    });
    worker.on('error', (error) => this.#options.warn(`the thread that makes sidecars broke: ${error}`));
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      if (this.#again) this.#later(0);
      this.#again = false;
    });
  }

  async #missing(): Promise<readonly SidecarJob[]> {
    const { disk, directory, segments, fromBytes } = this.#options;
    const names = new Set(await disk.list(directory));
    return segments
      .slice(0, -1)
      .filter(
        ({ path, end }) => end >= fromBytes && !names.has(sidecarPath(path).slice(directory.length + 1)),
      )
      .map((segment) => ({ segmentPath: segment.path, ...this.#bindingOf(segment) }));
  }

  async #stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

/** The sidecars of a log; removes those that were left of segments which are gone. */
export const openSidecars = async (options: SidecarOptions): Promise<Sidecars> => {
  await removeStraySidecars(options.disk, options.directory);
  return new Sidecars(options);
};
