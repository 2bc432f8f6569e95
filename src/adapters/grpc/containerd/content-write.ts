import type { MessageInitShape } from '@bufbuild/protobuf';
import { Digest, IngestRef, Labels } from '../../../domain/identity.ts';
import type { ContentStore, ContentWrite } from '../../../engine/ports/store/content.ts';
import {
  WriteAction,
  type WriteContentRequest,
  type WriteContentResponseSchema,
} from '../../../gen/containerd/services/content/v1/content_pb.ts';
import type { CallContext } from '../handlers.ts';
import { invalid, numberOf, parse } from '../parse.ts';
import { leaseOf, tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

type Response = MessageInitShape<typeof WriteContentResponseSchema>;

/** What the requests so far have said of the whole; each may say more. */
interface Said {
  readonly total: number;
  readonly expected?: Digest;
}

const saidBy = ({ total, expected }: WriteContentRequest, before: Said): Said => ({
  ...before,
  ...(total > 0n ? { total: numberOf(total, 'total') } : {}),
  ...(expected === '' ? {} : { expected: parse(Digest, expected, 'expected') }),
});

/**
 * A write of content: the first request names the ref, each is answered before the next is taken, and a commit ends the
 * stream. A stream that breaks leaves what it wrote for the next one under the ref.
 */
export async function* writeContent(
  store: ContentStore,
  requests: AsyncIterable<WriteContentRequest>,
  call: CallContext,
): AsyncGenerator<Response> {
  let write: ContentWrite | undefined;
  let said: Said = { total: 0 };
  try {
    for await (const request of requests) {
      said = saidBy(request, said);
      write ??= await begin(store, request, said, call);
      if (request.expected !== '' && said.expected) await write.giveUpIfThere(said.expected);
      yield await answer(write, request, said);
      if (request.action === WriteAction.COMMIT) return;
    }
  } finally {
    await write?.close();
  }
}

const begin = (store: ContentStore, { ref }: WriteContentRequest, said: Said, call: CallContext) => {
  if (ref === '') throw invalid('ref', 'first message must have a reference');
  const lease = leaseOf(call);
  return store.write(
    {
      namespace: tenantOf(call),
      ref: parse(IngestRef, ref, 'ref'),
      ...said,
      ...(lease === undefined ? {} : { lease }),
    },
    call,
  );
};

const answer = async (write: ContentWrite, request: WriteContentRequest, said: Said): Promise<Response> => {
  const { action } = request;
  switch (action) {
    case WriteAction.STAT: {
      const { offset, startedAt, updatedAt } = write.status();
      return {
        action,
        offset: BigInt(offset),
        total: BigInt(said.total),
        startedAt: timestampOf(startedAt),
        updatedAt: timestampOf(updatedAt),
        digest: await write.digest(),
      };
    }
    case WriteAction.WRITE: {
      await write.write(numberOf(request.offset, 'offset'), request.data);
      return { action, offset: BigInt(write.status().offset), digest: await write.digest() };
    }
    case WriteAction.COMMIT: {
      const labels = parse(Labels, request.labels, 'labels');
      await write.write(numberOf(request.offset, 'offset'), request.data);
      const { offset } = write.status();
      return { action, offset: BigInt(offset), digest: await write.commit({ ...said, labels }) };
    }
    default:
      throw invalid('action', `${action} is none of STAT, WRITE and COMMIT`);
  }
};
