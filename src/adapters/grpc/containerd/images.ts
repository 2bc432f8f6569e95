import { Descriptor, ImageName, Labels } from '../../../domain/identity.ts';
import type { ImageChange, ImageRecord, ImageStore, TextChange } from '../../../engine/ports/store/images.ts';
import type { Images, Image as WireImage } from '../../../gen/containerd/services/images/v1/images_pb.ts';
import type { Descriptor as WireDescriptor } from '../../../gen/containerd/types/descriptor_pb.ts';
import type { Service } from '../handlers.ts';
import { invalid, numberOf, parse } from '../parse.ts';
import { labelChange } from './label-mask.ts';
import { tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

const nameOf = (text: string): ImageName => parse(ImageName, text, 'image.name');

const targetOf = (message: WireDescriptor | undefined): Descriptor => {
  const size = numberOf(message?.size ?? 0n, 'image.target.size');
  if (size <= 0) throw invalid('image.target.size', 'must be > 0');
  const { mediaType = '', digest = '', annotations = {} } = message ?? {};
  const given = { mediaType, digest, size };
  const whole = Object.keys(annotations).length === 0 ? given : { ...given, annotations };
  return parse(Descriptor, whole, 'image.target');
};

const imageMessage = ({ name, target, labels, createdAt, updatedAt }: ImageRecord) => ({
  name,
  labels,
  target: {
    mediaType: target.mediaType,
    digest: target.digest,
    size: BigInt(target.size),
    annotations: { ...target.annotations },
  },
  createdAt: timestampOf(createdAt),
  updatedAt: timestampOf(updatedAt),
});

/**
 * What a mask names of an image: the target as a whole, its annotations or one of them, labels or one of them; without a
 * mask everything.
 * @throws Rejection `invalid-argument` for a field that can't be changed
 */
const changeOf = (image: WireImage, paths: readonly string[]): ImageChange => {
  const labels = parse(Labels, image.labels, 'image.labels');
  const ofTarget = (path: string) =>
    path === 'target' || path === 'annotations' || path.startsWith('annotations.');
  const labelled = labelChange(paths, labels, paths.filter(ofTarget));
  const whole = paths.length === 0 || paths.includes('target');
  const annotations = annotationChange(image, paths);
  return {
    ...(whole ? { target: targetOf(image.target) } : {}),
    ...(annotations === undefined || whole ? {} : { annotations }),
    ...(labelled === undefined ? {} : { labels: labelled }),
  };
};

const annotationChange = ({ target }: WireImage, paths: readonly string[]): TextChange | undefined => {
  const given = target?.annotations ?? {};
  if (paths.includes('annotations')) return { labels: given, replace: true };
  const prefix = 'annotations.';
  const named = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  if (named.length === 0) return undefined;
  return { labels: Object.fromEntries(named.map((name) => [name, given[name] ?? ''])), replace: false };
};

export const imagesService = (store: ImageStore): Service<typeof Images> => ({
  get: async ({ name }, call) => ({ image: imageMessage(store.get(tenantOf(call), nameOf(name))) }),
  list: async ({ filters }, call) => ({ images: store.list(tenantOf(call), filters).map(imageMessage) }),
  create: async ({ image }, call) => {
    const name = nameOf(image?.name ?? '');
    const labels = parse(Labels, image?.labels ?? {}, 'image.labels');
    const made = await store.create(tenantOf(call), { name, target: targetOf(image?.target), labels }, call);
    return { image: imageMessage(made) };
  },
  update: async ({ image, updateMask }, call) => {
    const name = nameOf(image?.name ?? '');
    if (image === undefined) throw invalid('image', 'is missing');
    const change = changeOf(image, updateMask?.paths ?? []);
    return { image: imageMessage(await store.update(tenantOf(call), name, change, call)) };
  },
  delete: async ({ name, sync }, call) => {
    await store.delete(tenantOf(call), nameOf(name), sync, call);
    return {};
  },
});
