import type { WhyResponse } from '../../../gen/shiplog/v1/log_pb.ts';
import { write } from '../cli-io.ts';
import { eventLine, eventRow } from '../output/event-rows.ts';
import { lineFormat } from '../output/rows.ts';
import { printable } from '../output/units.ts';
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
const keptTree = ({ Subject, Path }: ReturnType<typeof whyRow>): string => {
  const [root] = Path;
  if (!root) return `${Subject} is kept: it is a root itself\n`;
  const steps = Path.map(
    (edge, index) =>
      `${'   '.repeat(index)}└─ ${edge.Kind} → ${edge.To}  (since position ${edge.SincePosition})`,
  );
  return `${[`${Subject} is kept by`, root.From, ...steps].map(printable).join('\n')}\n`;
};

const freedLines = ({ Subject, Freed }: ReturnType<typeof whyRow>): string => {
  if (Freed.length === 0) return `${printable(Subject)} is not kept by anything; the next gc frees it\n`;
  return `${[`${printable(Subject)} is gone:`, ...Freed.map((row) => `└─ ${eventLine(row)}`)].join('\n')}\n`;
};

export const verb: Verb = {
  examples: [
    ['shiplog why sha256:4bcff63911fc', 'what keeps these bytes: image, container, lease …'],
    ['shiplog why web', 'also of what is gone: the event that removed it'],
  ],
  declare: (command, perform) =>
    command
      .argument('<thing>', 'an id, a name, a digest, a snapshot key, or KIND/NAMESPACE/ID')
      .option('--format <format>', "'json' or a template")
      .action((thing, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const line = lineFormat(flags.format);
          const row = whyRow(await (await client()).log.why({ namespace, thing }, { signal }));
          await write(io.stdout, line ? `${line(row)}\n` : row.Kept ? keptTree(row) : freedLines(row));
          return 0;
        }),
      ),
};
