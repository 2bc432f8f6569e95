import type { ShiplogClient } from '../../../client/connect.ts';
import { ShiplogError } from '../../../client/shiplog-error.ts';
import { write } from '../cli-io.ts';
import { followTransfer, progressView } from '../transfer/progress.ts';
import type { VerbContext } from '../verb.ts';
import type { ContainerFlags } from './flags.ts';
import { given } from './options.ts';

const isHere = async (client: ShiplogClient, context: VerbContext, image: string): Promise<boolean> => {
  try {
    await client.images.inspect({ namespace: context.namespace, image }, { signal: context.signal });
    return true;
  } catch (error) {
    if (error instanceof ShiplogError && error.code === 'not-found') return false;
    throw error;
  }
};

/**
 * Fetches the image as `--pull` says, with progress on standard error: a session has no words for progress.
 *
 * @returns what the daemon should still do about it: nothing if it was just fetched
 */
export const ensureImage = async (
  context: VerbContext,
  image: string,
  flags: Pick<ContainerFlags, 'pull' | 'platform'>,
): Promise<string> => {
  if (flags.pull === 'never') return 'never';
  const client = await context.client();
  if (flags.pull === 'missing') {
    if (await isHere(client, context, image)) return 'missing';
    await write(context.io.stderr, `No image '${image}' here, fetching it\n`);
  }
  const request = { namespace: context.namespace, reference: image, ...given({ platform: flags.platform }) };
  const transfer = client.images.pull(request, { signal: context.signal });
  await followTransfer(transfer, await progressView('bars', context.io.stderr));
  return 'never';
};
