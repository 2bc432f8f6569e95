import type { Command as TypedCommand } from '@commander-js/extra-typings';
import { Command, Option } from 'commander';
import { version } from '../../client/version.ts';
import { collect } from './parse/quantity.ts';
import type { Task, Verb } from './verb.ts';
import { verbGroups, verbNamed, verbs } from './verbs.ts';

/** Flags that every verb takes, before or after its name. */
export interface GlobalOptions {
  readonly address?: string;
  readonly namespace?: string;
  readonly reason?: string;
  /** A slice, or the folder of a log, to ask in the place of a daemon. */
  readonly bundle?: string;
  readonly logDir?: string;
  readonly key?: readonly string[];
  readonly debug?: boolean;
}

/** `-n` stands before the verb only: behind it, docker's `logs -n` has it. */
const globalFlags = (place: 'program' | 'verb'): Option[] => [
  new Option('--address <socket>', "the daemon's socket [env SHIPLOG_ADDRESS]"),
  new Option(
    place === 'program' ? '-n, --namespace <name>' : '--namespace <name>',
    'the tenancy to work in [env SHIPLOG_NAMESPACE] (default: default)',
  ),
  new Option('--reason <text>', 'why, in your own words; kept in the log with every event this makes'),
  new Option('--debug', 'show the stack and code of errors'),
];

/** Before the verb only: behind it some have a meaning of their own. */
const pastFlags = (): Option[] => [
  new Option('--bundle <file>', "ask a slice of a log (of 'shiplog log slice'), without a daemon"),
  new Option('--log-dir <folder>', 'ask the log in a folder: of a stopped daemon, or a copy'),
  new Option('--key <vkey>', 'with --bundle: a public key that may have signed it (repeat)').argParser(
    collect,
  ),
];

const valued = ['--address', '-n', '--namespace', '--reason', '--bundle', '--log-dir', '--key'];
const takesValue = (word: string): boolean => valued.includes(word);

/** Where the first word of `argv` from `start` on is that is neither `help` nor a flag nor a flag's value. */
const wordAt = (argv: readonly string[], start: number): number => {
  let index = start;
  while (index < argv.length) {
    const word = argv[index] ?? '';
    if (word !== 'help' && !word.startsWith('-')) break;
    index += takesValue(word) ? 2 : 1;
  }
  return index;
};

/** The verb that `argv` asks for, read without parsing it, so that only this one is loaded. */
export const verbIn = (argv: readonly string[]): string | undefined => verbNamed(argv[wordAt(argv, 0)] ?? '');

/** The modules of verbs by name; those of a group's own verbs under both words, as `log verify`. */
export type LoadedVerbs = Readonly<Record<string, Verb>>;

/** Loads what `argv` asks for, and nothing else. */
export const loadVerbs = async (argv: readonly string[]): Promise<LoadedVerbs> => {
  const at = wordAt(argv, 0);
  const name = verbNamed(argv[at] ?? '');
  const loaded = name === undefined ? undefined : await verbs[name]?.load();
  if (name === undefined || loaded === undefined) return {};
  const { verb } = loaded;
  const word = argv[wordAt(argv, at + 1)] ?? '';
  const part = verb.verbs && Object.hasOwn(verb.verbs, word) ? await verb.verbs[word]?.load() : undefined;
  return part === undefined ? { [name]: verb } : { [name]: verb, [`${name} ${word}`]: part.verb };
};

const examplesOf = (verb: Verb): string => {
  const width = Math.max(...verb.examples.map(([line]) => line.length));
  const lines = verb.examples.map(([line, says]) => `  ${line.padEnd(width)}  # ${says}`);
  return `\nExamples:\n${lines.join('\n')}\n`;
};

const rootExamples = `
Examples:
  shiplog run --rm -it debian bash      # a shell in a fresh container
  shiplog history web                   # who did what to it, when and why
  shiplog why sha256:4bcff63911fc       # what keeps these bytes on the disk

A thing is named by its id, the beginning of its id, or its name. 'shiplog VERB --help' tells more of a verb.
`;

/** As it is typed: `shiplog log head`. */
const namesOf = (command: Command): string =>
  command.parent === null ? command.name() : `${namesOf(command.parent)} ${command.name()}`;

type Perform = (task: Task, command: Command) => Promise<void>;

/** What a loaded verb takes and says, and the flags of every verb. */
const describeVerb = (command: Command, verb: Verb, perform: Perform): void => {
  command.configureHelp({ sortOptions: false }).addHelpText('after', examplesOf(verb));
  command.showHelpAfterError(`see '${namesOf(command)} --help'`);
  // The typed command is the same object; only its types know of the flags added so far.
  verb.declare(command as unknown as TypedCommand, (task) => perform(task, command));
  command.optionsGroup('Global options:');
  for (const flag of globalFlags('verb')) command.addOption(flag);
};

/** Adds one verb, whole when its module is given, else only its name and summary, for the list of verbs. */
const addVerb = (program: Command, name: string, loaded: LoadedVerbs, perform: Perform): void => {
  const entry = verbs[name];
  if (!entry) return;
  const command = program.command(name).description(entry.summary).helpGroup(`${entry.group}:`);
  if (entry.alias) command.alias(entry.alias);
  const verb = loaded[name];
  if (!verb) return;
  describeVerb(command, verb, perform);
  if (!verb.verbs) return;
  command
    .enablePositionalOptions()
    .usage('[options] VERB …')
    .helpCommand('help [verb]', 'show help of a verb');
  for (const [word, { summary }] of Object.entries(verb.verbs)) {
    const part = command.command(word).description(summary);
    const whole = loaded[`${name} ${word}`];
    if (whole) describeVerb(part, whole, perform);
  }
};

export interface ProgramOptions {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly columns: number;
  readonly perform: Perform;
  readonly loaded: LoadedVerbs;
}

/** The tree of commands; throws CommanderError instead of leaving the process. */
export const makeProgram = ({ out, err, columns, perform, loaded }: ProgramOptions): Command => {
  const program = new Command('shiplog')
    .version(`shiplog ${version}`, '--version', 'show the version of this client')
    .description('Runs containers, and answers from its log for everything it did.')
    .usage('[options] VERB …')
    .helpOption('-h, --help', 'show this help')
    .enablePositionalOptions()
    .helpCommand('help [verb]', 'show help of a verb')
    .exitOverride()
    .configureOutput({
      writeOut: out,
      writeErr: err,
      getOutHelpWidth: () => columns,
      getErrHelpWidth: () => columns,
      outputError: (text, print) => print(text.replace(/^error: /, 'shiplog: ')),
    })
    .showHelpAfterError("see 'shiplog --help'")
    .addHelpText('after', rootExamples);
  for (const flag of [...globalFlags('program'), ...pastFlags()]) program.addOption(flag);
  for (const group of verbGroups) {
    for (const [name, entry] of Object.entries(verbs)) {
      if (entry.group === group) addVerb(program, name, loaded, perform);
    }
  }
  return program;
};
