import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ContainersApi, Session } from '../../engine/ports/api.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { StartFailure } from '../../engine/ports/runtime.ts';
import type { OutputChunk } from '../../engine/ports/stdio.ts';
import type { SessionRequest, SessionResponseSchema } from '../../gen/shiplog/v1/containers_pb.ts';
import type { CallContext } from './handlers.ts';
import { forwardInput } from './session-input.ts';
import { type Opening, openingOf } from './session-opening.ts';
import { ExitCodeFailure } from './status.ts';
import { orAborted, until } from './until.ts';

type Response = MessageInitShape<typeof SessionResponseSchema>;

const outputMessage = ({ stream, bytes }: OutputChunk): Response => ({
  response: { case: stream, value: bytes },
});

/**
 * Asks for the first item at once, and hands it out with the others later: the output of a process has to be read from
 * its start, but must not be told before the start itself is.
 */
const readAhead = <T>(source: AsyncIterable<T>): AsyncIterable<T> => {
  const items = source[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<T>> | undefined = items.next();
  // Told again to whoever asks for it; where the start fails nobody does.
  first.catch(() => undefined);
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const next = first ?? items.next();
        first = undefined;
        return next;
      },
      return: async () => (await items.return?.()) ?? { done: true, value: undefined },
    }),
  };
};

/** A signal that fires when any of these does, and a way to fire it. */
const linked = (signal: AbortSignal): AbortController => {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  signal.addEventListener('abort', () => controller.abort(signal.reason), {
    once: true,
    signal: controller.signal,
  });
  return controller;
};

/** Why a session ends before its process: the caller closed it. */
const CLOSED = Symbol('closed by the caller');

/** Created, started, what it writes, exited. Ends early, and quietly, when the caller closes the session. */
async function* lifetime(
  session: Session,
  { detach, stdin }: Opening,
  requests: AsyncIterable<SessionRequest>,
  leaving: AbortController,
  logger: Logger,
): AsyncGenerator<Response> {
  const { signal } = leaving;
  const output = readAhead(session.output);
  yield { response: { case: 'created', value: { ...session.container } } };
  const { pid } = await orAborted(session.started, signal);
  yield { response: { case: 'started', value: { pid } } };
  if (detach) return;
  forwardInput(session, requests, stdin, logger).then(
    () => leaving.abort(CLOSED),
    (error: unknown) => leaving.abort(error),
  );
  for await (const chunk of until(output, signal)) {
    if (chunk.bytes.length > 0) yield outputMessage(chunk);
  }
  signal.throwIfAborted();
  const ended = await orAborted(session.ended, signal);
  if (ended) yield { response: { case: 'exited', value: { exitCode: ended.exitCode } } };
}

const withExitCode = (error: unknown, { starts }: Opening): unknown =>
  starts ? new ExitCodeFailure(error instanceof StartFailure ? error.exitCode : 125, error) : error;

/**
 * A terminal's end of a process over one call. The caller's going away, its deadline and its closing of the call detach:
 * the process goes on. Until the session stands, going away cancels what the opening still waits for.
 */
export const sessionService = (api: ContainersApi, logger: Logger) =>
  async function* (requests: AsyncIterable<SessionRequest>, { cause, signal }: CallContext) {
    const messages = requests[Symbol.asyncIterator]();
    const first = await messages.next();
    const opening = openingOf(api, first.done ? undefined : first.value);
    const leaving = linked(signal);
    let session: Session | undefined;
    let over = false;
    try {
      session = await beginUntil(opening, cause, signal);
      // Each is asked for where it is needed; where the session ends before that, nobody needs it.
      session.started.catch(() => undefined);
      session.ended.catch(() => undefined);
      const rest = { [Symbol.asyncIterator]: () => ({ next: () => messages.next() }) };
      yield* lifetime(session, opening, rest, leaving, logger);
      over = true;
    } catch (error) {
      if (leaving.signal.reason !== CLOSED) throw withExitCode(error, opening);
    } finally {
      leaving.abort(CLOSED);
      if (session && !over && !opening.detach) letGo(session, logger);
    }
  };

/** The signal given to the opening is silent afterwards: from then on the caller's going away means to detach. */
const beginUntil = async (
  opening: Opening,
  cause: CallContext['cause'],
  signal: AbortSignal,
): Promise<Session> => {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await opening.begin({ cause, signal: controller.signal });
  } finally {
    signal.removeEventListener('abort', abort);
  }
};

/** Not awaited by the call: a process that is still being started has no streams to let go of yet. */
const letGo = (session: Session, logger: Logger): void => {
  session.detach().catch((error: unknown) => {
    logger.debug('a session had nothing left to detach from', { container: session.container.id, error });
  });
};
