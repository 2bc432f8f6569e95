import { on } from 'node:events';
import { emitKeypressEvents, type Key } from 'node:readline';
import type { CliIo } from '../cli-io.ts';
import { write } from '../cli-io.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Paint, paintFor } from '../output/paint.ts';
import { ellipsis, printable } from '../output/units.ts';
import { enterRawMode } from '../session/raw-terminal.ts';
import type { VerbContext } from '../verb.ts';
import { type Command, commandTable, helpText, parseCommand } from './commands.ts';
import type { Debugger, View } from './debugger.ts';
import { isMove, perform } from './perform.ts';
import { changeLines, eventText, stateText } from './text.ts';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/** Below this many columns the state stands under the event. */
const SIDE_BY_SIDE = 90;

const keyBar = Object.values(commandTable)
  .filter(({ key }) => key !== '')
  .map(({ key, words: [word] }) => `${key} ${word}`)
  .join('   ');

const pad = (line: string, width: number): string => ellipsis(printable(line), width).padEnd(width);

interface Drawn {
  readonly thing: string;
  readonly view: View;
  /** What is being typed, with its question; else keys are shown. */
  readonly asking?: string;
  readonly help: boolean;
}

/** The lines of a screen, of at most so many rows and columns. */
export const screenLines = (
  { view, thing, asking, help }: Drawn,
  columns: number,
  rows: number,
  paint: Paint,
): readonly string[] => {
  const title = `replay of ${thing === '' ? 'everything' : thing}, at ${view.at}${view.note === '' ? '' : `  (${view.note})`}`;
  const room = Math.max(1, rows - 4);
  const left = (help ? helpText : eventText(view)).split('\n');
  const changes = changeLines(view.changes);
  const right = [...changes, ...(changes.length > 0 ? [''] : []), ...stateText(view.state).split('\n')];
  const half = Math.floor((columns - 3) / 2);
  const rightLine = (at: number, width: number) =>
    at < changes.length ? paint('yellow', pad(right[at] ?? '', width)) : pad(right[at] ?? '', width);
  const body =
    columns >= SIDE_BY_SIDE
      ? Array.from({ length: room }, (_, at) => `${pad(left[at] ?? '', half)} │ ${rightLine(at, half)}`)
      : [
          ...left.slice(0, Math.ceil(room / 2)).map((line) => pad(line, columns)),
          ...right.slice(0, Math.floor(room / 2)).map((_, at) => rightLine(at, columns)),
        ];
  const foot = asking === undefined ? paint('dim', ellipsis(keyBar, columns)) : pad(asking, columns);
  return [paint('bold', pad(title, columns)), '─'.repeat(columns), ...body, '─'.repeat(columns), foot];
};

const draw = async (io: CliIo, drawn: Drawn): Promise<void> => {
  const { columns = 80, rows = 24 } = io.stdout;
  const lines = screenLines(drawn, columns, rows, paintFor(io));
  await write(io.stdout, `\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
};

/** What a key asks for at once, or the command whose argument is to be typed. */
const byKey: Readonly<Record<string, Command | 'goto' | 'until' | 'subject'>> = {
  n: { do: 'next', count: 1 },
  right: { do: 'next', count: 1 },
  space: { do: 'next', count: 1 },
  return: { do: 'next', count: 1 },
  b: { do: 'back', count: 1 },
  left: { do: 'back', count: 1 },
  pagedown: { do: 'next', count: 10 },
  pageup: { do: 'back', count: 10 },
  home: { do: 'first' },
  end: { do: 'last' },
  g: 'goto',
  u: 'until',
  s: 'subject',
  q: { do: 'quit' },
};

const questions = {
  goto: 'go to position or time: ',
  until: 'on until type or expression: ',
  subject: 'follow: ',
};

/** A text as typed so far, after one more key; a command where the key ends it, undefined where it is given up. */
const typed = (
  text: string,
  character: string | undefined,
  key: Key,
): { text: string } | 'done' | 'given up' => {
  if (key.name === 'return' || key.name === 'enter') return 'done';
  if (key.name === 'escape') return 'given up';
  if (key.name === 'backspace') return { text: [...text].slice(0, -1).join('') };
  const isText = character !== undefined && !key.ctrl && !/\p{Cc}/u.test(character);
  return { text: isText ? text + character : text };
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A replay on the whole terminal. @returns the exit code */
export const replayScreen = async (replay: Debugger, { io, signal }: VerbContext): Promise<number> => {
  let view = await replay.first();
  let prompt: { readonly command: keyof typeof questions; readonly text: string } | undefined;
  let help = false;
  const show = () => {
    const asking = prompt === undefined ? {} : { asking: `${questions[prompt.command]}${prompt.text}█` };
    return draw(io, { view, thing: replay.thing, help, ...asking });
  };
  const go = async (command: Command | { readonly wrong: string }): Promise<void> => {
    if ('wrong' in command) view = { ...view, note: command.wrong };
    else if (isMove(command)) {
      try {
        view = await perform(replay, command, io.now());
      } catch (error) {
        if (signal.aborted) throw error;
        view = { ...view, note: messageOf(error) };
      }
    }
  };
  const leaveRaw = enterRawMode(io);
  await write(io.stdout, ENTER);
  try {
    emitKeypressEvents(io.stdin);
    const keys = on(io.stdin, 'keypress', { signal, close: ['end', 'close'] });
    io.stdin.resume();
    await show();
    for await (const [character, key] of keys as AsyncIterable<[string | undefined, Key]>) {
      if (key.ctrl && (key.name === 'c' || key.name === 'd')) break;
      if (prompt !== undefined) {
        const next = typed(prompt.text, character, key);
        if (next === 'done') await go(parseCommand(`${prompt.command} ${prompt.text}`));
        prompt = typeof next === 'object' ? { ...prompt, text: next.text } : undefined;
      } else {
        const asked = byKey[key.name ?? ''];
        help = character === '?' && !help;
        if (typeof asked === 'string') prompt = { command: asked, text: '' };
        else if (asked?.do === 'quit') break;
        else if (asked !== undefined) await go(asked);
      }
      await show();
    }
  } finally {
    io.stdin.pause();
    leaveRaw();
    await write(io.stdout, LEAVE);
  }
  return exitCodes.ok;
};
