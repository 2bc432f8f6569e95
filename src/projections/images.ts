import type { Container } from '../domain/containers.ts';
import { ImageName, type Namespace } from '../domain/identity.ts';
import { familiarName, ImageReference, imageNameOf } from '../domain/image-reference.ts';
import { findImage, type Image } from '../domain/images.ts';
import { Rejection } from '../domain/rejection.ts';
import type { World } from '../domain/world.ts';
import { containersOf } from './containers.ts';
import { imageTree } from './image-tree.ts';

/** The images of a namespace, by name. */
export const imagesOf = (world: World, namespace: Namespace): readonly Image[] =>
  [...world.image.values()]
    .filter((image) => image.namespace === namespace)
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** The full name that a reference means (`alpine` is `docker.io/library/alpine:latest`); undefined where it is none. */
export const fullName = (text: string): ImageName | undefined => {
  const reference = ImageReference.safeParse(text);
  return reference.success ? imageNameOf(reference.data) : undefined;
};

const withoutTag = (name: string): string => name.replace(/@[^@]*$/, '').replace(/:[^:/]*$/, '');

const named = (world: World, namespace: Namespace, text: string): Image | undefined => {
  const asGiven = ImageName.safeParse(text);
  const found = asGiven.success ? findImage(world.image, namespace, asGiven.data) : undefined;
  if (found) return found;
  const name = fullName(text);
  if (name === undefined) return undefined;
  const exact = findImage(world.image, namespace, name);
  const digest = name.split('@')[1];
  if (exact || digest === undefined) return exact;
  const sameRepository = (image: Image) => withoutTag(image.name) === withoutTag(name);
  return imagesOf(world, namespace).find((image) => image.target.digest === digest && sameRepository(image));
};

/** `sha256:` and hexadecimal digits, or the digits alone. */
const DIGEST_START = /^(?:sha(?:256|512):)?[a-f0-9]{1,128}$/;

/** Whether a text is a digest or the start of one, with or without its algorithm. */
export const startsDigest = (text: string, digest: string | undefined): boolean =>
  digest !== undefined &&
  DIGEST_START.test(text) &&
  /^sha(?:256|512):/.test(digest) &&
  (digest.startsWith(text) || digest.slice(7).startsWith(text));

/**
 * The image that a text means: a name, or the whole or the start of its id (config digest) or of the digest that the
 * name points at. Where several names mean the same content it is the first by name.
 * @returns `not-found`, or `invalid-argument` naming the candidates
 */
export const resolveImage = (world: World, namespace: Namespace, text: string): Image | Rejection => {
  const image = named(world, namespace, text);
  if (image) return image;
  const begun = imagesOf(world, namespace).filter(
    (one) => startsDigest(text, one.target.digest) || startsDigest(text, imageTree(world, one).config),
  );
  const [first] = begun;
  if (!first) {
    const meant = fullName(text);
    const as = meant === undefined || meant === text ? '' : ` (${meant})`;
    return new Rejection('not-found', `image '${text}'${as} does not exist in namespace '${namespace}'`);
  }
  if (begun.every((one) => one.target.digest === first.target.digest)) return first;
  const names = begun.slice(0, 8).map(({ name }) => familiarName(name));
  return new Rejection(
    'invalid-argument',
    `'${text}' may be ${names.join(', ')}${begun.length > 8 ? ' and more' : ''}; give more of the digest`,
  );
};

/** `*` and `?` as in path.Match: neither crosses a slash. */
const glob = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]')}$`,
  );

/**
 * The images of a namespace, latest moved first.
 * @param reference docker's filter: a name with or without tag, familiar or full, with `*` and `?`; all when empty
 */
export const listImages = (world: World, namespace: Namespace, reference = ''): readonly Image[] => {
  const pattern = glob(reference);
  const matches = ({ name }: Image): boolean =>
    reference === '' ||
    [name, withoutTag(name), familiarName(name), familiarName(withoutTag(name))].some((one) =>
      pattern.test(one),
    );
  return imagesOf(world, namespace)
    .filter(matches)
    .sort((a, b) => b.updatedAt - a.updatedAt);
};

/** The containers made from an image: by its name, or by what the name points at. */
export const usedBy = (world: World, image: Image): readonly Container[] =>
  containersOf(world, image.namespace).filter((container) =>
    container.made === 'client'
      ? container.imageName === image.name
      : container.image?.name === image.name || container.image?.digest === image.target.digest,
  );
