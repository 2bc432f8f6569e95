import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [['shiplog log verify', 'exits with 0 only if all is well']],
  verbs: {
    archive: {
      summary: 'Copy closed files of the log to a folder, compressed',
      load: () => import('./log/archive.ts'),
    },
    export: {
      summary: 'Give events to other systems: CloudEvents, OCSF',
      load: () => import('./log/export.ts'),
    },
    head: {
      summary: 'Show signed heads of the log, or sign one',
      load: () => import('./log/head.ts'),
    },
    key: {
      summary: 'Show, rotate or replace the key that signs',
      load: () => import('./log/key.ts'),
    },
    prove: {
      summary: 'Prove that an event is in the log, or that the log only grew',
      load: () => import('./log/prove.ts'),
    },
    prune: {
      summary: 'Give up the beginning of the log',
      load: () => import('./log/prune.ts'),
    },
    redact: {
      summary: 'Take texts out of an event; every proof still holds',
      load: () => import('./log/redact.ts'),
    },
    restore: {
      summary: 'Put back what was pruned, from archives',
      load: () => import('./log/restore.ts'),
    },
    slice: {
      summary: 'Take a stretch of the log along, with its proofs',
      load: () => import('./log/slice.ts'),
    },
    tiles: {
      summary: 'Write the log as a folder for transparency-log tools',
      load: () => import('./log/tiles.ts'),
    },
    verify: {
      summary: 'Check the whole log, its views, and the heads that were signed',
      load: () => import('./log/verify.ts'),
    },
  },
  declare: () => undefined,
};
