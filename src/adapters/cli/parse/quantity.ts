import { InvalidArgumentError } from 'commander';

const powers: Readonly<Record<string, number>> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** Bytes from docker's sizes, with powers of 1024: `64m`, `1.5g`, `512`, `2GiB`. @throws InvalidArgumentError */
export const parseBytes = (text: string): bigint => {
  const match = /^(\d+(?:\.\d+)?) ?([bkmgtp]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = match
    ? Math.floor(Number(match[1]) * 1024 ** (powers[match[2]?.toLowerCase() ?? ''] ?? 0))
    : NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw new InvalidArgumentError('Give bytes with an optional unit, such as 512, 64m or 1.5g.');
  }
  return BigInt(bytes);
};

/** Bytes, or -1 for no limit. */
export const parseBytesOrUnlimited = (text: string): bigint => (text === '-1' ? -1n : parseBytes(text));

/** A whole number in bounds. */
export const integerBetween =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    }
    return value;
  };

const maxInteger = Number.MAX_SAFE_INTEGER;
export const parseCount = integerBetween(0, 4_294_967_295);
export const parseBigCount = (text: string): bigint => BigInt(integerBetween(-1, maxInteger)(text));

/** A number of CPUs, such as 1.5. */
export const parseCpus = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('Give a number of CPUs above 0, such as 0.5 or 2.');
  }
  return value;
};

/** For flags that may stand several times: keeps all values in order. */
export const collect = (value: string, sofar: readonly string[] | undefined): string[] => [
  ...(sofar ?? []),
  value,
];

/** One of a few words. */
export const oneOf =
  (...words: readonly string[]) =>
  (text: string): string => {
    if (!words.includes(text)) throw new InvalidArgumentError(`Give one of ${words.join(', ')}.`);
    return text;
  };
