import { LayerError, shownName } from './layer-error.ts';

/**
 * The place of an entry below the root of the layer, without leading, doubled or trailing slashes and `.`; empty for the
 * root itself. An absolute name means the same without its slash. `..` may step back inside a name, as containerd allows.
 * @throws LayerError where it would step out of the layer
 */
export const cleanName = (name: string): string => {
  if (!/(?:^|\/)(?:\.{0,2})(?:\/|$)/.test(name)) return name;
  const kept: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.pop() === undefined) {
      throw new LayerError(`entry '${shownName(name)}' would leave the layer`);
    }
  }
  return kept.join('/');
};

/** Folder of a clean name; empty for the root. */
export const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')));

/** Last part of a clean name. */
export const baseOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

export const joinName = (parent: string, base: string): string =>
  parent === '' ? base : `${parent}/${base}`;

/** What a name asks for beyond being a file: OCI image-spec layer.md, "Whiteouts", and AUFS before it. */
export type NameKind =
  | { readonly kind: 'plain' }
  | { readonly kind: 'opaque' }
  | { readonly kind: 'whiteout'; readonly hidden: string }
  /** AUFS's own bookkeeping; means nothing here. */
  | { readonly kind: 'ignored' };

const PLAIN: NameKind = { kind: 'plain' };

/** @param name clean. @throws LayerError for a whiteout of nothing, or of `.` or `..` */
export const kindOfName = (name: string): NameKind => {
  if (!name.includes('.wh.')) return PLAIN;
  if (name.startsWith('.wh..wh.') || name.includes('/.wh..wh.')) {
    return baseOf(name) === '.wh..wh..opq' ? { kind: 'opaque' } : { kind: 'ignored' };
  }
  const base = baseOf(name);
  if (!base.startsWith('.wh.')) return PLAIN;
  const hidden = base.slice('.wh.'.length);
  if (hidden === '' || hidden === '.' || hidden === '..') {
    throw new LayerError(`whiteout '${shownName(name)}' hides nothing that could be`);
  }
  return { kind: 'whiteout', hidden };
};
