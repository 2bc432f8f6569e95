import { EventEmitter } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import type { CliIo } from '../../src/adapters/cli/cli-io.ts';
import { run } from '../../src/adapters/cli/run.ts';
import { grpcDefinition } from '../../src/client/grpc-service.ts';
import { exitCodeTrailer } from '../../src/client/metadata.ts';
import { statusOfRejection } from '../../src/client/status-codes.ts';
import type { RejectionCode } from '../../src/domain/rejection.ts';
import {
  Containers,
  type SessionRequest,
  type SessionResponseSchema,
} from '../../src/gen/shiplog/v1/containers_pb.ts';
import { Images } from '../../src/gen/shiplog/v1/images_pb.ts';
import { Keeping } from '../../src/gen/shiplog/v1/keeping_pb.ts';
import { Log } from '../../src/gen/shiplog/v1/log_pb.ts';
import { Proofs } from '../../src/gen/shiplog/v1/proofs_pb.ts';
import { Resources } from '../../src/gen/shiplog/v1/resources_pb.ts';
import { System } from '../../src/gen/shiplog/v1/system_pb.ts';
import { Time } from '../../src/gen/shiplog/v1/time_pb.ts';
import { makeTempDir } from './temp-dir.ts';

/**
 * A real gRPC server on a real unix socket with scripted answers, so that the command line and the client are tried
 * without a daemon's machinery: it shows what they send and what they make of what comes back.
 */

const services = { Images, Containers, Keeping, Log, Proofs, System, Resources, Time };
type Services = typeof services;
type Method<S extends keyof Services, M extends keyof Services[S]['method']> = Services[S]['method'][M];
type InputOf<M> = M extends { input: infer I extends DescMessage } ? MessageShape<I> : never;
type OutputOf<M> = M extends { output: infer O extends DescMessage } ? MessageInitShape<O> : never;

/** A no of the daemon. */
export class Refuse extends Error {
  readonly code: RejectionCode;
  readonly exitCode: number | undefined;
  constructor(code: RejectionCode, message: string, exitCode?: number) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
  }
}

const asStatus = (error: unknown): grpc.ServerErrorResponse => {
  const metadata = new grpc.Metadata();
  if (!(error instanceof Refuse)) {
    return Object.assign(error instanceof Error ? error : new Error(String(error)), {
      code: grpc.status.INTERNAL,
    });
  }
  if (error.exitCode !== undefined) metadata.set(exitCodeTrailer, String(error.exitCode));
  return Object.assign(error, { code: statusOfRejection[error.code], details: error.message, metadata });
};

export interface Session {
  /** Requests after the first. */
  readonly requests: AsyncIterable<SessionRequest>;
  send(response: MessageInitShape<typeof SessionResponseSchema>['response']): void;
  /** Fires when the client cancels. */
  readonly cancelled: Promise<void>;
}

export interface FakeDaemon {
  readonly address: string;
  /** Requests seen, by method, oldest first. */
  readonly seen: Map<string, unknown[]>;
  /** Headers of the last call. */
  headers(): Record<string, string>;
  unary<S extends keyof Services, M extends keyof Services[S]['method']>(
    service: S,
    method: M,
    answer: (request: InputOf<Method<S, M>>) => OutputOf<Method<S, M>> | Promise<OutputOf<Method<S, M>>>,
  ): void;
  stream<S extends keyof Services, M extends keyof Services[S]['method']>(
    service: S,
    method: M,
    answers: (
      request: InputOf<Method<S, M>>,
    ) => AsyncIterable<OutputOf<Method<S, M>>> | Iterable<OutputOf<Method<S, M>>>,
  ): void;
  session(script: (first: SessionRequest['request'], session: Session) => Promise<void>): void;
  import(script: (requests: AsyncIterable<unknown>) => Promise<string[]>): void;
  close(): Promise<void>;
}

type Handler = (request: unknown) => unknown;

const schemaOf = (service: keyof Services, method: string): DescMessage => {
  const found = Object.entries(services[service].method).find(([name]) => name === method)?.[1];
  if (!found) throw new Error(`no method ${service}.${method}`);
  return found.output;
};

