import { Rejection } from './rejection.ts';

/** Linux signal numbers on x86-64 and arm64 (signal(7)). */
const numbers: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
};
const realTime = /^RTMIN(?:\+(\d{1,2}))?$/;

/** The number of `KILL`, `SIGKILL`, `sigkill`, `9` or `RTMIN+3`. */
export const signalNumber = (text: string): number | Rejection => {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const given = /^\d{1,2}$/.test(name) ? Number(name) : (numbers[name] ?? realTimeNumber(name));
  if (given !== undefined && given >= 1 && given <= 64) return given;
  return new Rejection(
    'invalid-argument',
    `'${text}' is no signal; give a name such as TERM or a number from 1 to 64`,
  );
};

const realTimeNumber = (name: string): number | undefined => {
  const match = realTime.exec(name);
  return match ? 34 + Number(match[1] ?? 0) : undefined;
};

/** `SIGKILL` for 9; the number itself where it has no name. */
export const signalName = (signal: number): string => {
  const name = Object.keys(numbers).find((key) => numbers[key] === signal);
  return name === undefined ? String(signal) : `SIG${name}`;
};
