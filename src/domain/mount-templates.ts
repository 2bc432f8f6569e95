import type { ClientMount } from './client-order.ts';
import { Rejection } from './rejection.ts';

/**
 * The templates of containerd's mount manager (containerd, docs/mounts.md), in a mount's source, target and options:
 *
 *     {{ source N }}   {{ target N }}   of mount N before it, from 0
 *     {{ mount N }}                     where that is mounted
 *     {{ overlay M N }}                 where M to N are mounted, joined as overlayfs has its lower directories
 */

/** A mount that is made already. */
export interface Made {
  readonly mount: ClientMount;
  readonly point: string;
}

const template = /\{\{-?\s*([^{}]*?)\s*-?\}\}/g;
const call = /^(source|target|mount|overlay)((?:\s+\d{1,4})+)$/;

const wrong = (what: string): Rejection => new Rejection('invalid-argument', `${what}: invalid argument`);

const at = (made: readonly Made[], index: number): Made => {
  const found = made[index];
  if (found) return found;
  throw wrong(`index out of bounds: ${index}, has ${made.length} active mounts`);
};

const value = (expression: string, made: readonly Made[]): string => {
  const [, name, list = ''] = call.exec(expression) ?? [];
  const [first = 0, last, ...more] = list.trim().split(/\s+/).map(Number);
  const words = name === 'overlay' ? 2 : 1;
  if (name === undefined || more.length > 0 || (last === undefined) !== (words === 1)) {
    throw wrong(
      `template "{{ ${expression} }}" is none of {{ source N }}, {{ target N }}, {{ mount N }} and {{ overlay M N }}`,
    );
  }
  if (last === undefined) {
    const { mount, point } = at(made, first);
    if (name === 'mount') return point;
    return name === 'source' ? mount.source : mount.target;
  }
  const step = first <= last ? 1 : -1;
  const points = Array.from(
    { length: Math.abs(last - first) + 1 },
    (_, n) => at(made, first + n * step).point,
  );
  return points.join(':');
};

const filled = (text: string, made: readonly Made[]): string => {
  const result = text.replace(template, (_, expression: string) => value(expression, made));
  if (result.includes('{{')) throw wrong(`template "${text}" does not end`);
  return result;
};

/** A mount with its templates filled in. @throws Rejection `invalid-argument` for one that makes no sense */
export const fillTemplates = (mount: ClientMount, made: readonly Made[]): ClientMount => ({
  ...mount,
  source: filled(mount.source, made),
  target: filled(mount.target, made),
  options: mount.options.map((option) => filled(option, made)),
});

const mkdirOption = 'X-containerd.mkdir.';

/** A directory that a mount wants made. */
export interface WantedDirectory {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** The daemon's own where absent. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * Takes the options that make directories out of a mount.
 * @throws Rejection `invalid-argument` for one that makes no sense
 */
export const takeDirectories = (
  mount: ClientMount,
): { readonly mount: ClientMount; readonly directories: readonly WantedDirectory[] } => {
  const asked = mount.options.filter((option) => option.startsWith(mkdirOption));
  const options = mount.options.filter((option) => !option.startsWith(mkdirOption));
  return { mount: { ...mount, options }, directories: asked.map(directoryOf) };
};

const mkdirForm = /^X-containerd\.mkdir\.path=(\/[^:]*)(?::([0-7]{1,4})(?::(\d{1,10}):(\d{1,10}))?)?$/;

const directoryOf = (option: string): WantedDirectory => {
  const [whole, path = '', mode = '700', uid, gid] = mkdirForm.exec(option) ?? [];
  if (whole === undefined || path.split('/').includes('..') || Number.parseInt(mode, 8) > 0o777) {
    throw wrong(`invalid mkdir option "${option}"; give ${mkdirOption}path=/DIR[:MODE[:UID:GID]]`);
  }
  const owner =
    uid === undefined || gid === undefined ? {} : { owner: { uid: Number(uid), gid: Number(gid) } };
  return { path, mode: Number.parseInt(mode, 8), ...owner };
};
