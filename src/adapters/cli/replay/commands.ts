/** What a debugger is told. */
export type Command =
  | { readonly do: 'next' | 'back'; readonly count: number }
  | { readonly do: 'first' | 'last' }
  | { readonly do: 'event' | 'state' | 'help' | 'quit' }
  | { readonly do: 'goto' | 'until' | 'subject'; readonly what: string };

/** Each command with its words, what follows it, the key of the screen, and what it does; `satisfies` keeps it whole. */
export const commandTable = {
  next: { words: ['next', 'n'], takes: '[COUNT]', key: 'n →', says: 'one event on' },
  back: { words: ['back', 'b'], takes: '[COUNT]', key: 'b ←', says: 'one event back' },
  goto: { words: ['goto', 'g'], takes: 'MOMENT', key: 'g', says: 'to a position or a time' },
  until: {
    words: ['until', 'u'],
    takes: 'TYPE or EXPRESSION',
    key: 'u',
    says: 'on to the next event of a type, or after which an expression is true',
  },
  subject: {
    words: ['subject', 's'],
    takes: '[THING]',
    key: 's',
    says: 'follow one thing; all when none is named',
  },
  first: { words: ['first'], takes: '', key: 'Home', says: 'to the beginning' },
  last: { words: ['last'], takes: '', key: 'End', says: 'to the end' },
  event: { words: ['event', 'e'], takes: '', key: '', says: 'print the event with its payload' },
  state: { words: ['state', 'p'], takes: '', key: '', says: 'print the whole state' },
  help: { words: ['help', '?'], takes: '', key: '?', says: 'say this' },
  quit: { words: ['quit', 'q'], takes: '', key: 'q', says: 'leave' },
} as const satisfies Record<
  Command['do'],
  { readonly words: readonly string[]; readonly takes: string; readonly key: string; readonly says: string }
>;
type Name = keyof typeof commandTable;
const names = Object.keys(commandTable) as Name[];

const nameOf = (word: string): Name | undefined =>
  names.find((name) => (commandTable[name].words as readonly string[]).includes(word));

/** Without the quotes around the whole, which a shell would have taken away. */
const unquoted = (text: string): string => /^(['"])(.*)\1$/s.exec(text)?.[2] ?? text;

/** @returns the command of a line (an empty one goes on by an event), or what is wrong with it */
export const parseCommand = (line: string): Command | { readonly wrong: string } => {
  const [word = '', ...more] = line.trim().split(/\s+/);
  const rest = line.trim().slice(word.length).trim();
  const name = word === '' ? 'next' : nameOf(word);
  switch (name) {
    case undefined:
      return { wrong: `there is no command '${word}'; 'help' lists them` };
    case 'next':
    case 'back': {
      const count = rest === '' ? 1 : Number(rest);
      if (!Number.isSafeInteger(count) || count < 1)
        return { wrong: `${name} '${rest}': give a count from 1 on` };
      return { do: name, count };
    }
    case 'goto':
    case 'until':
      if (rest === '') return { wrong: `${name}: give ${commandTable[name].takes}` };
      return { do: name, what: name === 'goto' ? unquoted(rest) : rest };
    case 'subject':
      return { do: name, what: unquoted(rest) };
    default:
      return more.length > 0 ? { wrong: `${name} takes nothing after it` } : { do: name };
  }
};

export const helpText = names
  .map((name) => {
    const { words, takes, says } = commandTable[name];
    return `  ${`${words.join(', ')} ${takes}`.trimEnd().padEnd(32)} ${says}\n`;
  })
  .join('');
