import type { WhyResponse } from '../../../gen/shiplog/v1/log_pb.ts';
import { write } from '../cli-io.ts';
import { tellHorizon } from '../horizon.ts';
import { shownAt } from '../moment.ts';
import { eventLine, eventRow } from '../output/event-rows.ts';
import { lineFormat } from '../output/rows.ts';
import { printable } from '../output/units.ts';
import { atFlag, atHelp } from '../parse/at.ts';
import type { Verb } from '../verb.ts';

const whyRow = (answer: WhyResponse) => ({
  Subject: answer.subject,
  Kept: answer.kept,
  Path: answer.path.map((edge) => ({
    From: edge.from,
    To: edge.to,
    Kind: edge.kind,
    SincePosition: edge.sincePosition,
  })),
  Freed: answer.freed.map(eventRow),
});

/** The path from a root down to the thing, one step deeper a line. */
const keptTree = ({ Subject, Path }: ReturnType<typeof whyRow>, past: boolean): string => {
  const [root] = Path;
  const verb = past ? 'was' : 'is';
  if (!root) return `${printable(Subject)} ${verb} kept: it ${verb} a root itself\n`;
  const steps = Path.map(
    (edge, index) =>
      `${'   '.repeat(index)}└─ ${edge.Kind} → ${edge.To}  (since position ${edge.SincePosition})`,
  );
  return `${[`${Subject} ${verb} kept by`, root.From, ...steps].map(printable).join('\n')}\n`;
};

const freedLines = ({ Subject, Freed }: ReturnType<typeof whyRow>, past: boolean): string => {
  const thing = printable(Subject);
  if (Freed.length === 0) {
    return past
      ? `${thing} was not kept by anything; the next gc was to free it\n`
      : `${thing} is not kept by anything; the next gc frees it\n`;
  }
  return `${[`${thing} ${past ? 'was' : 'is'} gone:`, ...Freed.map((row) => `└─ ${eventLine(row)}`)].join('\n')}\n`;
};

export const verb: Verb = {
  examples: [
    ['shiplog why sha256:4bcff63911fc', 'what keeps these bytes: image, container, lease …'],
    ['shiplog why web', 'also of what is gone: the event that removed it'],
    ["shiplog why web --at '2 hours ago'", 'what kept it then, or had freed it by then'],
  ],
  declare: (command, perform) =>
    command
      .argument('<thing>', 'an id, a name, a digest, a snapshot key, or KIND/NAMESPACE/ID')
      .option(atFlag, atHelp)
      .option('--format <format>', "'json' or a template")
      .action((thing, flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const line = lineFormat(flags.format);
          const { at, past } = await shownAt(context, flags.at);
          const row = whyRow(await (await client()).log.why({ namespace, thing, ...at }, { signal }));
          const text = row.Kept ? keptTree(row, past) : freedLines(row, past);
          await write(io.stdout, line ? `${line(row)}\n` : text);
          await tellHorizon(context, thing);
          return 0;
        }),
      ),
};
