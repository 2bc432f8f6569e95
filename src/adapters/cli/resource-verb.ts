import type { ShiplogClient } from '../../client/index.ts';
import { shownAt } from './moment.ts';
import { formatHelp, printRows, type RowStyle } from './output/rows.ts';
import { type At, atFlag, atHelp } from './parse/at.ts';
import { collect } from './parse/quantity.ts';
import type { Verb } from './verb.ts';

interface ListRequest {
  readonly namespace: string;
  readonly filters: string[];
  readonly at?: At;
}

/** What a verb that lists one kind of resource has of its own. */
export interface ResourceKind<Message, Row extends object> {
  readonly examples: Verb['examples'];
  /** What `-q` prints, and what it is called. */
  readonly id: (row: Row) => string;
  readonly ids: string;
  /** Keys of `--filter`. */
  readonly filters: string;
  readonly style: RowStyle<Row>;
  readonly list: (
    resources: ShiplogClient['resources'],
    request: ListRequest,
    options: { readonly signal: AbortSignal },
  ) => AsyncIterable<Message>;
  /** @param whole whether ids and labels are shown in full */
  readonly row: (message: Message, nowMs: number, whole: boolean) => Row;
}

/** A verb that lists what images and containers are made of, now or as it was. */
export const resourceVerb = <Message, Row extends object>(kind: ResourceKind<Message, Row>): Verb => ({
  examples: kind.examples,
  declare: (command, perform) =>
    command
      .option('-q, --quiet', `print only ${kind.ids}`)
      .option('--no-trunc', 'show whole ids and labels')
      .option('-f, --filter <filter>', `${kind.filters} (repeat)`, collect)
      .option(atFlag, atHelp)
      .option('--format <format>', formatHelp)
      .action((flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const { at, nowMs } = await shownAt(context, flags.at);
          const request = { namespace, filters: flags.filter ?? [], ...at };
          const whole = !flags.trunc || (flags.quiet ?? false);
          const rows: Row[] = [];
          for await (const one of kind.list((await client()).resources, request, { signal })) {
            rows.push(kind.row(one, nowMs, whole));
          }
          const quiet = flags.quiet ? kind.id : undefined;
          await printRows(io, rows, kind.style, { format: flags.format, quiet });
          return 0;
        }),
      ),
});
