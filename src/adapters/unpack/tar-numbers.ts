import type { FileTime } from '../syscalls/times.ts';
import { LayerError } from './layer-error.ts';

const SPACE = 0x20;
const isPadding = (byte: number) => byte === SPACE || byte === 0;

const octal = (block: Buffer, offset: number, length: number, field: string): number => {
  let from = offset;
  let to = offset + length;
  while (from < to && isPadding(block[from] ?? 0)) from += 1;
  // a number ends at its first NUL or space; what follows is left-over bytes
  let end = from;
  while (end < to && !isPadding(block[end] ?? 0)) end += 1;
  to = end;
  let value = 0;
  for (let index = from; index < to; index += 1) {
    const digit = (block[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) throw new LayerError(`the ${field} field of a tar header is no octal number`);
    value = value * 8 + digit;
  }
  return value;
};

/** GNU's base-256: the first bit says so, the rest is a two's complement number, big-endian. */
const base256 = (block: Buffer, offset: number, length: number, field: string): number => {
  const negative = ((block[offset] ?? 0) & 0x40) !== 0;
  let value = BigInt((block[offset] ?? 0) & 0x7f);
  for (let index = 1; index < length; index += 1) value = (value << 8n) | BigInt(block[offset + index] ?? 0);
  if (negative) value -= 1n << BigInt(length * 8 - 1);
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw new LayerError(`the ${field} field of a tar header is out of range`);
  return number;
};

/** A number of a tar header, octal or base-256; an empty field is 0. @throws LayerError */
export const headerNumber = (block: Buffer, offset: number, length: number, field: string): number => {
  const number =
    (block[offset] ?? 0) & 0x80 ? base256(block, offset, length, field) : octal(block, offset, length, field);
  if (!Number.isSafeInteger(number))
    throw new LayerError(`the ${field} field of a tar header is out of range`);
  return number;
};

/** A decimal pax number. @throws LayerError */
export const paxInteger = (text: string, keyword: string): number => {
  const number = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) {
    throw new LayerError(`pax record ${keyword} is no whole number in range`);
  }
  return number;
};

/** A pax time: decimal seconds, maybe negative, maybe with a fraction; digits past nanoseconds are dropped. @throws LayerError */
export const paxTime = (text: string, keyword: string): FileTime => {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (match === null) throw new LayerError(`pax record ${keyword} is no time`);
  const [, sign, whole = '', fraction = ''] = match;
  const seconds = Number(whole);
  const nanoseconds = Number(fraction.padEnd(9, '0').slice(0, 9));
  if (sign !== '-') return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
};
