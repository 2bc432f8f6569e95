import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { AnyValue } from '../../../domain/any-value.ts';
import type { Timestamp } from '../../../domain/identity.ts';
import type { ContainerRecord } from '../../../engine/ports/store/containers.ts';
import { anyBytes } from './any.ts';
import { timestampOf } from './timestamp.ts';

// Field numbers are those of containers.proto, any.proto and timestamp.proto.

const { LengthDelimited, Varint } = WireType;

/** What says nothing is left out, as protobuf 3 has it. */
const text = (writer: BinaryWriter, field: number, value: string): void => {
  if (value !== '') writer.tag(field, LengthDelimited).string(value);
};

const within = (writer: BinaryWriter, field: number): BinaryWriter =>
  writer.tag(field, LengthDelimited).fork();

const any = (writer: BinaryWriter, field: number, value: AnyValue): void => {
  within(writer, field);
  text(writer, 1, value.typeUrl);
  const bytes = anyBytes(value);
  if (bytes.length > 0) writer.tag(2, LengthDelimited).bytes(bytes);
  writer.join();
};

const time = (writer: BinaryWriter, field: number, us: Timestamp): void => {
  const { seconds, nanos } = timestampOf(us);
  within(writer, field);
  if (seconds !== 0n) writer.tag(1, Varint).int64(seconds);
  if (nanos !== 0) writer.tag(2, Varint).int32(nanos);
  writer.join();
};

/**
 * A container as field 1 of another message: that is all of what get, create, update and a stream's message answer with, and
 * several after one another are what a list does.
 */
export const containerBytes = (record: ContainerRecord): Uint8Array => {
  const { runtime, spec, labels, extensions } = record;
  const writer = within(new BinaryWriter(), 1);
  text(writer, 1, record.id);
  for (const name of Object.keys(labels)) {
    within(writer, 2).tag(1, LengthDelimited).string(name);
    writer
      .tag(2, LengthDelimited)
      .string(labels[name] ?? '')
      .join();
  }
  text(writer, 3, record.imageName);
  text(within(writer, 4), 1, runtime.name);
  if (runtime.options !== undefined) any(writer, 2, runtime.options);
  writer.join();
  if (spec !== undefined) any(writer, 5, spec);
  text(writer, 6, record.snapshotter);
  text(writer, 7, record.snapshotKey);
  time(writer, 8, record.createdAt);
  time(writer, 9, record.updatedAt);
  for (const [name, value] of Object.entries(extensions)) {
    within(writer, 10).tag(1, LengthDelimited).string(name);
    any(writer, 2, value);
    writer.join();
  }
  text(writer, 11, record.sandbox ?? '');
  return writer.join().finish();
};
