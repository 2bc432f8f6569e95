import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [['shiplog log verify', 'exits with 0 only if all is well']],
  verbs: {
    export: {
      summary: 'Give events to other systems: CloudEvents, OCSF',
      load: () => import('./log/export.ts'),
    },
    verify: {
      summary: 'Check the whole log and that the views equal its replay',
      load: () => import('./log/verify.ts'),
    },
  },
  declare: () => undefined,
};
