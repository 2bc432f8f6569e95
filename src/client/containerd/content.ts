import { type Content, WriteAction } from '../../gen/containerd/services/content/v1/content_pb.ts';
import type { CallOptions } from '../call-options.ts';
import type { ServiceClient } from '../service-types.ts';
import { ShiplogError } from '../shiplog-error.ts';

export interface ContentToWrite {
  /** Names the write, so that another can go on with it; the digest by default. */
  readonly ref?: string;
  /** The bytes from an offset on: where an earlier write under the ref left off, 0 else. */
  readonly from: (offset: number) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** In bytes, where it is known. */
  readonly size?: number;
  /** What it must turn out to be, where it is known. */
  readonly digest?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Bytes of one message. */
const pieceBytes = 1024 * 1024;

/** Content of a namespace, as streams of bytes; the service itself has the rest. */
export class ContentClient {
  readonly #service: ServiceClient<typeof Content>;

  constructor(service: ServiceClient<typeof Content>) {
    this.#service = service;
  }

  /**
   * Bytes of a blob; leaving the loop early ends the call.
   * @throws ShiplogError `not-found`, `out-of-range`
   */
  async *read(
    digest: string,
    {
      offset = 0,
      length = 0,
      ...options
    }: CallOptions & { readonly offset?: number; readonly length?: number } = {},
  ): AsyncGenerator<Uint8Array> {
    const request = { digest, offset: BigInt(offset), size: BigInt(length) };
    for await (const { data } of this.#service.read(request, options)) yield data;
  }

  /** A blob as a whole. */
  async readAll(digest: string, options: CallOptions = {}): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.read(digest, options)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /**
   * Writes a blob, from where an earlier write under the same ref left off. What is there already is left as it is.
   * @returns its digest, and whether it was there before
   * @throws ShiplogError `unavailable` while another writes under the ref, `failed-precondition` for another size or digest
   */
  async write(
    content: ContentToWrite,
    options: CallOptions = {},
  ): Promise<{ digest: string; existed: boolean }> {
    const { digest = '', size = 0, ref = digest, labels = {} } = content;
    if (ref === '')
      throw new ShiplogError('invalid-argument', 'a write needs a ref, or a digest to be its ref');
    const call = this.#service.write(options);
    const answers = call[Symbol.asyncIterator]();
    const ask = async (request: Parameters<typeof call.send>[0]) => {
      await call.send(request);
      const answer = await answers.next();
      if (answer.done)
        throw new ShiplogError('unavailable', `the write under '${ref}' ended without an answer`);
      return answer.value;
    };
    const said = { ref, total: BigInt(size), expected: digest };
    try {
      let { offset } = await ask({ ...said, action: WriteAction.STAT });
      for await (const bytes of content.from(Number(offset))) {
        for (let at = 0; at < bytes.length; at += pieceBytes) {
          const data = bytes.subarray(at, at + pieceBytes);
          ({ offset } = await ask({ ...said, action: WriteAction.WRITE, offset, data }));
        }
      }
      const last = await ask({ ...said, action: WriteAction.COMMIT, offset, labels: { ...labels } });
      return { digest: last.digest, existed: false };
    } catch (error) {
      if (!(error instanceof ShiplogError) || error.code !== 'already-exists' || digest === '') throw error;
      return { digest, existed: true };
    } finally {
      call.cancel();
    }
  }
}
