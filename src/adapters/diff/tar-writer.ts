import type { FileTime } from '../syscalls/times.ts';

/**
 * Writes headers of tar archives: ustar (POSIX.1-1988), with pax records (POSIX.1-2001) before it for what that can't hold.
 * Ours rather than a library's, since pax values here are bytes (`security.capability`) and times have nanoseconds; names
 * are latin1, one character a byte.
 */

export type TarType = 'file' | 'hardlink' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

export interface TarHeader {
  /** Without a leading slash. */
  readonly name: string;
  readonly type: TarType;
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow. */
  readonly size: number;
  readonly mtime: FileTime;
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: readonly { readonly name: string; readonly value: Buffer }[];
}

const BLOCK = 512;

const flags = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const satisfies Record<TarType, string>;

/** Greatest number that fits in a field of so many bytes, the last of which is NUL. */
const octalMax = (length: number): number => 8 ** (length - 1) - 1;
const fits = (value: number, length: number): boolean => value >= 0 && value <= octalMax(length);
const isPlain = (text: string, length: number): boolean =>
  text.length <= length && /^[\x20-\x7e]*$/.test(text);

const record = (keyword: string, value: string | Buffer): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const tail = Buffer.concat([Buffer.from(` ${keyword}=`, 'latin1'), bytes, Buffer.from('\n')]);
  // the length counts its own digits
  let length = tail.length + 1;
  while (String(length).length + tail.length !== length) length = String(length).length + tail.length;
  return Buffer.concat([Buffer.from(String(length)), tail]);
};

/** Decimal seconds; a negative time counts back from the epoch, as pax has it. */
const paxTime = ({ seconds, nanoseconds }: FileTime): string => {
  const total = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  const magnitude = total < 0n ? -total : total;
  const fraction = String(magnitude % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const sign = total < 0n ? '-' : '';
  return `${sign}${magnitude / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
};

/** What the header block can't say, in the order of the keywords. */
const records = (header: TarHeader): readonly Buffer[] => {
  const { name, linkName, uid, gid, size, mtime, xattrs } = header;
  const needed: [string, string | Buffer][] = [];
  if (!isPlain(name, 100)) needed.push(['path', name]);
  if (!isPlain(linkName, 100)) needed.push(['linkpath', linkName]);
  if (!fits(uid, 8)) needed.push(['uid', String(uid)]);
  if (!fits(gid, 8)) needed.push(['gid', String(gid)]);
  if (!fits(size, 12)) needed.push(['size', String(size)]);
  if (mtime.nanoseconds !== 0 || !fits(mtime.seconds, 12)) needed.push(['mtime', paxTime(mtime)]);
  for (const xattr of xattrs) needed.push([`SCHILY.xattr.${xattr.name}`, xattr.value]);
  return needed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([keyword, value]) => record(keyword, value));
};

const writeOctal = (block: Buffer, value: number, offset: number, length: number): void => {
  const held = fits(value, length) ? value : 0;
  block.write(`${held.toString(8).padStart(length - 1, '0')}\0`, offset, length, 'latin1');
};

const block = (header: Omit<TarHeader, 'type' | 'xattrs'>, flag: string): Buffer => {
  const bytes = Buffer.alloc(BLOCK);
  bytes.write(header.name, 0, 100, 'latin1');
  writeOctal(bytes, header.mode, 100, 8);
  writeOctal(bytes, header.uid, 108, 8);
  writeOctal(bytes, header.gid, 116, 8);
  writeOctal(bytes, header.size, 124, 12);
  writeOctal(bytes, header.mtime.seconds, 136, 12);
  bytes.write('        ', 148, 8, 'latin1');
  bytes.write(flag, 156, 1, 'latin1');
  bytes.write(header.linkName, 157, 100, 'latin1');
  bytes.write('ustar\x0000', 257, 8, 'latin1');
  writeOctal(bytes, header.deviceMajor, 329, 8);
  writeOctal(bytes, header.deviceMinor, 337, 8);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return bytes;
};

const nothing = {
  linkName: '',
  deviceMajor: 0,
  deviceMinor: 0,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
};

/** NULs up to the next whole block after content of so many bytes. */
export const paddingAfter = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** The end of an archive. */
export const archiveEnd: Buffer = Buffer.alloc(2 * BLOCK);

/** All that comes before the content of an entry. */
export const headerOf = (header: TarHeader): Buffer => {
  const extended = records(header);
  const own = block(header, flags[header.type]);
  if (extended.length === 0) return own;
  const content = Buffer.concat(extended);
  const pax = { ...nothing, name: 'PaxHeaders.0/entry', mode: 0o644, size: content.length };
  return Buffer.concat([block(pax, 'x'), content, paddingAfter(content.length), own]);
};
