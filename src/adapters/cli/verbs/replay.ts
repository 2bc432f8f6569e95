import type { Step } from '../../../gen/shiplog/v1/time_pb.ts';
import { write } from '../cli-io.ts';
import { fieldRow } from '../output/changes.ts';
import { eventRow } from '../output/event-rows.ts';
import { paintFor } from '../output/paint.ts';
import { lineFormat } from '../output/rows.ts';
import { momentHelp, momentRange } from '../parse/moment.ts';
import { collect } from '../parse/quantity.ts';
import type { Verb } from '../verb.ts';

const stepRow = ({ event, state, changes }: Step) => {
  const value: unknown = state?.value === undefined ? null : JSON.parse(state.value);
  return {
    Event: event ? eventRow(event) : null,
    Position: state?.position ?? 0n,
    Subject: state?.subject ?? '',
    State: value,
    Changes: changes.map(fieldRow),
  };
};

export const verb: Verb = {
  examples: [
    [
      "shiplog replay --from '10 minutes ago' --subject web",
      'what happened to it, and what each event changed',
    ],
    ['shiplog replay --step --from 4700', 'a debugger: forward, back, jump, break; ? shows its keys'],
    [
      "printf 'until image-removed\\nevent\\n' | shiplog replay --step",
      'the same by lines, to be written down',
    ],
  ],
  declare: (command, perform) =>
    command
      .option('--from <moment>', `where to begin: ${momentHelp}; the beginning of the log when absent`)
      .option('--to <moment>', 'where to end; now when absent')
      .option(
        '--subject <thing>',
        'only of this: an id, a name, a digest, a snapshot key, or KIND/NAMESPACE/ID',
      )
      .option('--type <type>', 'only events of this type (repeat)', collect)
      .option('--when <expression>', 'only events after which this is true, in CEL')
      .option('--step', 'stop at each event: by keys on a terminal, else by lines of standard input')
      .option('--format <format>', "'json' (an object a line) or a template")
      .action((flags) =>
        perform(async (context) => {
          const { io, namespace, signal } = context;
          const client = await context.client();
          const range = momentRange(flags, io.now());
          const thing = flags.subject ?? '';
          if (flags.step) {
            const { Debugger } = await import('../replay/debugger.ts');
            const replay = new Debugger({ client, namespace, thing, signal, ...range });
            if (io.stdin.isTTY && io.stdout.isTTY) {
              return (await import('../replay/screen.ts')).replayScreen(replay, context);
            }
            return (await import('../replay/lines.ts')).replayLines(replay, context);
          }
          const { viewText } = await import('../replay/text.ts');
          const line = lineFormat(flags.format);
          const paint = paintFor(io);
          const wanted = { types: flags.type ?? [], expression: flags.when ?? '' };
          for await (const step of client.time.steps({ namespace, thing, ...range, ...wanted }, { signal })) {
            const { event, state, changes } = step;
            if (!event || !state) continue;
            const view = { at: state.position, event, state, changes, note: '' };
            await write(io.stdout, line ? `${line(stepRow(step))}\n` : viewText(view, paint));
          }
          return 0;
        }),
      ),
};
