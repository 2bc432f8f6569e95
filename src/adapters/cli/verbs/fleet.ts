import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog fleet history sha256:4bcff63911fc', 'which hosts ever ran it'],
    ["shiplog fleet ps --url 'esdb://db.example:2113'", 'what runs anywhere'],
  ],
  verbs: {
    ps: { summary: 'List containers of all hosts', load: () => import('./fleet/ps.ts') },
    history: {
      summary: 'Tell which hosts ever had containers of an image or digest',
      load: () => import('./fleet/history.ts'),
    },
    events: {
      summary: 'Print events of all hosts, in the order in which the server got them',
      load: () => import('./fleet/events.ts'),
    },
  },
  declare: () => undefined,
};
