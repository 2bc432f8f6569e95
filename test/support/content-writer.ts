import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceClient } from '../../src/client/service-client.ts';
import {
  type Content,
  WriteAction,
  type WriteContentRequestSchema,
  type WriteContentResponse,
} from '../../src/gen/containerd/services/content/v1/content_pb.ts';

export type WriteRequest = MessageInitShape<typeof WriteContentRequestSchema>;

export const digestOf = (bytes: string | Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A stream of Content.Write, asked one request at a time as containerd's clients do. */
export class ContentStream {
  readonly #call;
  readonly #answers;

  constructor(content: ServiceClient<typeof Content>) {
    this.#call = content.write();
    this.#answers = this.#call[Symbol.asyncIterator]();
  }

  async ask(request: WriteRequest): Promise<WriteContentResponse> {
    await this.#call.send(request);
    const next = await this.#answers.next();
    if (next.done) throw new Error('the stream ended without an answer');
    return next.value;
  }

  stat(ref: string, more: WriteRequest = {}): Promise<WriteContentResponse> {
    return this.ask({ action: WriteAction.STAT, ref, ...more });
  }

  write(bytes: string | Uint8Array, offset = 0): Promise<WriteContentResponse> {
    const data = typeof bytes === 'string' ? bytesOf(bytes) : bytes;
    return this.ask({ action: WriteAction.WRITE, offset: BigInt(offset), data });
  }

  commit(offset: number, more: WriteRequest = {}): Promise<WriteContentResponse> {
    return this.ask({ action: WriteAction.COMMIT, offset: BigInt(offset), ...more });
  }

  /** Half-closes; resolves when the daemon has ended the stream too. */
  async end(): Promise<void> {
    this.#call.close();
    while (!(await this.#answers.next()).done);
  }

  /** Breaks the stream as a client does that dies. */
  cut(): void {
    this.#call.cancel();
  }
}

/** Writes a whole blob in one stream. @returns its digest */
export const putBlob = async (
  content: ServiceClient<typeof Content>,
  text: string,
  { ref = `put-${text}`, labels = {} }: { ref?: string; labels?: Record<string, string> } = {},
): Promise<string> => {
  const stream = new ContentStream(content);
  await stream.stat(ref);
  await stream.write(text);
  const { digest } = await stream.commit(text.length, { labels });
  return digest;
};