export const startFakeDaemon = async (): Promise<FakeDaemon> => {
  const temp = makeTempDir('fake-daemon');
  const address = `unix://${temp.path}/d.sock`;
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 * 1024 * 1024 });
  // Nothing was pruned, unless a test says otherwise.
  const handlers = new Map<string, Handler>([['Log.horizon', () => ({})]]);
  const seen = new Map<string, unknown[]>();
  let headers: Record<string, string> = {};
  let session: ((first: SessionRequest['request'], session: Session) => Promise<void>) | undefined;
  let importing: ((requests: AsyncIterable<unknown>) => Promise<string[]>) | undefined;

  const note = (key: string, request: unknown, metadata: grpc.Metadata): Handler => {
    seen.set(key, [...(seen.get(key) ?? []), request]);
    headers = Object.fromEntries(
      Object.entries(metadata.getMap()).map(([name, value]) => [name, String(value)]),
    );
    const handler = handlers.get(key);
    if (!handler) throw new Refuse('unimplemented', `the fake daemon has no answer for ${key}`);
    return handler;
  };

  const serveUnary =
    (service: keyof Services, method: string) =>
    (call: grpc.ServerUnaryCall<unknown, unknown>, reply: grpc.sendUnaryData<unknown>): void => {
      const answer = async () => note(`${service}.${method}`, call.request, call.metadata)(call.request);
      answer().then(
        (value) => reply(null, create(schemaOf(service, method), value as Record<string, unknown>)),
        (error: unknown) => reply(asStatus(error)),
      );
    };

  const serveStream =
    (service: keyof Services, method: string) =>
    async (call: grpc.ServerWritableStream<unknown, unknown>): Promise<void> => {
      try {
        const answers = note(`${service}.${method}`, call.request, call.metadata)(call.request);
        for await (const value of answers as AsyncIterable<Record<string, unknown>>) {
          if (call.cancelled) return;
          if (!call.write(create(schemaOf(service, method), value))) {
            await Promise.race([
              new Promise((resolve) => call.once('drain', resolve)),
              new Promise((resolve) => call.once('cancelled', resolve)),
            ]);
          }
        }
        call.end();
      } catch (error) {
        call.emit('error', asStatus(error));
      }
    };

  const serveSession = async (call: grpc.ServerDuplexStream<SessionRequest, unknown>): Promise<void> => {
    const requests = call[Symbol.asyncIterator]();
    const cancelled = new Promise<void>((resolve) => call.once('cancelled', resolve));
    try {
      const { value: first } = await requests.next();
      seen.set('Containers.session', [...(seen.get('Containers.session') ?? []), first]);
      if (!session) throw new Refuse('unimplemented', 'the fake daemon has no session');
      await session(first.request, {
        // Without `return`: leaving a loop over them must not end the call.
        requests: { [Symbol.asyncIterator]: () => ({ next: () => requests.next() }) },
        send: (response) => call.write(create(schemaOf('Containers', 'session'), { response })),
        cancelled,
      });
      call.end();
    } catch (error) {
      call.emit('error', asStatus(error));
    }
  };

  const serveImport = (
    call: grpc.ServerReadableStream<unknown, unknown>,
    reply: grpc.sendUnaryData<unknown>,
  ) => {
    const answer = importing?.(call) ?? Promise.reject(new Refuse('unimplemented', 'no import'));
    answer.then(
      (names) => reply(null, create(schemaOf('Images', 'import'), { names })),
      (error: unknown) => reply(asStatus(error)),
    );
  };

  for (const name of Object.keys(services) as (keyof Services)[]) {
    const implementation: grpc.UntypedServiceImplementation = {};
    for (const [method, { methodKind }] of Object.entries(services[name].method)) {
      if (methodKind === 'unary') implementation[method] = serveUnary(name, method);
      else if (methodKind === 'server_streaming') implementation[method] = serveStream(name, method);
      else if (methodKind === 'client_streaming') implementation[method] = serveImport;
      else implementation[method] = serveSession;
    }
    server.addService(grpcDefinition(services[name]), implementation);
  }
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    address,
    seen,
    headers: () => headers,
    unary: (service, method, answer) => handlers.set(`${service}.${String(method)}`, answer as Handler),
    stream: (service, method, answers) => handlers.set(`${service}.${String(method)}`, answers as Handler),
    session: (script) => {
      session = script;
    },
    import: (script) => {
      importing = script;
    },
    close: async () => {
      server.forceShutdown();
      temp.remove();
    },
  };
};

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A terminal or pipe whose writes are kept. */
class Sink extends Writable {
  readonly chunks: Buffer[] = [];
  isTTY = false;
  columns = 100;
  rows = 30;
  /** Like a pipe whose other end was closed. */
  readerGone = false;
  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (!this.readerGone) this.chunks.push(Buffer.from(chunk));
    done(this.readerGone ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : undefined);
  }
  text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }
}

export interface Console extends CliIo {
  readonly stdin: PassThrough & { isTTY: boolean; setRawMode(raw: boolean): void };
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly signals: EventEmitter;
  /** Each switch of the terminal's mode, in order. */
  readonly rawModes: boolean[];
}

/** Noon of a day in November 2026: what `now` is in these tests, in milliseconds. */
export const NOON = Date.UTC(2026, 10, 21, 12, 0, 0);

/** A console without a process around it. */
export const makeConsole = (
  given: { stdin?: string; tty?: boolean; env?: Record<string, string> } = {},
): Console => {
  const rawModes: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), {
    isTTY: given.tty ?? false,
    setRawMode: (raw: boolean) => {
      rawModes.push(raw);
    },
  });
  if (given.stdin !== undefined) Readable.from([Buffer.from(given.stdin)]).pipe(stdin);
  const stdout = new Sink();
  stdout.isTTY = given.tty ?? false;
  return {
    stdin,
    stdout,
    stderr: new Sink(),
    env: given.env ?? {},
    cwd: '/work',
    signals: new EventEmitter(),
    now: () => NOON,
    rawModes,
  };
};

/** Runs the command line against an address, to its end. */
export const runCli = async (
  address: string,
  argv: readonly string[],
  console: Console = makeConsole(),
): Promise<Ran> => {
  const exitCode = await run(['--address', address, ...argv], console);
  return { exitCode, stdout: console.stdout.text(), stderr: console.stderr.text() };
};
