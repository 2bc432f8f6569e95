import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LogQuery } from '../../../domain/log-query.ts';
import type { Disk } from '../disk.ts';
import { withFile } from '../durable-file.ts';
import { type Segment, SparseIndex } from '../segment.ts';
import { Blooms } from './blooms.ts';
import type { IndexJobs, IndexNews } from './build-indexes.ts';
import type { SidecarJob } from './build-sidecar.ts';
import { readSidecarHeader, Sidecar, SidecarDamage } from './sidecar.ts';
import {
  discardSidecar,
  isMissing,
  removeIfThere,
  removeStraySidecars,
  sidecarPath,
} from './sidecar-file.ts';
import type { SidecarHeader } from './sidecar-format.ts';
import { nextStretch, readStretches, STRETCH_BYTES, type Stretch } from './stretches.ts';

export interface SidecarOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly logId: string;
  /** Shared with the writer, who adds to it. All but the last are sealed. */
  readonly segments: readonly Segment[];
  /** Segments below this size are read as they are: nothing is gained by an index. */
  readonly fromBytes: number;
  /** So much of the segment that is being written gets an index of its own; {@link STRETCH_BYTES} when absent. */
  readonly stretchBytes?: number;
  /** Makes indexes that are missing, in a thread; absent where the disk is not this machine's. */
  readonly building: boolean;
  /** Told of indexes that could not be used or made; the log goes on without them. */
  readonly warn: (message: string) => void;
}

/** A sealed segment, or a stretch of the one that is being written. */
export interface Indexed {
  readonly segment: Segment;
  readonly stretch?: Stretch;
}

const pathOf = ({ segment, stretch }: Indexed): string => stretch?.path ?? sidecarPath(segment.path);

/** Milliseconds after the opening until missing indexes are made: whoever starts needs the processor first. */
const FIRST_LOOK_MS = 2000;
/**
 * Megabytes that the thread's heap may take. What it makes of 64 MiB is some 15; left alone, V8 lets what is garbage grow
 * to several times of that, beside a daemon of 90.
 */
const HEAP = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 128 };

/**
 * The indexes of a log: opened for a query, made in the background where they are missing, thrown away where they are
 * damaged. What has none is searched itself, so nothing depends on them but time.
 */
export class Sidecars {
  readonly #options: SidecarOptions;
  readonly #blooms: Blooms;
  /** What is known, by path of the sidecar; `missing` until one is made. */
  readonly #known = new Map<string, SidecarHeader | 'missing'>();
  #stretches: { readonly of: Segment; readonly found: Promise<readonly Stretch[]> } | undefined;
  /** Where the segment that is being written must end for a look whether it needs another stretch. */
  #lookAt: number;
  #worker: Worker | undefined;
  /** Whether something was missing while the thread was at work. */
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #sealed: number;
  #closed = false;

  constructor(options: SidecarOptions) {
    this.#options = options;
    this.#blooms = new Blooms(options);
    this.#sealed = options.segments.length - 1;
    this.#lookAt = this.#stretchBytes;
    for (const segment of options.segments.slice(0, -1)) {
      segment.shortcut = {
        find: () => this.#sparseIndex(segment),
        distrust: () => this.discard(segment.path),
      };
    }
    this.#later(FIRST_LOOK_MS);
  }

