import { parseMoment } from '../parse/moment.ts';
import type { Command } from './commands.ts';
import type { Debugger, View } from './debugger.ts';

type Move = Exclude<Command, { readonly do: 'event' | 'state' | 'help' | 'quit' }>;

export const isMove = (command: Command): command is Move =>
  command.do !== 'event' && command.do !== 'state' && command.do !== 'help' && command.do !== 'quit';

/** Goes where a command says. @throws ShiplogError, UsageError where it can't */
export const perform = async (replay: Debugger, command: Move, nowMs: number): Promise<View> => {
  switch (command.do) {
    case 'next':
      return replay.next(command.count);
    case 'back':
      return replay.back(command.count);
    case 'first':
      return replay.first();
    case 'last':
      return replay.last();
    case 'until':
      return replay.until(command.what);
    case 'subject':
      return replay.follow(command.what);
    case 'goto': {
      const at = parseMoment(command.what, nowMs);
      return at === undefined ? replay.last() : replay.goto(at);
    }
    default:
      return command satisfies never;
  }
};
