import { isRejection } from '../../domain/rejection.ts';
import type { Session } from '../../engine/ports/api.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { SessionRequest } from '../../gen/shiplog/v1/containers_pb.ts';
import { signalOf } from './container-options.ts';
import { invalid } from './parse.ts';

const perform = async (session: Session, { request }: SessionRequest, stdin: boolean): Promise<void> => {
  switch (request.case) {
    case 'stdin':
      if (!stdin) throw invalid('stdin', 'the session was opened without it');
      return session.write(request.value);
    case 'closeStdin':
      return stdin ? session.closeStdin() : undefined;
    case 'resize': {
      const { width, height } = request.value;
      // A terminal that is no terminal any more says 0.
      return width > 0 && height > 0 ? session.resize({ width, height }) : undefined;
    }
    case 'signal':
      return session.signal(signalOf(request.value, 'signal'));
    case undefined:
      return undefined; // Said by a newer client.
    default:
      throw invalid(request.case, 'only the first message of a session may say this');
  }
};

/**
 * Hands the caller's input to a session, each message when the last was taken, so that a process which does not read
 * makes the caller wait. Ends with the caller's messages.
 *
 * Input that comes when the process has just ended is late and not wrong: it is dropped.
 * @throws Rejection `invalid-argument` for a message that makes no sense
 */
export const forwardInput = async (
  session: Session,
  requests: AsyncIterable<SessionRequest>,
  stdin: boolean,
  logger: Logger,
): Promise<void> => {
  for await (const request of requests) {
    try {
      await perform(session, request, stdin);
    } catch (error) {
      if (isRejection(error) && error.code === 'invalid-argument') throw error;
      logger.debug('input of a session came too late', { input: request.request.case, error });
    }
  }
};