  get #stretchBytes(): number {
    return this.#options.stretchBytes ?? STRETCH_BYTES;
  }

  /** To be called now and then: looks whether a segment has been sealed, or has grown by a stretch. */
  notice(): void {
    const { segments } = this.#options;
    const sealed = segments.length - 1;
    const end = segments[sealed]?.end ?? 0;
    if (sealed === this.#sealed && end < this.#lookAt) return;
    this.#lookAt = sealed === this.#sealed ? end + this.#stretchBytes : this.#stretchBytes;
    this.#sealed = sealed;
    this.#later(0);
  }

  /** Tells which sealed segments a query may find something in. */
  mayHold(query: LogQuery): Promise<(segment: Segment) => boolean> {
    return this.#blooms.mayHold(query);
  }

  /** The stretches of the segment that is being written; of another there are none. */
  stretchesOf(segment: Segment): Promise<readonly Stretch[]> {
    if (segment !== this.#options.segments.at(-1)) return Promise.resolve([]);
    if (this.#stretches?.of !== segment) {
      const found = readStretches(this.#options.directory, segment);
      this.#stretches = { of: segment, found };
      // Whoever asked hears of it; the next one looks again.
      found.catch(() => {
        this.#stretches = undefined;
      });
    }
    return this.#stretches.found;
  }

  /**
   * Uses the index of a sealed segment, or of a stretch.
   * @returns undefined where there is none to be used: search the segment itself
   */
  async use<T>(of: Indexed, use: (sidecar: Sidecar) => Promise<T>): Promise<T | undefined> {
    const { segment, stretch } = of;
    const path = pathOf(of);
    const known = stretch?.header ?? this.#known.get(path);
    if (known === 'missing' || segment.end < this.#options.fromBytes) return undefined;
    try {
      return await withFile(this.#options.disk, path, 'read', async (file) => {
        const header = known ?? (await readSidecarHeader(file, this.#bindingOf(segment)));
        if (stretch === undefined) this.#known.set(path, header);
        return await use(new Sidecar(header, file));
      });
    } catch (error) {
      if (error instanceof SidecarDamage) await this.throwAway(of, error);
      else if (!isMissing(error)) throw error;
      this.#forget(of);
      return undefined;
    }
  }

  /** Removes the index of a segment that is about to be rewritten or removed, also one that is being made. */
  async discard(segmentPath: string): Promise<void> {
    await this.#stop();
    await discardSidecar(this.#options.disk, segmentPath);
    await this.#blooms.discard(Number(basename(segmentPath, '.segment')));
    this.#known.delete(sidecarPath(segmentPath));
    this.#stretches = undefined;
    this.#later(FIRST_LOOK_MS);
  }

  /** Removes an index that turned out not to fit its segment. */
  async throwAway(of: Indexed, damage: SidecarDamage): Promise<void> {
    this.#options.warn(`${pathOf(of)} is thrown away and made again: ${damage.message}`);
    await removeIfThere(this.#options.disk, pathOf(of));
    this.#forget(of);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#stop();
  }

  #forget({ segment, stretch }: Indexed): void {
    if (stretch === undefined) this.#known.set(sidecarPath(segment.path), 'missing');
    else this.#stretches = undefined;
    this.#later(0);
  }

  #bindingOf({ base, end }: Segment) {
    return { logId: this.#options.logId, base, segmentBytes: end };
  }

  async #sparseIndex(segment: Segment): Promise<SparseIndex | undefined> {
    return this.use({ segment }, async (sidecar) => {
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
    const jobs = await this.missing();
    if (jobs === undefined || this.#closed || this.#worker !== undefined) return;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      name: 'log index',
      workerData: jobs,
      resourceLimits: HEAP,
    });
    this.#worker = worker;
    worker.unref();
    worker.on('message', ({ path, failure }: IndexNews) => {
      if (failure !== undefined) this.#options.warn(`${path ?? 'a file of filters'} is not made: ${failure}`);
      else if (path === undefined) this.#blooms.forget();
      else {
        this.#known.delete(path);
        this.#stretches = undefined;
      }
    });
    worker.on('error', (error) => this.#options.warn(`the thread that makes sidecars broke: ${error}`));
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      if (this.#again) this.#later(0);
      this.#again = false;
    });
  }

  /** What the thread has to make; undefined where nothing is missing. */
  async missing(): Promise<IndexJobs | undefined> {
    const { disk, directory, logId, segments, fromBytes } = this.#options;
    const names = new Set(await disk.list(directory));
    const sealed = segments
      .slice(0, -1)
      .filter(({ end }) => end >= fromBytes)
      .map((segment) => ({ segmentPath: segment.path, ...this.#bindingOf(segment) }));
    const sidecars: SidecarJob[] = sealed
      .map((job) => ({ ...job, path: sidecarPath(job.segmentPath) }))
      .filter(({ path }) => !names.has(basename(path)));
    const stretch = await this.#nextStretch();
    if (stretch !== undefined) sidecars.push(stretch);
    if (sidecars.length === 0 && (await this.#blooms.cover(sealed))) return undefined;
    return { sidecars, blooms: { directory, logId, segments: sealed } };
  }

  async #nextStretch(): Promise<SidecarJob | undefined> {
    const active = this.#options.segments.at(-1);
    if (active === undefined) return undefined;
    const stretches = await this.stretchesOf(active);
    return nextStretch(this.#options.directory, active, stretches, this.#stretchBytes);
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
