import { type Descriptor, ImageName, type Labels, type Namespace } from '../../domain/identity.ts';
import { findImage, type Image } from '../../domain/images.ts';
import { mergeLabels } from '../../domain/labels.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { World } from '../../domain/world.ts';
import type { ImageChange, ImageStore, TextChange } from '../ports/store/images.ts';
import { collectAfter } from './collect-after.ts';
import { replacing } from './labels.ts';
import type { StoreParts } from './parts.ts';
import { filtered, imageFields, meant, named } from './select.ts';

export const imageStore = (parts: StoreParts): ImageStore => {
  const { ledger } = parts;
  const find = (world: World, namespace: Namespace, name: ImageName): Image => {
    const image = findImage(world.image, namespace, name);
    if (image) return image;
    throw new Rejection('not-found', `image "${name}": not found`);
  };
  const get = (namespace: Namespace, name: ImageName) => find(ledger.durable.world, namespace, name);
  return {
    get,
    list: (namespace, filters) => {
      const known = ledger.durable.world.image;
      const images = meant(
        filters,
        'name',
        named(ImageName, (name) => findImage(known, namespace, name)),
        () => [...known.values()].filter((image) => image.namespace === namespace),
      );
      return filtered(images, filters, imageFields).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    create: async (namespace, { name, target, labels }, { cause }) => {
      if (findImage(ledger.head.world.image, namespace, name)) {
        throw new Rejection('already-exists', `image "${name}": already exists`);
      }
      const given = mergeLabels({}, labels);
      await ledger.dispatch([{ type: 'create-image', namespace, name, target, labels: given }], cause);
      return get(namespace, name);
    },
    update: async (namespace, name, change, { cause }) => {
      const image = find(ledger.head.world, namespace, name);
      const target = targetAfter(image, change);
      const labels = changesTo(image.labels, change.labels);
      await ledger.dispatch([{ type: 'update-image', namespace, name, target, labels }], cause);
      return get(namespace, name);
    },
    delete: async (namespace, name, sync, { cause }) => {
      find(ledger.head.world, namespace, name);
      const removal = await ledger.dispatch([{ type: 'remove-image', namespace, name }], cause);
      if (sync) await collectAfter(parts, removal, cause);
    },
  };
};

const targetAfter = (image: Image, { target = image.target, annotations }: ImageChange): Descriptor => {
  if (annotations === undefined) return target;
  const present = target.annotations ?? {};
  return { ...target, annotations: mergeLabels(present, changesTo(present, annotations)) };
};

/** What is to be merged into the texts there are. */
const changesTo = (present: Labels, change: TextChange | undefined): Labels => {
  if (change === undefined) return {};
  return change.replace ? replacing(present, change.labels) : change.labels;
};
