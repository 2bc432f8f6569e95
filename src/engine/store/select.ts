import type { z } from 'zod';
import {
  containerdFilter,
  type FieldOf,
  labelField,
  valuesNamed,
} from '../../projections/containerd-filters.ts';
import type { BlobInfo, WriteStatus } from '../ports/store/content.ts';
import type { ImageRecord } from '../ports/store/images.ts';
import type { LeaseInfo } from '../ports/store/leases.ts';

/**
 * The items that any of the filters means, in a list of its own; all where there is no filter.
 * @throws Rejection `invalid-argument` for a filter that can't be read
 */
export const filtered = <T>(
  items: Iterable<T>,
  filters: readonly string[],
  fieldsOf: (item: T) => FieldOf,
): T[] => {
  const matches = containerdFilter(filters);
  return [...items].filter((item) => matches(fieldsOf(item)));
};

/**
 * What any of the filters can mean: looked up where each of them names a key, and in the order of keys, else all there is.
 * @param field that names things, each alone
 * @throws Rejection `invalid-argument` for a filter that can't be read
 */
export const meant = <T>(
  filters: readonly string[],
  field: string,
  find: (key: string) => T | undefined,
  all: () => Iterable<T>,
): Iterable<T> => {
  const keys = valuesNamed(filters, field);
  return keys === undefined ? all() : [...keys].sort().flatMap((key) => find(key) ?? []);
};

/** What a text names, where it can be a name of that kind at all. */
export const named = <K extends z.ZodType, T>(
  kind: K,
  find: (name: z.infer<K>) => T | undefined,
): ((text: string) => T | undefined) => {
  return (text) => {
    const name = kind.safeParse(text);
    return name.success ? find(name.data) : undefined;
  };
};

// What filters can ask of each kind of thing; the names are containerd's.

export const blobFields =
  ({ digest, labels }: BlobInfo): FieldOf =>
  (path) => {
    if (path[0] === 'digest') return digest;
    return path[0] === 'labels' ? labelField(labels, path) : undefined;
  };

export const ingestFields =
  ({ ref }: WriteStatus): FieldOf =>
  ([field]) =>
    field === 'ref' ? ref : undefined;

export const imageFields =
  ({ name, target, labels }: ImageRecord): FieldOf =>
  (path) => {
    const [field, part] = path;
    switch (field) {
      case 'name':
        return name;
      case 'target':
        if (part === 'digest') return target.digest;
        return part === 'mediatype' ? target.mediaType : undefined;
      case 'labels':
        return labelField(labels, path);
      case 'annotations':
        return labelField(target.annotations ?? {}, path);
      default:
        return undefined;
    }
  };

export const leaseFields =
  ({ id, labels }: LeaseInfo): FieldOf =>
  (path) => {
    if (path[0] === 'id') return id;
    return path[0] === 'labels' ? labelField(labels, path) : undefined;
  };
