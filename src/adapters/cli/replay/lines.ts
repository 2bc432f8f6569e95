import { createInterface } from 'node:readline';
import { write } from '../cli-io.ts';
import { exitCodes } from '../exit-codes.ts';
import { paintFor } from '../output/paint.ts';
import type { VerbContext } from '../verb.ts';
import { helpText, parseCommand } from './commands.ts';
import type { Debugger } from './debugger.ts';
import { isMove, perform } from './perform.ts';
import { eventText, stateText, viewText } from './text.ts';

/**
 * A replay that is driven by lines of standard input, one command each, so that a session can be written down and
 * repeated. A command that fails is told of, and the next one is taken.
 * @returns the exit code: 1 where a command failed
 */
export const replayLines = async (
  replay: Debugger,
  { io, complain, signal }: VerbContext,
): Promise<number> => {
  const paint = paintFor(io);
  const say = (text: string) => write(io.stdout, text.endsWith('\n') ? text : `${text}\n`);
  await say(viewText(await replay.first(), paint));
  let code: number = exitCodes.ok;
  const fail = async (error: unknown) => {
    code = exitCodes.failed;
    await complain(error);
  };
  for await (const line of createInterface({ input: io.stdin, signal })) {
    if (line.trim().startsWith('#')) continue;
    await say(`> ${line.trim()}`);
    const command = parseCommand(line);
    if ('wrong' in command) await fail(new Error(command.wrong));
    else if (command.do === 'quit') break;
    else if (command.do === 'help') await say(helpText);
    else if (command.do === 'event') await say(eventText(replay.view));
    else if (command.do === 'state') await say(stateText(replay.view.state));
    else if (isMove(command)) {
      try {
        await say(viewText(await perform(replay, command, io.now()), paint));
      } catch (error) {
        if (signal.aborted) throw error;
        await fail(error);
      }
    }
  }
  return code;
};
