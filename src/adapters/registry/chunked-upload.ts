import { RegistryFailure } from './failure.ts';
import { retrying } from './retry.ts';
import { bodyOf, finish, type Session, sessionOf, type Upload, uploadAsk } from './upload-session.ts';

/** Bytes. */
export interface ChunkLimits {
  /** Larger blobs go in chunks, so that a break costs one chunk and not all. */
  readonly above: number;
  /** Of one chunk. */
  readonly size: number;
  /** Of one chunk where the registry found a whole blob too large. */
  readonly small: number;
}

/** Times that a session may be lost by the registry and begun anew. */
const BEGINNINGS = 3;

/**
 * PATCH by PATCH, by the distribution specification, "Pushing a blob in chunks". After a failure the registry is asked
 * how far it got, and the upload goes on from there.
 */
export const inChunks = async (
  upload: Upload,
  opened: Session,
  begin: () => Promise<Session>,
  chunkSize: number,
): Promise<void> => {
  const { transport, context, descriptor } = upload;
  const { policy, time, log } = transport;
  const steps = { policy, time, log, signal: context.signal };
  let session = opened;
  let lost = 0;
  /** Whether a request failed, so that only the registry knows what it holds. */
  let unsure = false;
  const step = (work: () => Promise<Session | undefined>) =>
    retrying(steps, async () => {
      if (unsure) session = await statusOf(upload, session);
      unsure = true;
      const next = await work();
      unsure = false;
      return next;
    });
  for (;;) {
    try {
      while (session.offset < descriptor.size) {
        session = (await step(() => sendChunk(upload, session, chunkSize))) ?? session;
      }
      await step(async () => {
        await finish(upload, session);
        return undefined;
      });
      return;
    } catch (error) {
      const gone = error instanceof RegistryFailure && (error.status === 404 || error.status === 416);
      lost += 1;
      if (!gone || lost >= BEGINNINGS) throw error;
      log(`${error.message}; beginning the upload anew`);
      session = await begin();
      unsure = false;
    }
  }
};

const sendChunk = async (upload: Upload, session: Session, chunkSize: number): Promise<Session> => {
  const { transport, endpoint, descriptor } = upload;
  const { location, offset, minimum } = session;
  const end = Math.min(descriptor.size, offset + Math.max(chunkSize, minimum));
  const { headers, body } = bodyOf(upload, offset, end);
  const response = await transport.ask(
    endpoint,
    uploadAsk(upload, {
      method: 'PATCH',
      url: location,
      // Inclusive at both ends, and without the word `bytes` that HTTP has there.
      headers: { ...headers, 'content-range': `${offset}-${end - 1}` },
      ...(body === undefined ? {} : { body }),
      expect: [202, 204],
    }),
    1,
  );
  await response.answer.body.dump();
  return { ...sessionOf(upload, response, end), minimum };
};

/** How far the registry got. `0-0` means nothing: registries send it for an upload without bytes too. */
const statusOf = async (upload: Upload, { location, minimum }: Session): Promise<Session> => {
  const { transport, endpoint, descriptor } = upload;
  const response = await transport.ask(
    endpoint,
    uploadAsk(upload, { method: 'GET', url: location, expect: [200, 202, 204] }),
    1,
  );
  await response.answer.body.dump();
  const { range } = response.answer.headers;
  const last = Number(/^(?:bytes=)?0-(\d{1,15})$/.exec(typeof range === 'string' ? range : '')?.[1] ?? 0);
  const offset = last === 0 ? 0 : Math.min(last + 1, descriptor.size);
  const moved =
    response.answer.headers.location === undefined ? undefined : sessionOf(upload, response, offset);
  return { location: moved?.location ?? location, offset, minimum };
};
