import { Digest, IngestRef, Labels } from '../../../domain/identity.ts';
import type { BlobInfo, ContentStore, WriteStatus } from '../../../engine/ports/store/content.ts';
import type { Content } from '../../../gen/containerd/services/content/v1/content_pb.ts';
import type { Service } from '../handlers.ts';
import { numberOf, parse } from '../parse.ts';
import { writeContent } from './content-write.ts';
import { labelChange } from './label-mask.ts';
import { leaseOf, tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

const digestOf = (text: string): Digest => parse(Digest, text, 'digest');
const refOf = (text: string): IngestRef => parse(IngestRef, text, 'ref');

const infoMessage = ({ digest, size, labels, createdAt, updatedAt }: BlobInfo) => ({
  digest,
  size: BigInt(size),
  labels,
  createdAt: timestampOf(createdAt),
  updatedAt: timestampOf(updatedAt),
});

const statusMessage = ({
  ref,
  offset,
  total,
  expected = '' as Digest,
  startedAt,
  updatedAt,
}: WriteStatus) => ({
  ref,
  offset: BigInt(offset),
  total: BigInt(total),
  expected,
  startedAt: timestampOf(startedAt),
  updatedAt: timestampOf(updatedAt),
});

/** Blobs told in one message of a list. */
const listBatch = 100;

export const contentService = (store: ContentStore): Service<typeof Content> => ({
  info: async ({ digest }, call) => ({ info: infoMessage(store.info(tenantOf(call), digestOf(digest))) }),
  update: async ({ info, updateMask }, call) => {
    const labels = parse(Labels, info?.labels ?? {}, 'info.labels');
    const change = labelChange(updateMask?.paths, labels) ?? { labels: {}, replace: false };
    const digest = digestOf(info?.digest ?? '');
    return { info: infoMessage(await store.update(tenantOf(call), digest, change, call)) };
  },
  list: async function* ({ filters }, call) {
    const all = store.list(tenantOf(call), filters);
    for (let at = 0; at < all.length; at += listBatch) {
      yield { info: all.slice(at, at + listBatch).map(infoMessage) };
    }
  },
  delete: async ({ digest }, call) => {
    await store.delete(tenantOf(call), digestOf(digest), leaseOf(call), call);
    return {};
  },
  read: async function* ({ digest, offset, size }, call) {
    // What is below nothing is nothing, as containerd takes it.
    let at = Math.max(0, numberOf(offset, 'offset'));
    const length = Math.max(0, numberOf(size, 'size'));
    for await (const data of store.read(tenantOf(call), digestOf(digest), { offset: at, length })) {
      yield { offset: BigInt(at), data };
      at += data.length;
    }
  },
  status: async ({ ref }, call) => ({
    status: statusMessage(await store.status(tenantOf(call), refOf(ref))),
  }),
  listStatuses: async ({ filters }, call) => ({
    statuses: (await store.statuses(tenantOf(call), filters)).map(statusMessage),
  }),
  write: (requests, call) => writeContent(store, requests, call),
  abort: async ({ ref }, call) => {
    await store.abort(tenantOf(call), refOf(ref), call);
    return {};
  },
});
