import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Descriptor, Platform } from '../../domain/identity.ts';
import type { Credentials, ImageView, TransferReport } from '../../engine/ports/api.ts';
import type { ImageSchema, TransferProgressSchema } from '../../gen/shiplog/v1/images_pb.ts';
import type { DescriptorSchema, Platform as WirePlatform } from '../../gen/shiplog/v1/types_pb.ts';
import { invalid, parse, present } from './parse.ts';

export const descriptorMessage = ({
  mediaType,
  digest,
  size,
}: Descriptor): MessageInitShape<typeof DescriptorSchema> => ({ mediaType, digest, size: BigInt(size) });

/** The platform of a request; undefined where it names none. */
export const platformOf = (message: WirePlatform | undefined): Platform | undefined => {
  if (!message) return undefined;
  const { os, architecture, variant } = message;
  return parse(Platform, { os, architecture, ...(variant === '' ? {} : { variant }) }, 'platform');
};

/** Credentials of a request; undefined where it brings none. */
export const credentialsOf = (message: Credentials | undefined): Credentials | undefined => {
  if (!message) return undefined;
  if (message.username === '') throw invalid('credentials.username', 'is empty');
  return { username: message.username, password: message.password };
};

export const imageMessage = (image: ImageView): MessageInitShape<typeof ImageSchema> => ({
  name: image.name,
  target: descriptorMessage(image.target),
  id: image.id,
  createdUs: BigInt(image.createdAt),
  updatedUs: BigInt(image.updatedAt),
  contentSize: BigInt(image.contentSize),
  unpackedSize: BigInt(image.unpackedSize),
  labels: { ...image.labels },
  ...present({ platform: image.platform && { ...image.platform, variant: image.platform.variant ?? '' } }),
});

type Progress = MessageInitShape<typeof TransferProgressSchema>;

export const reportMessage = (report: TransferReport): Progress => {
  if (report.kind === 'resolved') {
    const value = { name: report.name, target: descriptorMessage(report.target) };
    return { progress: { case: 'resolved', value } };
  }
  const { digest, as: kind, status, offset, total } = report;
  return {
    progress: {
      case: 'item',
      value: { digest, kind, status, offset: BigInt(offset), total: BigInt(total) },
    },
  };
};

/** Reports about the same are news that replace each other: one blob in one stage. */
export const reportSubject = (report: TransferReport): string =>
  report.kind === 'resolved' ? `resolved ${report.name}` : `${report.digest} ${report.status}`;

export const doneMessage = (done: { name: string; target: Descriptor; upToDate?: boolean }): Progress => ({
  progress: {
    case: 'done',
    value: { name: done.name, digest: done.target.digest, upToDate: done.upToDate ?? false },
  },
});
