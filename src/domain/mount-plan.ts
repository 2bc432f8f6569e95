import type { ClientMount } from './client-order.ts';
import { Rejection } from './rejection.ts';

/** What is done with a mount before it is made, or before it is handed to the client. */
export type Preparation = 'format' | 'mkdir';
const preparations: readonly string[] = ['format', 'mkdir'] satisfies readonly Preparation[];

export interface PlannedMount {
  /** Without its prefixes. */
  readonly mount: ClientMount;
  /** In order. */
  readonly preparations: readonly Preparation[];
}

export interface MountPlan {
  readonly mounts: readonly PlannedMount[];
  /** How many of them, from the first, are made here. */
  readonly own: number;
}

/**
 * Splits mounts into those made here and those left for the client: what comes before the last one with a prefix is made
 * here, since the prefix asks where that is; with `temporary` all of them are.
 * @throws Rejection `unimplemented` where there is nothing to do here, and for a prefix that is not known
 */
export const planMounts = (mounts: readonly ClientMount[], temporary: boolean): MountPlan => {
  const planned = mounts.map(plannedOf);
  const last = planned.findLastIndex((mount) => mount.preparations.length > 0);
  const own = temporary ? planned.length : last;
  if (own >= 0 && planned.length > 0) return { mounts: planned, own };
  throw new Rejection(
    'unimplemented',
    'none of these mounts is for a mount manager; mount them yourself, or ask for temporary ones: not implemented',
  );
};

const plannedOf = (given: ClientMount): PlannedMount => {
  const parts = given.type.split('/');
  const prefixes = parts.slice(0, -1);
  const strange = prefixes.find((prefix) => !preparations.includes(prefix));
  if (strange !== undefined) {
    throw new Rejection(
      'unimplemented',
      `mount type "${given.type}": '${strange}/' is not known here, only ${preparations.map((one) => `'${one}/'`).join(' and ')} are: not implemented`,
    );
  }
  return {
    mount: { ...given, type: parts.at(-1) ?? '' },
    preparations: prefixes as readonly Preparation[],
  };
};
