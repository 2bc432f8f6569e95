import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isClients, isOnHost } from '../../src/domain/tasks.ts';
import type { World } from '../../src/domain/world.ts';

/** Where a daemon keeps its things. */
export interface Places {
  readonly root: string;
  readonly state: string;
  readonly address: string;
}

const below = (path: string): readonly string[] => (existsSync(path) ? readdirSync(path) : []);
/** `namespace/name` of everything two levels down. */
const pairs = (path: string): readonly string[] =>
  below(path).flatMap((space) => below(join(path, space)).map((name) => `${space}/${name}`));

/** Mount points of this mount namespace at or below a directory. */
export const mountsBelow = (directory: string): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point === directory || point.startsWith(`${directory}/`));

/** Living processes with this text in their command line. */
export const processesNaming = (text: string): readonly { pid: number; command: string }[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const command = commandOf(Number(name));
      return command.includes(text) ? [{ pid: Number(name), command }] : [];
    });

/** Empty for one that has just ended, and for a zombie. */
const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return '';
    throw error;
  }
};

/** Sockets of shims, named as containerd's library names them. */
const shimSockets = ({ address }: Places, ids: readonly string[]): readonly string[] =>
  ids
    .map((id) => createHash('sha256').update(join(address, id)).digest('hex'))
    .filter((name) => existsSync(join('/run/containerd/s', name)));

/** The last two parts of a path. */
const pairOf = (path: string): string => path.split('/').slice(-2).join('/');

/** Shims and conmons of tasks. */
const keepers = ({ state, address }: Places): readonly string[] => {
  const after = (words: readonly string[], flag: string): string => words[words.indexOf(flag) + 1] ?? '';
  const shims = processesNaming('containerd-shim').filter(({ command }) => command.includes(address));
  const conmons = processesNaming(`${join(state, 'conmon')}/`).filter(
    ({ command }) => /^\S*conmon /.test(command) && !command.includes(' --exec '),
  );
  return [
    ...shims
      .map(({ command }) => command.split(' '))
      .map((words) => `${after(words, '-namespace')}/${after(words, '-id')}`),
    ...conmons.map(({ command }) => pairOf(after(command.split(' '), '--bundle'))),
  ];
};

/** Streams that conmon holds, as keys of the holder's. */
const conmonStreams = (state: string): readonly string[] =>
  pairs(join(state, 'conmon')).flatMap((task) => [
    ...(existsSync(join(state, 'conmon', task, 'streams.json')) ? [task] : []),
    ...below(join(state, 'conmon', task, 'execs')).map((execId) => `${task}/${execId}`),
  ]);

/** What is on the host, as lists of names that the log should know. */
const found = (places: Places) => {
  const { root, state } = places;
  return {
    bundle: [...pairs(join(state, 'io.containerd.runtime.v2.task')), ...pairs(join(state, 'conmon'))],
    'runc container': pairs(join(state, 'runc')),
    root: pairs(join(state, 'roots')),
    mount: mountsBelow(state).map(pairOf),
    keeper: keepers(places),
    streams: [
      ...below(join(state, 'stdio/streams')).map((key) => key.split(',').join('/')),
      ...conmonStreams(state),
    ],
    snapshot: below(join(root, 'overlayfs/snapshots')),
    'removed snapshot': below(join(root, 'overlayfs/removed')),
    blob: below(join(root, 'content/blobs/sha256')).map((hex) => `sha256:${hex}`),
    ingest: below(join(root, 'content/ingest')),
    'log file': pairs(join(root, 'containers')),
    secret: pairs(join(root, 'secrets')).map((name) => name.replace(/\.json$/, '')),
  };
};
export type Kind = keyof ReturnType<typeof found>;

/** What should be there, by the log. The boolean says whether all of it must be. */
const wanted = (world: World): Record<Kind, { readonly names: readonly string[]; readonly all: boolean }> => {
  const tasks = [...world.task.values()].filter(isOnHost);
  const live = tasks.map(({ namespace, id }) => `${namespace}/${id}`);
  // A client of containerd's API brings the root of its container, and holds the streams.
  const own = tasks.filter((task) => !isClients(task)).map(({ namespace, id }) => `${namespace}/${id}`);
  const execs = tasks.flatMap((task) =>
    Object.values(task.execs)
      .filter((exec) => exec.status !== 'ended' && !isClients(exec))
      .map(({ execId }) => `${task.namespace}/${task.id}/${execId}`),
  );
  const containers = [...world.container.byId.values()].map(({ namespace, id }) => `${namespace}/${id}`);
  const ingests = [...world.content.ingests.values()].map(({ namespace, ref }) =>
    createHash('sha256').update(`${namespace}\0${ref}`).digest('hex'),
  );
  const must = (names: readonly string[]) => ({ names, all: true });
  const may = (names: readonly string[]) => ({ names, all: false });
  return {
    bundle: must(live),
    'runc container': must(live),
    root: must(own),
    mount: must(own),
    keeper: must(live),
    streams: must([...own, ...execs]),
    snapshot: must([...world.snapshot.values()].map(({ id }) => id)),
    'removed snapshot': must([]),
    blob: must([...new Set([...world.content.blobs.values()].map(({ digest }) => digest))]),
    ingest: may(ingests),
    'log file': may(containers),
    secret: may(containers),
  };
};

/**
 * Compares the host with what the log names, both ways.
 * @returns one line for each thing that is there without a name, or named and not there; none where all is well
 */
export const differences = (places: Places, world: World): readonly string[] => {
  const there = found(places);
  const named = wanted(world);
  const lines: string[] = [];
  for (const kind of Object.keys(named) as Kind[]) {
    const expected = named[kind];
    const names = new Set(expected.names);
    for (const name of there[kind])
      if (!names.has(name)) lines.push(`${kind} '${name}' is on the host, not in the log`);
    const present = new Set(there[kind]);
    for (const name of expected.all ? names : [])
      if (!present.has(name)) lines.push(`${kind} '${name}' is in the log, not on the host`);
  }
  const known = [...world.container.byId.values()].map(({ namespace, id }) => `${namespace}/${id}`);
  const living = new Set(named.keeper.names);
  for (const socket of shimSockets(
    places,
    known.filter((name) => !living.has(name)),
  )) {
    lines.push(`the socket '${basename(socket)}' of a shim that is gone is still there`);
  }
  return lines;
};
