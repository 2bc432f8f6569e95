import { findContainer } from '../../domain/containers.ts';
import { type Descriptor, IngestRef, type LeaseId, type Namespace } from '../../domain/identity.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { ProcessImages } from '../ports/process-images.ts';
import type { StoreCall } from '../ports/store/call.ts';
import type { ContentStore } from '../ports/store/content.ts';
import type { ProcessName } from '../ports/store/tasks.ts';
import type { StoreParts } from './parts.ts';

/** What containerd calls an archive of criu's images, and the specification beside it. */
const imagesType = 'application/vnd.containerd.container.criu.checkpoint.criu.tar';
const configurationType = 'application/vnd.containerd.container.checkpoint.config.v1+proto';

/** Brings images of processes into the content store, and out of it. */
export class Checkpoints {
  readonly #parts: Pick<StoreParts, 'ledger' | 'ports'>;
  readonly #images: ProcessImages;
  readonly #content: ContentStore;

  constructor(parts: Pick<StoreParts, 'ledger' | 'ports'>, images: ProcessImages, content: ContentStore) {
    this.#parts = parts;
    this.#images = images;
    this.#content = content;
  }

  /** Runs `work` with a folder that holds the images of a checkpoint, and takes the folder away again. */
  async restoring<T>(
    namespace: Namespace,
    checkpoint: Descriptor,
    work: (folder: string) => Promise<T>,
  ): Promise<T> {
    const { mediaType, digest } = checkpoint;
    if (mediaType !== imagesType) {
      throw new Rejection(
        'invalid-argument',
        `unsupported checkpoint type "${mediaType}"; it must be ${imagesType}`,
      );
    }
    return this.#within(async (folder) => {
      await this.#images.unpack(this.#content.read(namespace, digest, { offset: 0, length: 0 }), folder);
      return work(folder);
    });
  }

  /**
   * Runs `write` with an empty folder, and brings what it leaves there into the content store.
   * @returns the images, and the container's specification
   */
  async writing(
    { namespace, id }: ProcessName,
    lease: LeaseId | undefined,
    call: StoreCall,
    write: (folder: string) => Promise<void>,
  ): Promise<readonly Descriptor[]> {
    const container = findContainer(this.#parts.ledger.head.world.container, namespace, id);
    const spec = container?.made === 'client' ? container.spec : undefined;
    if (spec === undefined) {
      throw new Rejection(
        'failed-precondition',
        `container '${id}' has no specification of a client's to go with a checkpoint`,
      );
    }
    return this.#within(async (folder) => {
      await write(folder);
      const keep = async (mediaType: string, bytes: AsyncIterable<Uint8Array>): Promise<Descriptor> => {
        const ref = IngestRef.parse(`checkpoint-${id}-${this.#parts.ports.names.sortable()}`);
        const written = await this.#content.write(
          { namespace, ref, total: 0, ...(lease === undefined ? {} : { lease }) },
          call,
        );
        try {
          let size = 0;
          for await (const piece of bytes) {
            await written.write(size, piece);
            size += piece.length;
          }
          const digest = await written.digest();
          await written.commit({ total: size, expected: digest, labels: {} }).catch(alreadyThere);
          return { mediaType, digest, size } as Descriptor;
        } finally {
          await written.close();
        }
      };
      const images = await keep(imagesType, this.#images.pack(folder));
      const configuration = await keep(configurationType, once(this.#images.configuration(spec)));
      return [images, configuration];
    });
  }

  async #within<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = await this.#images.make();
    try {
      return await work(folder);
    } finally {
      await this.#images.remove(folder);
    }
  }
}

/** The same bytes were there before, and the lease holds them now. */
const alreadyThere = (error: unknown): void => {
  if (!isRejection(error) || error.code !== 'already-exists') throw error;
};

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
