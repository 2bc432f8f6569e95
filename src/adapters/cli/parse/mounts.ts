import { isAbsolute, resolve } from 'node:path';
import type { CliIo } from '../cli-io.ts';
import { UsageError } from '../exit-codes.ts';
import { parseBytes } from './quantity.ts';

/** A MountOption of the API. */
export interface MountFlag {
  readonly type: 'bind' | 'tmpfs';
  readonly source: string;
  readonly target: string;
  readonly options: string[];
}

const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];
/** Words of -v that mean nothing without SELinux, named volumes or a virtual machine; docker takes them anywhere. */
const withoutEffect = ['z', 'Z', 'nocopy', 'consistent', 'cached', 'delegated'];

const absoluteTarget = (flag: string, target: string): string => {
  if (!isAbsolute(target))
    throw new UsageError(`${flag}: the path in the container, '${target}', must be absolute`);
  return target;
};

const bindOptions = (readOnly: boolean, propagation: string, recursive = true): string[] => [
  recursive ? 'rbind' : 'bind',
  readOnly ? 'ro' : 'rw',
  propagation,
];

/** `SOURCE:TARGET[:OPTION,…]` of -v; a source that starts with a dot is under the working directory. */
export const parseVolume = (text: string, io: CliIo): MountFlag => {
  const flag = `--volume ${text}`;
  const [source = '', target, words, ...rest] = text.split(':');
  if (target === undefined || target === '') {
    throw new UsageError(`${flag}: volumes without a host path are not kept by shiplog; give HOSTPATH:PATH`);
  }
  if (rest.length > 0) throw new UsageError(`${flag}: too many colons; give HOSTPATH:PATH[:OPTIONS]`);
  if (!isAbsolute(source) && !/^\.{1,2}(?:\/|$)/.test(source)) {
    throw new UsageError(`${flag}: named volumes are not kept by shiplog; give an absolute host path`);
  }
  let readOnly = false;
  let recursive = true;
  let propagation = 'rprivate';
  for (const word of words?.split(',') ?? []) {
    if (word === 'ro' || word === 'rw') readOnly = word === 'ro';
    else if (word === 'bind' || word === 'rbind') recursive = word === 'rbind';
    else if (propagations.includes(word)) propagation = word;
    else if (word !== '' && !withoutEffect.includes(word)) {
      throw new UsageError(
        `${flag}: unknown option '${word}'; there are ro, rw, bind, ${propagations.join(', ')}`,
      );
    }
  }
  return {
    type: 'bind',
    source: resolve(io.cwd, source),
    target: absoluteTarget(flag, target),
    options: bindOptions(readOnly, propagation, recursive),
  };
};

/** Fields of --mount: a line of CSV, where a quoted field may hold commas. */
const fieldsOf = (text: string): [string, string | undefined][] =>
  [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => {
    const field = quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"');
    const equals = field.indexOf('=');
    return equals < 0 ? [field, undefined] : [field.slice(0, equals), field.slice(equals + 1)];
  });

const synonyms: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
};
const mountFields = ['type', 'source', 'target', 'readonly', 'bind-propagation', 'tmpfs-size', 'tmpfs-mode'];

const isTrue = (flag: string, value: string | undefined): boolean => {
  if (value === undefined || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new UsageError(`${flag}: readonly is true or false, not '${value}'`);
};

const tmpfsOf = (
  flag: string,
  fields: ReadonlyMap<string, string | undefined>,
  target: string,
): MountFlag => {
  const size = fields.get('tmpfs-size');
  const mode = fields.get('tmpfs-mode');
  if (fields.has('source')) throw new UsageError(`${flag}: a tmpfs has no source`);
  if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode)) {
    throw new UsageError(`${flag}: tmpfs-mode is octal, such as 1777`);
  }
  const options = ['noexec', 'nosuid', 'nodev'];
  if (size !== undefined) options.push(`size=${parseBytes(size)}`);
  if (mode !== undefined) options.push(`mode=${mode}`);
  if (fields.has('readonly') && isTrue(flag, fields.get('readonly'))) options.push('ro');
  return { type: 'tmpfs', source: '', target, options };
};

/** docker's `--mount type=bind|tmpfs,source=…,target=…[,readonly]`. */
export const parseMount = (text: string, io: CliIo): MountFlag => {
  const flag = `--mount ${text}`;
  const fields = new Map(fieldsOf(text).map(([name, value]) => [synonyms[name] ?? name, value]));
  for (const name of fields.keys()) {
    if (!mountFields.includes(name)) {
      throw new UsageError(`${flag}: unknown field '${name}'; there are ${mountFields.join(', ')}`);
    }
  }
  const type = fields.get('type') ?? 'volume';
  const target = absoluteTarget(flag, fields.get('target') ?? '');
  if (type === 'tmpfs') return tmpfsOf(flag, fields, target);
  if (type !== 'bind')
    throw new UsageError(`${flag}: type '${type}' is not supported; give type=bind or type=tmpfs`);
  const source = fields.get('source');
  if (!source) throw new UsageError(`${flag}: a bind needs source=HOSTPATH`);
  const propagation = fields.get('bind-propagation') ?? 'rprivate';
  if (!propagations.includes(propagation)) {
    throw new UsageError(`${flag}: bind-propagation is one of ${propagations.join(', ')}`);
  }
  const readOnly = fields.has('readonly') && isTrue(flag, fields.get('readonly'));
  return {
    type: 'bind',
    source: resolve(io.cwd, source),
    target,
    options: bindOptions(readOnly, propagation),
  };
};

/** `TARGET[:OPTION,…]` of --tmpfs, with docker's defaults before the options. */
export const parseTmpfs = (text: string): MountFlag => {
  const colon = text.indexOf(':');
  const target = absoluteTarget(`--tmpfs ${text}`, colon < 0 ? text : text.slice(0, colon));
  const options =
    colon < 0
      ? []
      : text
          .slice(colon + 1)
          .split(',')
          .filter((word) => word !== '');
  return { type: 'tmpfs', source: '', target, options: ['noexec', 'nosuid', 'nodev', ...options] };
};
