import type { EntryType, TarEntry, Xattr } from './entry.ts';
import { LayerError, shownName } from './layer-error.ts';
import type { PaxRecords } from './pax.ts';
import { headerNumber, paxInteger, paxTime } from './tar-numbers.ts';

export const BLOCK = 512;

const XATTR_PREFIX = 'SCHILY.xattr.';
const MAX_ID = 0xffff_fffe;

/** A header block as it stands, before pax records and long names are laid over it. */
export interface RawHeader extends Omit<TarEntry, 'type' | 'xattrs'> {
  /** Type flag, one character. */
  readonly flag: string;
}

const textOf = (block: Buffer, offset: number, length: number): string => {
  const end = block.indexOf(0, offset);
  return block.toString('latin1', offset, end < 0 || end > offset + length ? offset + length : end);
};

/** Sum of all bytes with the checksum field as spaces; old writers summed signed bytes. */
const checksumsOf = (block: Buffer): { unsigned: number; signed: number } => {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let index = 0; index < BLOCK; index += 1) {
    if (index === 148) index = 156;
    const byte = block[index] ?? 0;
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  return { unsigned, signed };
};

const prefixOf = (block: Buffer, magic: string): string => {
  // GNU's magic ends in a space, and keeps other things where ustar has the prefix
  if (magic !== 'ustar\0') return '';
  const isStar = block.toString('latin1', 508, 512) === 'tar\0';
  return textOf(block, 345, isStar ? 131 : 155);
};

/** @throws LayerError where the checksum or a number is wrong */
export const parseHeader = (block: Buffer): RawHeader => {
  const sum = headerNumber(block, 148, 8, 'checksum');
  const { unsigned, signed } = checksumsOf(block);
  if (sum !== unsigned && sum !== signed) throw new LayerError('a tar header has a wrong checksum');
  const magic = block.toString('latin1', 257, 263);
  const prefix = prefixOf(block, magic);
  const name = textOf(block, 0, 100);
  const isUstar = magic.startsWith('ustar');
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    flag: String.fromCharCode(block[156] ?? 0),
    mode: headerNumber(block, 100, 8, 'mode') & 0o7777,
    uid: headerNumber(block, 108, 8, 'uid'),
    gid: headerNumber(block, 116, 8, 'gid'),
    size: headerNumber(block, 124, 12, 'size'),
    mtime: { seconds: headerNumber(block, 136, 12, 'mtime'), nanoseconds: 0 },
    linkName: textOf(block, 157, 100),
    deviceMajor: isUstar ? headerNumber(block, 329, 8, 'devmajor') : 0,
    deviceMinor: isUstar ? headerNumber(block, 337, 8, 'devminor') : 0,
  };
};

const typeNames: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
};

const typeOf = (raw: RawHeader, name: string): EntryType => {
  const type = typeNames[raw.flag];
  if (type === undefined) {
    const what = raw.flag === 'S' ? 'a sparse file' : `of unknown type '${shownName(raw.flag)}'`;
    throw new LayerError(`entry '${shownName(name)}' is ${what}, which layers may not hold`);
  }
  // before ustar a directory was a file whose name ends in a slash
  return raw.flag === '\0' && name.endsWith('/') ? 'directory' : type;
};

/** What comes before a header: pax records, and GNU's long names, which win over them. */
export interface Extensions {
  readonly pax: PaxRecords;
  readonly longName?: string;
  readonly longLink?: string;
}

export const noExtensions: Extensions = { pax: new Map() };

const xattrsOf = (pax: PaxRecords): readonly Xattr[] =>
  [...pax]
    .filter(([keyword]) => keyword.startsWith(XATTR_PREFIX))
    .map(([keyword, value]) => ({ name: keyword.slice(XATTR_PREFIX.length), value }));

const checked = (entry: TarEntry): TarEntry => {
  const refuse = (what: string) => new LayerError(`entry '${shownName(entry.name)}' has ${what}`);
  if (entry.size < 0) throw refuse('a negative size');
  if (entry.uid < 0 || entry.gid < 0 || entry.uid > MAX_ID || entry.gid > MAX_ID) {
    throw refuse('an owner that is out of range');
  }
  if (entry.name.includes('\0') || entry.linkName.includes('\0')) throw refuse('a NUL in its name');
  if (entry.deviceMajor < 0 || entry.deviceMinor < 0) throw refuse('a negative device number');
  return entry;
};

/** The entry that a header and its extensions mean together. @throws LayerError */
export const combine = (raw: RawHeader, { pax, longName, longLink }: Extensions): TarEntry => {
  for (const keyword of pax.keys()) {
    if (!keyword.startsWith('GNU.sparse.')) continue;
    throw new LayerError(`entry '${shownName(raw.name)}' is a sparse file, which layers may not hold`);
  }
  // an empty value means: as the header has it
  const text = (keyword: string) => pax.get(keyword)?.toString('latin1') || undefined;
  const number = (keyword: string, otherwise: number) => {
    const value = text(keyword);
    return value === undefined ? otherwise : paxInteger(value, keyword);
  };
  const name = longName ?? text('path') ?? raw.name;
  const mtime = text('mtime');
  const type = typeOf(raw, name);
  return checked({
    name,
    type,
    mode: raw.mode,
    uid: number('uid', raw.uid),
    gid: number('gid', raw.gid),
    size: type === 'file' ? number('size', raw.size) : 0,
    mtime: mtime === undefined ? raw.mtime : paxTime(mtime, 'mtime'),
    linkName: longLink ?? text('linkpath') ?? raw.linkName,
    deviceMajor: raw.deviceMajor,
    deviceMinor: raw.deviceMinor,
    xattrs: pax.size === 0 ? [] : xattrsOf(pax),
  });
};
