import type { ShiplogClient } from '../../../client/connect.ts';
import { ShiplogError } from '../../../client/shiplog-error.ts';
import { write } from '../cli-io.ts';
import { type Shown, shownAt } from '../moment.ts';
import {
  blobDetails,
  containerDetails,
  imageDetails,
  leaseDetails,
  snapshotDetails,
} from '../output/details.ts';
import { lineFormat } from '../output/rows.ts';
import { toJson } from '../output/template.ts';
import { atFlag, atHelp } from '../parse/at.ts';
import { oneOf } from '../parse/quantity.ts';
import { eachOf, type Verb, type VerbContext } from '../verb.ts';

const isNotFound = (error: unknown): boolean => error instanceof ShiplogError && error.code === 'not-found';

type Request = Pick<Shown, 'at'> & { readonly thing: string };
type Find = (client: ShiplogClient, context: VerbContext, request: Request) => Promise<object>;

const findContainer: Find = async (client, { namespace, signal }, { thing, at }) =>
  containerDetails(await client.containers.inspect({ namespace, container: thing, ...at }, { signal }));

const findImage: Find = async (client, { namespace, signal }, { thing, at }) =>
  imageDetails(await client.images.inspect({ namespace, image: thing, ...at }, { signal }));

/** The one among the resources that a filter finds. @throws ShiplogError where there is none, or several */
const only = async <T>(
  kind: string,
  thing: string,
  found: AsyncIterable<T>,
  idOf: (item: T) => string,
): Promise<T> => {
  const all: T[] = [];
  for await (const item of found) all.push(item);
  const [first] = all.filter((item) => idOf(item) === thing).concat(all);
  if (first === undefined) {
    throw new ShiplogError(
      'not-found',
      `${kind} '${thing}' does not exist; look with 'shiplog ${listing[kind]}'`,
    );
  }
  if (idOf(first) === thing || all.length === 1) return first;
  const some = all.slice(0, 8).map(idOf).join(', ');
  throw new ShiplogError('invalid-argument', `'${thing}' may be ${some}; give more of it`);
};

/** The verb that lists each kind. */
const listing: Readonly<Record<string, string>> = {
  snapshot: 'snapshots',
  content: 'content',
  lease: 'leases',
};

/** By `--type`; the first two are also what a name may mean without it. */
const finders: Readonly<Record<string, Find>> = {
  container: findContainer,
  image: findImage,
  snapshot: async ({ resources }, { namespace, signal }, { thing, at }) => {
    const found = resources.snapshots({ namespace, filters: [`key=${thing}`], ...at }, { signal });
    return snapshotDetails(await only('snapshot', thing, found, ({ key }) => key));
  },
  content: async ({ resources }, { namespace, signal }, { thing, at }) => {
    const found = resources.content({ namespace, filters: [`digest=${thing}`], ...at }, { signal });
    return blobDetails(await only('content', thing, found, ({ digest }) => digest));
  },
  lease: async ({ resources }, { namespace, signal }, { thing, at }) => {
    const found = resources.leases({ namespace, filters: [`id=${thing}`], ...at }, { signal });
    return leaseDetails(await only('lease', thing, found, ({ id }) => id));
  },
};

/** Containers come before images of the same name, as in docker. */
const find = async (
  client: ShiplogClient,
  context: VerbContext,
  type: string | undefined,
  request: Request,
): Promise<object> => {
  const finder = finders[type ?? ''];
  if (finder) return finder(client, context, request);
  try {
    return await findContainer(client, context, request);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    return await findImage(client, context, request);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const { thing, at } = request;
    const verb = at.at === undefined ? 'is' : 'was then';
    const message = `there ${verb} no container or image '${thing}' in namespace '${context.namespace}'; look with 'shiplog ps -a' and 'shiplog images', or ask 'shiplog history ${thing}'`;
    throw new ShiplogError('not-found', message, { cause: error });
  }
};

export const verb: Verb = {
  examples: [
    ['shiplog inspect web', 'a JSON array, as docker prints it'],
    ["shiplog inspect -f '{{.State.Status}} {{.State.ExitCode}}' web", 'a part of it'],
    ['shiplog inspect --type image debian', 'if a container has that name too'],
    ['shiplog inspect web --at 4711', 'as it was then, also when it is gone since'],
  ],
  declare: (command, perform) =>
    command
      .argument('<thing...>', 'containers or images; with --type also other things')
      .option(
        '-f, --format <template>',
        "a template such as '{{json .State}}', or 'json' for one object a line",
      )
      .option('--type <type>', 'container, image, snapshot, content or lease', oneOf(...Object.keys(finders)))
      .option(atFlag, atHelp)
      .action((things, flags) =>
        perform(async (context) => {
          const client = await context.client();
          const line = lineFormat(flags.format);
          const { at } = await shownAt(context, flags.at);
          const found: object[] = [];
          const exitCode = await eachOf(context, things, async (thing) => {
            const details = await find(client, context, flags.type, { thing, at });
            if (line) await write(context.io.stdout, `${line(details)}\n`);
            else found.push(details);
          });
          if (!line) await write(context.io.stdout, `${toJson(found, 4)}\n`);
          return exitCode;
        }),
      ),
};
