import type { Command } from 'commander';
import type { ShiplogClient } from '../../client/connect.ts';
import { ShiplogError } from '../../client/shiplog-error.ts';
import { type CliIo, write } from './cli-io.ts';
import { familiarName } from './output/units.ts';
import { loadVerbs, makeProgram, verbIn } from './program.ts';

const TIMEOUT_MS = 1000;

/** What the first argument of a verb names, for those where the daemon knows the candidates. */
const argumentKinds: Readonly<Record<string, 'container' | 'image' | 'either'>> = {
  ...Object.fromEntries(
    ['start', 'logs', 'exec', 'attach', 'stop', 'kill', 'pause', 'unpause', 'wait', 'rm', 'top'].map(
      (verb) => [verb, 'container'] as const,
    ),
  ),
  ...Object.fromEntries(
    ['run', 'create', 'push', 'rmi', 'tag', 'export', 'images'].map((verb) => [verb, 'image'] as const),
  ),
  inspect: 'either',
  history: 'either',
  why: 'either',
};

const namesOf = async (client: ShiplogClient, kind: string, namespace: string): Promise<string[]> => {
  const call = { timeoutMs: TIMEOUT_MS };
  const names: string[] = [];
  if (kind !== 'image') {
    const { containers } = await client.containers.list({ namespace, all: true }, call);
    names.push(...containers.map(({ name }) => name));
  }
  if (kind !== 'container') {
    const { images } = await client.images.list({ namespace }, call);
    names.push(...images.map(({ name }) => familiarName(name)));
  }
  return names;
};

/** Asks the daemon; where that fails there is just nothing to offer, since a message would garble the prompt. */
const thingNames = async (kind: string, io: CliIo): Promise<string[]> => {
  const { connect } = await import('../../client/connect.ts');
  let client: ShiplogClient | undefined;
  try {
    const address = io.env.SHIPLOG_ADDRESS || undefined;
    client = connect({ client: 'shiplog', ...(address === undefined ? {} : { address }) });
    return await namesOf(client, kind, io.env.SHIPLOG_NAMESPACE || 'default');
  } catch (error) {
    if (error instanceof ShiplogError) return [];
    throw error;
  } finally {
    client?.close();
  }
};

const flagsOf = (command: Command): string[] => [
  ...command.options.flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined)),
  '--help',
];

const candidates = async (words: readonly string[], io: CliIo): Promise<string[]> => {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const name = verbIn(before);
  const loaded = await loadVerbs(before);
  const program = makeProgram({
    out: () => undefined,
    err: () => undefined,
    columns: 80,
    perform: async () => undefined,
    loaded,
  });
  const group = program.commands.find((candidate) => candidate.name() === name);
  const part = group?.commands.find((candidate) => loaded[`${name} ${candidate.name()}`] !== undefined);
  const command = part ?? group;
  if (current.startsWith('-')) return flagsOf(command ?? program);
  if (!command) return [...program.commands.map((each) => each.name()), 'help'];
  const flag = command.options.find(({ short, long }) => before.at(-1) === short || before.at(-1) === long);
  if (flag?.required) return [];
  if (command.commands.length > 0) return [...command.commands.map((each) => each.name()), 'help'];
  if (name === 'completion') return ['bash', 'zsh', 'fish'];
  const kind = argumentKinds[part ? `${name} ${part.name()}` : command.name()];
  return kind === undefined ? [] : thingNames(kind, io);
};

/**
 * `shiplog __complete -- WORDS…`: what the last word, perhaps empty, may become, one a line. Asked by the scripts of
 * `shiplog completion`.
 */
export const complete = async (args: readonly string[], io: CliIo): Promise<number> => {
  const words = args[0] === '--' ? args.slice(1) : args;
  const current = words.at(-1) ?? '';
  const found = (await candidates(words, io)).filter((candidate) => candidate.startsWith(current));
  await write(io.stdout, [...new Set(found)].map((candidate) => `${candidate}\n`).join(''));
  return 0;
};
