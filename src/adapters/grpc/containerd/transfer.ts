import type { MessageShape } from '@bufbuild/protobuf';
import { holds } from '../../../client/containerd/packed.ts';
import { ImageName, Labels, type Namespace, Platform, SnapshotterName } from '../../../domain/identity.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { Store } from '../../../engine/ports/store/store.ts';
import type { TakenStream } from '../../../engine/ports/store/streaming.ts';
import type { ImageChoice, ImageDestination } from '../../../engine/ports/store/transfer.ts';
import type { Transfer, TransferRequest } from '../../../gen/containerd/services/transfer/v1/transfer_pb.ts';
import type { Platform as WirePlatform } from '../../../gen/containerd/types/platform_pb.ts';
import { ImageStoreSchema } from '../../../gen/containerd/types/transfer/imagestore_pb.ts';
import {
  ImageExportStreamSchema,
  ImageImportStreamSchema,
} from '../../../gen/containerd/types/transfer/importexport_pb.ts';
import { OCIRegistrySchema } from '../../../gen/containerd/types/transfer/registry_pb.ts';
import type { CallContext, Service } from '../handlers.ts';
import { invalid, parse, required } from '../parse.ts';
import { unpack } from './packed.ts';
import { tenantOf } from './tenancy.ts';
import { receivedBytes, sendBytes } from './transfer-bytes.ts';
import { type ProgressTeller, progressOn } from './transfer-progress.ts';
import { registryImage } from './transfer-registry.ts';

const ends = {
  registry: OCIRegistrySchema,
  store: ImageStoreSchema,
  import: ImageImportStreamSchema,
  export: ImageExportStreamSchema,
} as const;
type End = {
  readonly [K in keyof typeof ends]: { readonly kind: K; readonly of: MessageShape<(typeof ends)[K]> };
}[keyof typeof ends];

/** One end of a transfer, told by the type of its description. */
const endOf = (packed: TransferRequest['source'], field: string): End => {
  if (packed === undefined) throw invalid(field, 'is missing');
  for (const [kind, schema] of Object.entries(ends)) {
    if (holds(packed, schema)) return { kind, of: unpack(packed, schema) } as End;
  }
  throw new Rejection(
    'unimplemented',
    `${field} '${packed.typeUrl}' is none of ${Object.values(ends)
      .map(({ typeName }) => typeName)
      .join(', ')}: not implemented`,
  );
};

const platformOf = ({ os, architecture, variant }: WirePlatform): Platform =>
  parse(Platform, { os, architecture, ...(variant === '' ? {} : { variant }) }, 'platforms');

/** The snapshotter that is unpacked to while the image comes in, also where none is named. */
const usual = ['', 'overlayfs'];

type ImageStore = MessageShape<typeof ImageStoreSchema>;
const destinationOf = ({
  name,
  labels,
  platforms,
  extraReferences,
  unpacks,
}: ImageStore): ImageDestination => {
  const targets = unpacks.flatMap(({ platform, snapshotter }) =>
    platform === undefined ? [] : [{ platform: platformOf(platform), snapshotter }],
  );
  const given = [name, ...extraReferences.filter(({ isPrefix }) => !isPrefix).map((each) => each.name)];
  return {
    names: given.filter((each) => each !== '').map(nameOf),
    prefixes: extraReferences.filter(({ isPrefix }) => isPrefix).map(namingPrefix),
    labels: parse(Labels, labels, 'labels'),
    platforms: platforms.map(platformOf),
    unpack: targets.filter(({ snapshotter }) => usual.includes(snapshotter)).map(({ platform }) => platform),
    unpackElsewhere: targets
      .filter(({ snapshotter }) => !usual.includes(snapshotter))
      .map(({ platform, snapshotter }) => ({
        platform,
        snapshotter: parse(SnapshotterName, snapshotter, 'snapshotter'),
      })),
  };
};
const namingPrefix = (each: ImageStore['extraReferences'][number]) => ({
  name: required(each.name, 'extra_references.name'),
  anyName: each.allowOverwrite,
  digest: !each.addDigest
    ? ('never' as const)
    : each.skipNamedDigest
      ? ('unnamed' as const)
      : ('always' as const),
});
const nameOf = (text: string): ImageName => parse(ImageName, text, 'name');
const lookedUp = ({ name, extraReferences }: ImageStore): ImageChoice => ({
  names: [name, ...extraReferences.filter(({ isPrefix }) => !isPrefix).map((each) => each.name)]
    .filter((each) => each !== '')
    .map(nameOf),
  prefixes: extraReferences
    .filter(({ isPrefix }) => isPrefix)
    .map((each) => required(each.name, 'extra_references.name')),
});

