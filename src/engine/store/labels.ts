import type { Labels } from '../../domain/identity.ts';

/** The changes that make `wanted` all the labels there are: what is not wanted any more is taken away. */
export const replacing = (present: Labels, wanted: Labels): Labels => ({
  ...Object.fromEntries(Object.keys(present).map((name) => [name, ''])),
  ...wanted,
});
