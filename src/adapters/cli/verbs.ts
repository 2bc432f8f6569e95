import type { Verb } from './verb.ts';

export const verbGroups = ['Images', 'Containers', 'The log', 'The host'] as const;

export interface VerbEntry {
  readonly group: (typeof verbGroups)[number];
  readonly summary: string;
  readonly alias?: string;
  /** Each verb is a module of its own that is loaded only when it is asked for: starting up costs most of the time. */
  readonly load: () => Promise<{ readonly verb: Verb }>;
}

export const verbs: Readonly<Record<string, VerbEntry>> = {
  pull: {
    group: 'Images',
    summary: 'Fetch an image from a registry and unpack it',
    load: () => import('./verbs/pull.ts'),
  },
  push: { group: 'Images', summary: 'Send an image to a registry', load: () => import('./verbs/push.ts') },
  images: { group: 'Images', summary: 'List images', load: () => import('./verbs/images.ts') },
  rmi: {
    group: 'Images',
    summary: 'Remove images; what nothing else holds is freed',
    load: () => import('./verbs/rmi.ts'),
  },
  tag: { group: 'Images', summary: 'Give an image another name', load: () => import('./verbs/tag.ts') },
  import: {
    group: 'Images',
    summary: 'Load images from an OCI or docker archive',
    alias: 'load',
    load: () => import('./verbs/import.ts'),
  },
  export: {
    group: 'Images',
    summary: 'Save images as an OCI or docker archive',
    alias: 'save',
    load: () => import('./verbs/export.ts'),
  },
  run: {
    group: 'Containers',
    summary: 'Create a container and start it',
    load: () => import('./verbs/run.ts'),
  },
  create: {
    group: 'Containers',
    summary: 'Create a container without starting it',
    load: () => import('./verbs/create.ts'),
  },
  start: { group: 'Containers', summary: 'Start containers', load: () => import('./verbs/start.ts') },
  ps: { group: 'Containers', summary: 'List containers', load: () => import('./verbs/ps.ts') },
  logs: {
    group: 'Containers',
    summary: 'Show what a container has written',
    load: () => import('./verbs/logs.ts'),
  },
  exec: {
    group: 'Containers',
    summary: 'Run another process in a running container',
    load: () => import('./verbs/exec.ts'),
  },
  attach: {
    group: 'Containers',
    summary: 'Join the streams of a running container',
    load: () => import('./verbs/attach.ts'),
  },
  stop: {
    group: 'Containers',
    summary: 'Stop containers: signal, wait, then kill',
    load: () => import('./verbs/stop.ts'),
  },
  kill: { group: 'Containers', summary: 'Send containers a signal', load: () => import('./verbs/kill.ts') },
  pause: {
    group: 'Containers',
    summary: 'Freeze all processes of containers',
    load: () => import('./verbs/pause.ts'),
  },
  unpause: {
    group: 'Containers',
    summary: 'Thaw paused containers',
    load: () => import('./verbs/unpause.ts'),
  },
  wait: {
    group: 'Containers',
    summary: 'Wait until containers exit and print their exit codes',
    load: () => import('./verbs/wait.ts'),
  },
  rm: { group: 'Containers', summary: 'Remove containers', load: () => import('./verbs/rm.ts') },
  inspect: {
    group: 'Containers',
    summary: 'Show all there is to know of containers or images',
    load: () => import('./verbs/inspect.ts'),
  },
  top: {
    group: 'Containers',
    summary: 'List the processes of a container',
    load: () => import('./verbs/top.ts'),
  },
  events: {
    group: 'The log',
    summary: 'Print events of the log, in order',
    load: () => import('./verbs/events.ts'),
  },
  history: {
    group: 'The log',
    summary: 'Tell who did what to a thing, when and why',
    load: () => import('./verbs/history.ts'),
  },
  why: {
    group: 'The log',
    summary: 'Tell what keeps a thing, or what freed it',
    load: () => import('./verbs/why.ts'),
  },
  diff: {
    group: 'The log',
    summary: 'Show what changed between two moments, by thing and by field',
    load: () => import('./verbs/diff.ts'),
  },
  blame: {
    group: 'The log',
    summary: 'Show who set each field of a thing',
    load: () => import('./verbs/blame.ts'),
  },
  causes: {
    group: 'The log',
    summary: 'Show what led to an event, and what it led to',
    load: () => import('./verbs/causes.ts'),
  },
  bisect: {
    group: 'The log',
    summary: 'Find the event that made an expression true',
    load: () => import('./verbs/bisect.ts'),
  },
  replay: {
    group: 'The log',
    summary: 'Go through the past, event by event, with the state beside each',
    load: () => import('./verbs/replay.ts'),
  },
  log: {
    group: 'The log',
    summary: 'Sign, prove, check and keep the log itself',
    load: () => import('./verbs/log.ts'),
  },
  verify: {
    group: 'The log',
    summary: "The same as 'log verify'",
    load: () => import('./verbs/log/verify.ts'),
  },
  snapshots: {
    group: 'The host',
    summary: 'List snapshots: unpacked layers and the roots of containers',
    load: () => import('./verbs/snapshots.ts'),
  },
  content: {
    group: 'The host',
    summary: 'List blobs: manifests, configurations and layers as they were fetched',
    load: () => import('./verbs/content.ts'),
  },
  leases: {
    group: 'The host',
    summary: 'List leases: what is kept from collection while it is worked on',
    load: () => import('./verbs/leases.ts'),
  },
  namespaces: {
    group: 'The host',
    summary: 'List namespaces and how much is in each',
    load: () => import('./verbs/namespaces.ts'),
  },
  fleet: {
    group: 'The log',
    summary: 'Ask the logs of all hosts, where they are together on KurrentDB',
    load: () => import('./verbs/fleet.ts'),
  },
  gc: {
    group: 'The host',
    summary: 'Free what nothing references, now',
    load: () => import('./verbs/gc.ts'),
  },
  info: {
    group: 'The host',
    summary: 'Show the daemon, its state and its counts',
    load: () => import('./verbs/info.ts'),
  },
  version: {
    group: 'The host',
    summary: 'Show the versions of client and daemon',
    load: () => import('./verbs/version.ts'),
  },
  completion: {
    group: 'The host',
    summary: 'Print the completion script of a shell',
    load: () => import('./verbs/completion.ts'),
  },
};

/** The verb that a word means, aliases included. */
export const verbNamed = (word: string): string | undefined =>
  Object.hasOwn(verbs, word) ? word : Object.keys(verbs).find((name) => verbs[name]?.alias === word);
