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
    prune: {
      summary: 'Give up the beginning of the log',
      load: () => import('./log/prune.ts'),
    },
    redact: {
      summary: 'Take texts out of an event; every proof still holds',
      load: () => import('./log/redact.ts'),
    },
    verify: {
      summary: 'Check the whole log and that the views equal its replay',
      load: () => import('./log/verify.ts'),
    },
  },
  declare: () => undefined,
};
