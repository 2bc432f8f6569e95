import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { AnyValue } from '../../../domain/any-value.ts';
import type { Timestamp } from '../../../domain/identity.ts';
import type { ContainerRecord } from '../../../engine/ports/store/containers.ts';
import { anyBytes } from './any.ts';

// Field numbers are those of containers.proto, any.proto and timestamp.proto. A list may be of a hundred thousand, so little is
// made on the way: what many containers have in common is there as bytes, and a part whose length can be told beforehand has no
// writer of its own.

const { LengthDelimited, Varint } = WireType;

/** Short texts come from a pool, where protobuf-es's own encoder makes an array for each. */
const utf8 = (text: string): Buffer => Buffer.from(text);
const writerOf = (): BinaryWriter => new BinaryWriter(utf8);

/** What says nothing is left out, as protobuf 3 has it. */
const text = (writer: BinaryWriter, field: number, value: string): void => {
  if (value !== '') writer.tag(field, LengthDelimited).string(value);
};

/** Keeps what it makes of a text, for texts that many containers have in common: names of images, runtimes, types and labels. */
const keeping = (make: (value: string) => Uint8Array): ((value: string) => Uint8Array) => {
  const known = new Map<string, Uint8Array>();
  return (value) => {
    const seen = known.get(value);
    if (seen !== undefined) return seen;
    const bytes = make(value);
    if (known.size >= mostKnown) known.clear();
    known.set(value, bytes);
    return bytes;
  };
};
const mostKnown = 256;

/** A field of text with its tag and length; nothing for no text. */
const commonText = (field: number) =>
  keeping((value) => {
    const writer = writerOf();
    text(writer, field, value);
    return writer.finish();
  });
/** The key of an entry of a map, and the name of a type. */
const firstText = commonText(1);
const imageField = commonText(3);
const snapshotterField = commonText(6);
const runtimeField = keeping((name) => writerOf().tag(4, LengthDelimited).bytes(firstText(name)).finish());

/** How many bytes a number from 0 takes as a varint. */
const varintLength = (value: number): number => {
  let length = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) length += 1;
  return length;
};

/** A message of a text and of bytes, as its fields 1 and 2: a value with its type, or an entry of a map. */
const pair = (writer: BinaryWriter, field: number, first: Uint8Array, second: Uint8Array): void => {
  const length = second.length === 0 ? 0 : 1 + varintLength(second.length) + second.length;
  writer
    .tag(field, LengthDelimited)
    .uint32(first.length + length)
    .raw(first);
  if (length > 0) writer.tag(2, LengthDelimited).bytes(second);
};

const any = (writer: BinaryWriter, field: number, value: AnyValue): void =>
  pair(writer, field, firstText(value.typeUrl), anyBytes(value));

/** Seconds of the times that have a varint of 32 bits: from 1970 to 2106. */
const mostSeconds = 2 ** 32 - 1;

const time = (writer: BinaryWriter, field: number, us: Timestamp): void => {
  const seconds = Math.floor(us / 1e6);
  const nanos = (us - seconds * 1e6) * 1000;
  writer.tag(field, LengthDelimited);
  if (seconds <= 0 || seconds > mostSeconds) {
    writer.fork();
    if (seconds !== 0) writer.tag(1, Varint).int64(seconds);
    if (nanos !== 0) writer.tag(2, Varint).int32(nanos);
    writer.join();
    return;
  }
  writer.uint32(1 + varintLength(seconds) + (nanos === 0 ? 0 : 1 + varintLength(nanos)));
  writer.tag(1, Varint).uint32(seconds);
  if (nanos !== 0) writer.tag(2, Varint).uint32(nanos);
};

/**
 * A container as field 1 of another message: that is all of what get, create, update and a stream's message answer with, and
 * several after one another are what a list does.
 */
export const containerBytes = (record: ContainerRecord): Buffer => {
  const { runtime, spec, labels, extensions } = record;
  const writer = writerOf();
  text(writer, 1, record.id);
  for (const name of Object.keys(labels)) pair(writer, 2, firstText(name), utf8(labels[name] ?? ''));
  if (record.imageName !== '') writer.raw(imageField(record.imageName));
  if (runtime.options === undefined) {
    writer.raw(runtimeField(runtime.name));
  } else {
    writer.tag(4, LengthDelimited).fork().raw(firstText(runtime.name));
    any(writer, 2, runtime.options);
    writer.join();
  }
  if (spec !== undefined) any(writer, 5, spec);
  if (record.snapshotter !== '') writer.raw(snapshotterField(record.snapshotter));
  text(writer, 7, record.snapshotKey);
  time(writer, 8, record.createdAt);
  time(writer, 9, record.updatedAt);
  for (const [name, value] of Object.entries(extensions)) {
    writer.tag(10, LengthDelimited).fork().raw(firstText(name));
    any(writer, 2, value);
    writer.join();
  }
  text(writer, 11, record.sandbox ?? '');
  const container = writer.finish();
  return Buffer.concat([writerOf().tag(1, LengthDelimited).uint32(container.length).finish(), container]);
};
