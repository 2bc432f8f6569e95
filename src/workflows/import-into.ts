import type { Descriptor, Digest, ImageName, Labels, Namespace, Platform } from '../domain/identity.ts';
import { mediaTypes } from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';
import type { Command } from '../domain/world.ts';
import { documentNames } from './archive-documents.ts';
import { type ArchivedImage, imagesIn } from './archive-images.ts';
import type { Hold } from './documents.ts';
import { adopt } from './import.ts';
import { dispatch, type Workflow } from './steps.ts';
import { type ArchiveContents, storeText, takeIn } from './take-archive.ts';
import { underTransfer } from './transfer.ts';

/** How images of an archive are called after a repository. */
export interface NamingPrefix {
  readonly name: string;
  /** Also what the archive calls otherwise, by that name. */
  readonly anyName: boolean;
  /** Also by the repository and the digest. */
  readonly digest: 'never' | 'unnamed' | 'always';
}

export interface ImportInto {
  readonly namespace: Namespace;
  /** For the archive's own index. */
  readonly names: readonly ImageName[];
  readonly prefixes: readonly NamingPrefix[];
  readonly labels: Labels;
  /** Which to unpack; an image that has none of them is imported all the same. */
  readonly unpack: readonly Platform[];
}

/**
 * Imports an archive for a client that says how its images are to be called. Where it says nothing, they keep their names.
 * @returns the names, in order of the archive
 */
export function* importInto(request: ImportInto): Workflow<readonly ImageName[]> {
  const { namespace, labels, unpack } = request;
  const what = request.names[0] ?? request.prefixes[0]?.name ?? 'an archive';
  return yield* underTransfer({ namespace, verb: 'import', what }, function* (_id, lease) {
    const hold: Hold = { namespace, lease };
    const contents = yield* takeIn(hold);
    const images = yield* imagesIn(hold, contents);
    if (images.length === 0) throw new Rejection('failed-precondition', 'the archive holds no image');
    for (const { target } of images) yield* adopt(hold, target, unpack);
    const named = images.flatMap((image) =>
      namesOf(image, request).map((name) => [name, image.target] as const),
    );
    if (request.names.length > 0) {
      const index = yield* ownIndex(hold, contents, images);
      named.unshift(...request.names.map((name) => [name, index] as const));
    }
    const naming = [...new Map(named)].map(
      ([name, target]): Command => ({ type: 'set-image', namespace, name, target, labels }),
    );
    if (naming.length > 0) yield* dispatch(...naming);
    return { result: [...new Map(named).keys()], bytes: contents.bytes };
  });
}

const namesOf = (image: ArchivedImage, { names, prefixes }: ImportInto): readonly ImageName[] => {
  if (names.length === 0 && prefixes.length === 0) return image.names as readonly ImageName[];
  return prefixes.flatMap((prefix) => {
    const found = image.names.filter((name) => prefix.anyName || isBelow(name, prefix.name));
    if (image.tag !== undefined) found.push(`${prefix.name}:${image.tag}`);
    const digested = prefix.digest === 'always' || (prefix.digest === 'unnamed' && found.length === 0);
    return (digested ? [...found, `${prefix.name}@${image.target.digest}`] : found) as ImageName[];
  });
};

/** Whether a name is of a repository, or of one below it. */
const isBelow = (name: string, prefix: string): boolean =>
  name.startsWith(prefix) && ['', '/', ':', '@'].includes(name.charAt(prefix.length));

/** The index that an archive brings, as content; what docker made has none, and its only image stands for it. */
function* ownIndex(
  hold: Hold,
  { documents }: ArchiveContents,
  images: readonly ArchivedImage[],
): Workflow<Descriptor> {
  const text = documents.get(documentNames.ociIndex);
  if (text !== undefined && documents.has(documentNames.ociLayout)) {
    const stored = yield* storeText(hold, text);
    const keeps = images.map(({ target }, at) => [`containerd.io/gc.ref.content.m.${at}`, target.digest]);
    const labels = Object.fromEntries(keeps) as Record<string, Digest>;
    yield* dispatch({ type: 'label-blob', namespace: hold.namespace, digest: stored.digest, labels });
    return { mediaType: mediaTypes.ociIndex, ...stored };
  }
  const [only, ...others] = images;
  if (only !== undefined && others.length === 0) return only.target;
  throw new Rejection(
    'failed-precondition',
    `the archive holds ${images.length} images and no index that the name could be given to`,
  );
}
