import { LayerError, shownName } from './layer-error.ts';
import { joinName, parentOf } from './names.ts';

/** Symlinks followed for one name, as the kernel's and Go's own bounds. */
const LINKS = 255;

/**
 * The real name below a root: symlinks are followed as if that root were the whole system, and `..` leads nowhere above it.
 * @param linkAt what the symlink of a name says; undefined where there is none. It is asked for each part on the way
 * @throws LayerError for more than 255 symlinks
 */
export const followLinks = (name: string, linkAt: (name: string) => string | undefined): string => {
  const waiting = name.split('/').reverse();
  let at = '';
  let links = 0;
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at = parentOf(at);
      continue;
    }
    const next = joinName(at, part);
    const target = linkAt(next);
    if (target === undefined) {
      at = next;
      continue;
    }
    links += 1;
    if (links > LINKS) throw new LayerError(`'${shownName(name)}' leads through more than ${LINKS} symlinks`);
    if (target.startsWith('/')) at = '';
    waiting.push(...target.split('/').reverse());
  }
  return at;
};
