import type { Image } from '../../../gen/shiplog/v1/images_pb.ts';
import { familiarName, humanAgo, humanSize, shortId, timestamp } from './units.ts';

/** `name:tag` and `name@digest` taken apart, as docker's columns have them. */
export const splitName = (name: string): { repository: string; tag: string } => {
  const [path = '', digest] = familiarName(name).split('@');
  const colon = path.lastIndexOf(':');
  const tagged = colon > path.lastIndexOf('/');
  return {
    repository: tagged ? path.slice(0, colon) : path,
    tag: tagged ? path.slice(colon + 1) : digest === undefined ? 'latest' : '<none>',
  };
};

/** An image under docker's names for its fields. */
export const imageRow = (image: Image, nowMs: number, noTrunc: boolean) => {
  const { repository, tag } = splitName(image.name);
  const id = image.id || image.target?.digest || '';
  return {
    Repository: repository,
    Tag: tag,
    Digest: image.target?.digest ?? '<none>',
    ID: noTrunc ? id : shortId(id),
    CreatedSince: humanAgo(image.createdUs, nowMs),
    CreatedAt: image.createdUs === 0n ? 'N/A' : timestamp(image.createdUs),
    Size: humanSize(image.unpackedSize > 0n ? image.unpackedSize : image.contentSize),
    ContentSize: image.contentSize,
    UnpackedSize: image.unpackedSize,
    Name: image.name,
    Labels: image.labels,
    Platform: [image.platform?.os, image.platform?.architecture, image.platform?.variant]
      .filter((part) => part)
      .join('/'),
  };
};

export type ImageRow = ReturnType<typeof imageRow>;
