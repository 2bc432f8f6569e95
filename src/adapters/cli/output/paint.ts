import type { CliIo } from '../cli-io.ts';

const codes = { red: 31, green: 32, yellow: 33, cyan: 36, bold: 1, dim: 2 } as const;
export type Colour = keyof typeof codes;

/** Puts a text in a colour, or leaves it. */
export type Paint = (colour: Colour, text: string) => string;

/** Colours where a person looks at a terminal and has not said otherwise (https://no-color.org). */
export const paintFor = ({ stdout, env }: CliIo): Paint =>
  stdout.isTTY === true && !env.NO_COLOR
    ? (colour, text) => `\x1b[${codes[colour]}m${text}\x1b[0m`
    : (_, text) => text;