/** What each kind of transfer works with. */
interface Work {
  readonly store: Pick<Store, 'transfer' | 'streams'>;
  readonly namespace: Namespace;
  readonly take: (id: string) => TakenStream;
  readonly progress: ProgressTeller;
  readonly call: CallContext & { readonly report: ProgressTeller['report'] };
}

const pull = async (
  { store, namespace, take, progress, call }: Work,
  from: EndOf<'registry'>,
  to: ImageStore,
) => {
  const image = registryImage(from, take);
  const words = `OCI Registry (${from.reference})`;
  progress.tell(`Resolving from ${words}`);
  const report: Work['progress']['report'] = (news) => {
    if (news.kind === 'resolved') {
      progress.tell(`Pulling from ${words}`);
      progress.tell('fetching image content', news.name, news.target);
    }
    progress.report(news);
  };
  const names = await store.transfer.pull(namespace, image, destinationOf(to), { ...call, report });
  for (const name of names) progress.tell('saved', name);
  progress.tell(`Completed pull from ${words}`);
};

const push = async (
  { store, namespace, take, progress, call }: Work,
  from: ImageStore,
  to: EndOf<'registry'>,
) => {
  const words = `OCI Registry (${to.reference})`;
  progress.tell(`Pushing to ${words}`);
  progress.tell('pushing content', from.name);
  await store.transfer.push(namespace, nameOf(from.name), registryImage(to, take), call);
  progress.tell('pushed content', from.name);
  progress.tell(`Completed push to ${words}`);
};

const importInto = async (
  { store, namespace, take, progress, call }: Work,
  from: EndOf<'import'>,
  to: ImageStore,
) => {
  progress.tell('Importing');
  const stream = take(from.stream);
  const names = await store.transfer.import(namespace, receivedBytes(stream), destinationOf(to), call);
  stream.end();
  for (const name of names) progress.tell('saved', name);
  progress.tell('Completed import');
};

const exportTo = async (
  { store, namespace, take, progress, call }: Work,
  from: ImageStore,
  to: EndOf<'export'>,
) => {
  progress.tell('Exporting');
  const stream = take(to.stream);
  const how = {
    platforms: to.allPlatforms ? [] : to.platforms.map(platformOf),
    compatible: !to.skipCompatibilityManifest,
  };
  try {
    await sendBytes(stream, store.transfer.export(namespace, lookedUp(from), how, call));
  } finally {
    stream.end();
  }
  progress.tell('Completed export');
};

const echo = async ({ take }: Work, from: EndOf<'import'>, to: EndOf<'export'>) => {
  const [one, other] = [take(from.stream), take(to.stream)];
  try {
    await sendBytes(other, receivedBytes(one));
  } finally {
    one.end();
    other.end();
  }
};

type EndOf<K extends End['kind']> = Extract<End, { kind: K }>['of'];

const transfer = async (work: Work, from: End, to: End): Promise<void> => {
  if (from.kind === 'registry' && to.kind === 'store') return pull(work, from.of, to.of);
  if (from.kind === 'store' && to.kind === 'registry') return push(work, from.of, to.of);
  if (from.kind === 'import' && to.kind === 'store') return importInto(work, from.of, to.of);
  if (from.kind === 'store' && to.kind === 'export') return exportTo(work, from.of, to.of);
  if (from.kind === 'import' && to.kind === 'export') return echo(work, from.of, to.of);
  if (from.kind === 'store' && to.kind === 'store') {
    const { store, namespace, call } = work;
    return store.transfer.tag(namespace, nameOf(from.of.name), destinationOf(to.of), call);
  }
  throw new Rejection(
    'unimplemented',
    `method Transfer not implemented for ${ends[from.kind].typeName} to ${ends[to.kind].typeName}: not implemented`,
  );
};

export const transferService = (store: Pick<Store, 'transfer' | 'streams'>): Service<typeof Transfer> => ({
  transfer: async ({ source, destination, options }, call) => {
    const namespace = tenantOf(call);
    const take = (id: string): TakenStream => store.streams.take(namespace, id);
    const told = options?.progressStream ?? '';
    const [from, to] = [endOf(source, 'source'), endOf(destination, 'destination')];
    const named = to.kind === 'store' ? to.of.name : from.kind === 'store' ? from.of.name : '';
    const progress = progressOn(told === '' ? undefined : take(told), () => named);
    try {
      const work = { store, namespace, take, progress, call: { ...call, report: progress.report } };
      await transfer(work, from, to);
    } finally {
      await progress.end();
    }
    return {};
  },
});
