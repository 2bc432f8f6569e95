import { ContainerRequest } from '../../domain/container-request.ts';
import type { Call, ContainersApi, ExecInput, Session } from '../../engine/ports/api.ts';
import type { ExecRequest, SessionRequest } from '../../gen/shiplog/v1/containers_pb.ts';
import { consoleSizeOf, newContainerOf } from './container-options.ts';
import { resolver, targetOf } from './container-target.ts';
import { invalid, namespaceOf, parse, pathOf, present } from './parse.ts';

/** A session that is about to begin. */
export interface Opening {
  /** `run` and `exec` answer for what they were given to run: a failure of any kind has docker's 125 at least. */
  readonly starts: boolean;
  readonly detach: boolean;
  /** Whether the caller's input goes to the process. */
  readonly stdin: boolean;
  begin(call: Call): Promise<Session>;
}

const execInput = (request: ExecRequest): ExecInput => {
  if (request.args.length === 0) throw invalid('args', 'is empty; say what to run');
  const { args, user, terminal, stdin, detach } = request;
  const consoleSize = consoleSizeOf(request.consoleWidth, request.consoleHeight);
  return {
    process: {
      ...{ args, user, terminal, stdin },
      env: parse(ContainerRequest.unwrap().shape.env, request.env, 'env'),
      ...present({ consoleSize }),
    },
    detach,
    ...present({ cwd: request.cwd === '' ? undefined : pathOf(request.cwd, 'cwd') }),
  };
};

/**
 * What the first message of a session asks for.
 * @throws Rejection `invalid-argument` where it asks for nothing
 */
export const openingOf = (api: ContainersApi, first: SessionRequest | undefined): Opening => {
  const request = first?.request;
  switch (request?.case) {
    case 'run': {
      const { namespace, options, detach } = request.value;
      const begin = async (call: Call): Promise<Session> => {
        const input = await newContainerOf(namespaceOf(namespace), options, resolver(api));
        return api.run({ ...input, detach }, call);
      };
      return { starts: true, detach, stdin: options?.stdin ?? false, begin };
    }
    case 'exec': {
      const { value } = request;
      const begin = async (call: Call) => api.exec({ ...targetOf(value), ...execInput(value) }, call);
      return { starts: true, detach: value.detach, stdin: value.stdin, begin };
    }
    case 'start': {
      const begin = async (call: Call) => api.startAttached(targetOf(request.value), call);
      return { starts: false, detach: false, stdin: request.value.stdin, begin };
    }
    case 'attach': {
      const begin = async (call: Call) => api.attach(targetOf(request.value), call);
      return { starts: false, detach: false, stdin: request.value.stdin, begin };
    }
    default:
      throw invalid('request', 'the first message of a session must be run, start, attach or exec');
  }
};
