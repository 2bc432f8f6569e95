import { run } from '../../src/adapters/cli/run.ts';
import { verbGroups, verbs } from '../../src/adapters/cli/verbs.ts';
import { makeConsole } from './fake-daemon.ts';

const helpOf = async (...argv: string[]): Promise<string> => {
  const console = makeConsole();
  await run([...argv, '--help'], console);
  return console.stdout.text().trimEnd();
};

const preface = `# The command line

This page is made from the definitions of the verbs; a test holds it to them. \`shiplog --help\` and \`shiplog VERB --help\`
say the same.

## Exit codes

They are docker's.

| Code | Means |
| --- | --- |
| 0 | Done. |
| 1 | The daemon said no, could not be reached, or one of several things failed; for \`verify\`: the log is not sound, for \`bisect\`: it turns true nowhere. Also an unknown verb. |
| 125 | \`run\`, \`create\` and \`exec\`: shiplog failed before the process could say anything. Any verb: a flag or argument is wrong. |
| 126 | \`run\`, \`create\`, \`exec\`, \`start -a\`: the program is there but can't be executed. |
| 127 | Likewise: the program is not there. |
| 130 | Ctrl-C ended the command. |
| 141 | Nobody reads the output any more (as \`shiplog logs web \\| head\`). |
| any other | \`run\`, \`exec\`, \`attach\`, \`start -a\`: that of the process in the container. 128 + N if signal N ended it. |

\`wait\` prints exit codes and doesn't exit with them. Detaching with Ctrl-P Ctrl-Q exits with 0.

## Output

Lists are tables whose columns line up. \`--format json\` prints an object a line; \`-q\` prints only ids. Any other \`--format\` is
a template: text in which \`{{.Field}}\` and \`{{.Field.Field}}\` are replaced; \`{{.}}\` is the whole row. Before a field may stand
\`json\`, \`upper\`, \`lower\`, \`println\` or \`len\`; and \`{{join .Field ", "}}\`, \`{{index .Labels "key"}}\`. \`\\t\` and \`\\n\` are a tab and
a line break. \`table TEMPLATE\` puts headings above and lines the columns up. This is the part of Go's templates that is used
with docker; \`if\`, \`range\` and pipes are not there: take \`--format json\` and jq.

Errors go to standard error as \`shiplog: VERB: what is wrong; what to do\`.

## Sizes and times

Sizes are bytes with an optional unit in powers of 1024: \`512\`, \`64m\`, \`1.5g\`. Times are RFC 3339 (\`2026-11-21T10:30:00Z\`, or
a beginning of it in local time), seconds since the Unix epoch, or a span back from now: \`10m\`, \`1h30m\`, \`10 minutes ago\`.
After \`--at\` a bare number is a position of the log: see [the time machine](time-machine.md).

## Where it differs from docker

Networks are \`none\`, \`host\` and \`container:ID\`. Volumes have a host path. \`import\` and \`export\` are docker's \`load\` and \`save\`
(which work as aliases). \`events\` ends at the last event unless \`-f\` is given; its filters are \`--filter\`. \`--secret-env\` keeps
a variable's value out of the log. \`--reason\`, on any verb, puts a why into it.
`;

/** The text of docs/cli.md. */
export const renderReference = async (): Promise<string> => {
  const parts = [preface, `## shiplog\n\n\`\`\`text\n${await helpOf()}\n\`\`\`\n`];
  for (const group of verbGroups) {
    for (const [name, entry] of Object.entries(verbs)) {
      if (entry.group !== group) continue;
      const { verb } = await entry.load();
      for (const words of [[name], ...Object.keys(verb.verbs ?? {}).map((word) => [name, word])]) {
        parts.push(`## shiplog ${words.join(' ')}\n\n\`\`\`text\n${await helpOf(...words)}\n\`\`\`\n`);
      }
    }
  }
  return parts.join('\n');
};
