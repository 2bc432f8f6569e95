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

/** Bytes of texts that many containers have in common: names of runtimes, types and labels. */
const known = new Map<string, Uint8Array>();
const mostKnown = 256;
const utf8 = new TextEncoder();

const common = (value: string): Uint8Array => {
  const seen = known.get(value);
  if (seen !== undefined) return seen;
  const bytes = utf8.encode(value);
  if (known.size >= mostKnown) known.clear();
  known.set(value, bytes);
  return bytes;
};

const commonText = (writer: BinaryWriter, field: number, value: string): void => {
  if (value !== '') writer.tag(field, LengthDelimited).bytes(common(value));
};

const within = (writer: BinaryWriter, field: number): BinaryWriter =>
  writer.tag(field, LengthDelimited).fork();

const any = (writer: BinaryWriter, field: number, value: AnyValue): void => {
  within(writer, field);
  commonText(writer, 1, value.typeUrl);
  const bytes = anyBytes(value);
  if (bytes.length > 0) writer.tag(2, LengthDelimited).bytes(bytes);
  writer.join();
};

const timeBytes = (us: Timestamp): Uint8Array => {
  const { seconds, nanos } = timestampOf(us);
  const writer = new BinaryWriter();
  if (seconds !== 0n) writer.tag(1, Varint).int64(seconds);
  if (nanos !== 0) writer.tag(2, Varint).int32(nanos);
  return writer.finish();
};

/**
 * A container as field 1 of another message: that is all of what get, create, update and a stream's message answer with, and
 * several after one another are what a list does.
 */
export const containerBytes = (record: ContainerRecord): Uint8Array => {
  const { runtime, spec, labels, extensions, createdAt, updatedAt } = record;
  const writer = within(new BinaryWriter(), 1);
  text(writer, 1, record.id);
  for (const name of Object.keys(labels)) {
    within(writer, 2).tag(1, LengthDelimited).bytes(common(name));
    writer
      .tag(2, LengthDelimited)
      .string(labels[name] ?? '')
      .join();
  }
  commonText(writer, 3, record.imageName);
  commonText(within(writer, 4), 1, runtime.name);
  if (runtime.options !== undefined) any(writer, 2, runtime.options);
  writer.join();
  if (spec !== undefined) any(writer, 5, spec);
  commonText(writer, 6, record.snapshotter);
  text(writer, 7, record.snapshotKey);
  const created = timeBytes(createdAt);
  writer.tag(8, LengthDelimited).bytes(created);
  writer.tag(9, LengthDelimited).bytes(updatedAt === createdAt ? created : timeBytes(updatedAt));
  for (const [name, value] of Object.entries(extensions)) {
    within(writer, 10).tag(1, LengthDelimited).bytes(common(name));
    any(writer, 2, value);
    writer.join();
  }
  text(writer, 11, record.sandbox ?? '');
  return writer.join().finish();
};
