import { z } from 'zod';

/** Turns pino's JSON lines into lines for people: `12:03:04.512 warn  message  field=value`. */

const Line = z.looseObject({ time: z.number(), level: z.string(), msg: z.string().optional() });
const Stack = z.object({ stack: z.string() });

const COLOURS: Readonly<Record<string, string>> = { debug: '\x1b[90m', warn: '\x1b[33m', error: '\x1b[31m' };
const PLAIN = '\x1b[0m';

const shown = (value: unknown): string => {
  if (typeof value === 'string') return /^[^\s"'=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? String(value);
};

/** @param colour whether to colour levels, as on a terminal */
export const textLine = (json: string, colour: boolean): string => {
  const { time, level, msg = '', ...fields } = Line.parse(JSON.parse(json));
  const clock = new Date(time).toISOString().slice(11, 23);
  const word = colour && COLOURS[level] ? `${COLOURS[level]}${level.padEnd(5)}${PLAIN}` : level.padEnd(5);
  const stack = Stack.safeParse(fields.error);
  const { error: _error, ...rest } = fields;
  const pairs = Object.entries(stack.success ? rest : fields).map(
    ([name, value]) => ` ${name}=${shown(value)}`,
  );
  const trace = stack.success ? `\n${stack.data.stack.replace(/^/gm, '    ')}` : '';
  return `${clock} ${word} ${msg}${pairs.length > 0 ? ` ${pairs.join('')}` : ''}${trace}\n`;
};
