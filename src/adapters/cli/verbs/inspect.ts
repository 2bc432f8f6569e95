import type { ShiplogClient } from '../../../client/connect.ts';
import { ShiplogError } from '../../../client/shiplog-error.ts';
import { write } from '../cli-io.ts';
import { containerDetails, imageDetails } from '../output/details.ts';
import { lineFormat } from '../output/rows.ts';
import { toJson } from '../output/template.ts';
import { oneOf } from '../parse/quantity.ts';
import { eachOf, type Verb, type VerbContext } from '../verb.ts';

const isNotFound = (error: unknown): boolean => error instanceof ShiplogError && error.code === 'not-found';

/** Containers come before images of the same name, as in docker. */
const find = async (
  client: ShiplogClient,
  { namespace, signal }: VerbContext,
  type: string | undefined,
  thing: string,
): Promise<object> => {
  if (type !== 'image') {
    try {
      return containerDetails(await client.containers.inspect({ namespace, container: thing }, { signal }));
    } catch (error) {
      if (type === 'container' || !isNotFound(error)) throw error;
    }
  }
  try {
    return imageDetails(await client.images.inspect({ namespace, image: thing }, { signal }));
  } catch (error) {
    if (type === 'image' || !isNotFound(error)) throw error;
    const message = `there is no container or image '${thing}' in namespace '${namespace}'; look with 'shiplog ps -a' and 'shiplog images', or ask 'shiplog history ${thing}'`;
    throw new ShiplogError('not-found', message, { cause: error });
  }
};

export const verb: Verb = {
  examples: [
    ['shiplog inspect web', 'a JSON array, as docker prints it'],
    ["shiplog inspect -f '{{.State.Status}} {{.State.ExitCode}}' web", 'a part of it'],
    ['shiplog inspect --type image debian', 'if a container has that name too'],
  ],
  declare: (command, perform) =>
    command
      .argument('<thing...>', 'containers or images')
      .option(
        '-f, --format <template>',
        "a template such as '{{json .State}}', or 'json' for one object a line",
      )
      .option('--type <type>', 'container or image', oneOf('container', 'image'))
      .action((things, flags) =>
        perform(async (context) => {
          const client = await context.client();
          const line = lineFormat(flags.format);
          const found: object[] = [];
          const exitCode = await eachOf(context, things, async (thing) => {
            const details = await find(client, context, flags.type, thing);
            if (line) await write(context.io.stdout, `${line(details)}\n`);
            else found.push(details);
          });
          if (!line) await write(context.io.stdout, `${toJson(found, 4)}\n`);
          return exitCode;
        }),
      ),
};
