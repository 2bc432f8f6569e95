/** Writes tar archives byte by byte, so that tests can say what no decent program would. Names are latin1. */

const BLOCK = 512;

export interface TarMember {
  readonly name: string;
  /** Type flag; `0` (file) when absent. */
  readonly flag?: string;
  readonly content?: Buffer | string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Whole seconds; use pax for more. */
  readonly mtime?: number;
  readonly link?: string;
  readonly device?: readonly [major: number, minor: number];
  /** Records of an extended header before the entry; values may be binary. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** Overrides the size field. */
  readonly size?: number;
  /** Magic and version; POSIX's when absent. */
  readonly magic?: string;
}

const octal = (value: number, length: number): Buffer => {
  const digits = Math.abs(value).toString(8);
  if (value >= 0 && digits.length < length) return Buffer.from(`${digits.padStart(length - 1, '0')}\0`);
  const field = Buffer.alloc(length);
  let rest = BigInt.asUintN(length * 8, BigInt(value));
  for (let index = length - 1; index >= 0; index -= 1) {
    field[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
};

const header = (member: TarMember, size: number): Buffer => {
  const block = Buffer.alloc(BLOCK);
  block.write(member.name, 0, 100, 'latin1');
  octal(member.mode ?? 0o644, 8).copy(block, 100);
  octal(member.uid ?? 0, 8).copy(block, 108);
  octal(member.gid ?? 0, 8).copy(block, 116);
  octal(size, 12).copy(block, 124);
  octal(member.mtime ?? 1_700_000_000, 12).copy(block, 136);
  block.write('        ', 148, 'latin1');
  block.write(member.flag ?? '0', 156, 1, 'latin1');
  block.write(member.link ?? '', 157, 100, 'latin1');
  block.write(member.magic ?? 'ustar\x0000', 257, 8, 'latin1');
  octal(member.device?.[0] ?? 0, 8).copy(block, 329);
  octal(member.device?.[1] ?? 0, 8).copy(block, 337);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
};

const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);

export const paxRecord = (keyword: string, value: string | Buffer): Buffer => {
  const tail = Buffer.concat([Buffer.from(` ${keyword}=`), Buffer.from(value as string), Buffer.from('\n')]);
  let length = tail.length + 1;
  while (`${length}`.length + tail.length !== length) length = `${length}`.length + tail.length;
  return Buffer.concat([Buffer.from(`${length}`), tail]);
};

/** One member: its extended header where it has one, header, content. */
export const tarMember = (member: TarMember): Buffer => {
  const content = Buffer.from((member.content ?? '') as string);
  const records = Object.entries(member.pax ?? {}).map(([keyword, value]) => paxRecord(keyword, value));
  const extended =
    records.length === 0 ? [] : [tarMember({ name: 'pax', flag: 'x', content: Buffer.concat(records) })];
  return Buffer.concat([...extended, header(member, member.size ?? content.length), padded(content)]);
};

export const tarEnd: Buffer = Buffer.alloc(2 * BLOCK);

/** A whole archive. */
export const tarOf = (members: readonly TarMember[]): Buffer =>
  Buffer.concat([...members.map(tarMember), tarEnd]);

export const directory = (name: string, more: Partial<TarMember> = {}): TarMember => ({
  name,
  flag: '5',
  mode: 0o755,
  ...more,
});
export const file = (name: string, content: string | Buffer, more: Partial<TarMember> = {}): TarMember => ({
  name,
  content,
  ...more,
});
export const symlink = (name: string, link: string, more: Partial<TarMember> = {}): TarMember => ({
  name,
  flag: '2',
  link,
  mode: 0o777,
  ...more,
});
export const hardlink = (name: string, link: string, more: Partial<TarMember> = {}): TarMember => ({
  name,
  flag: '1',
  link,
  ...more,
});
