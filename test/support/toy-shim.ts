import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { z } from 'zod';
import { served, serveTtrpc } from '../../src/adapters/ttrpc/server.ts';
import { grpcDefinition } from '../../src/client/grpc-service.ts';
import { Rejection } from '../../src/domain/rejection.ts';
import { DeleteResponseSchema, Task as TaskV2 } from '../../src/gen/containerd/task/v2/shim_pb.ts';
import { Task as TaskV3 } from '../../src/gen/containerd/task/v3/shim_pb.ts';
import { RuntimeInfoSchema } from '../../src/gen/containerd/types/introspection_pb.ts';
import { Status } from '../../src/gen/containerd/v1/types/task_pb.ts';

/**
 * A shim that runs a process of the host, without any container: small, and real in what it speaks. `$TOY_SHIM` says what:
 * `ttrpc-2`, `ttrpc-3`, `grpc-3`, or a text to be printed in place of its endpoint.
 */
const mode = process.env.TOY_SHIM ?? 'ttrpc-3';
const [protocol = '', version = ''] = mode.split('-');
const socket = join(process.cwd(), 'toy.sock');

interface Ended {
  readonly exitStatus: number;
  readonly exitedAt: ReturnType<typeof timestampFromDate>;
}

const Spec = z.object({ process: z.object({ args: z.array(z.string()) }) });

/** The one task of this shim. */
const toyTask = () => {
  let child: ChildProcess | undefined;
  let running = false;
  let ended: Ended | undefined;
  let exit: Promise<Ended> | undefined;
  const pid = () => child?.pid ?? 0;
  const there = () => {
    if (child === undefined) throw new Rejection('not-found', 'no task: not found');
    return child;
  };
  const state = () => {
    there();
    const now = ended ? Status.STOPPED : running ? Status.RUNNING : Status.CREATED;
    return { id: 'toy', pid: pid(), status: now, ...ended };
  };
  return {
    create: async ({ stdout }: { stdout: string }) => {
      const spec = Spec.parse(JSON.parse(readFileSync('config.json', 'utf8')));
      const out = stdout === '' ? 'ignore' : openSync(stdout, 'w');
      // Stops itself until it is started, so that it has a pid while it is only created.
      child = spawn('/bin/sh', ['-c', 'kill -STOP $$; exec "$@"', 'sh', ...spec.process.args], {
        stdio: ['ignore', out, 'ignore'],
      });
      exit = new Promise((resolve) => {
        child?.once('exit', (code) => {
          ended = { exitStatus: code ?? 137, exitedAt: timestampFromDate(new Date()) };
          resolve(ended);
        });
      });
      // A signal to go on before it has stopped would be lost.
      while (!readFileSync(`/proc/${pid()}/stat`, 'utf8').includes(') T ')) await sleep(5);
      return { pid: pid() };
    },
    start: async () => {
      there().kill('SIGCONT');
      running = true;
      return { pid: pid() };
    },
    state: async () => state(),
    wait: async () => {
      there();
      return exit ?? {};
    },
    kill: async ({ signal }: { signal: number }) => {
      if (ended) throw new Rejection('not-found', 'process already finished: not found');
      there().kill(signal);
      return {};
    },
    pids: async () => ({ processes: [{ pid: pid() }] }),
    delete: async () => {
      const last = { pid: state().pid, ...ended };
      child = undefined;
      return last;
    },
    shutdown: async () => {
      setTimeout(() => {
        rmSync(socket, { force: true });
        process.exit(0);
      }, 10);
      return {};
    },
  };
};

const serveGrpc = async (task: ReturnType<typeof toyTask>): Promise<void> => {
  const server = new Server();
  const answers = Object.entries(task).map(([name, answer]) => [
    name,
    (call: ServerUnaryCall<never, object>, done: sendUnaryData<object>) => {
      const method = TaskV3.method[name as keyof typeof task];
      if (call.metadata.get('containerd-namespace')[0] !== 'default') {
        done({ code: status.INVALID_ARGUMENT, details: 'no namespace' });
        return;
      }
      answer(call.request).then(
        (given) => done(null, create(method.output, given)),
        (error: Error) => done({ code: status.NOT_FOUND, details: error.message }),
      );
    },
  ]);
  server.addService(grpcDefinition(TaskV3), Object.fromEntries(answers));
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
};

const serve = async (): Promise<void> => {
  const task = toyTask();
  if (protocol === 'grpc') return serveGrpc(task);
  const { method } = version === '3' ? TaskV3 : TaskV2;
  await serveTtrpc(socket, [
    served(method.create, task.create),
    served(method.start, task.start),
    served(method.state, task.state),
    served(method.wait, task.wait),
    served(method.kill, task.kill),
    served(method.pids, task.pids),
    served(method.delete, task.delete),
    served(method.shutdown, task.shutdown),
  ]);
};

const start = async (): Promise<void> => {
  if (!['ttrpc', 'grpc'].includes(protocol)) {
    process.stdout.write(mode);
    return;
  }
  const script = process.argv[1] ?? '';
  spawn(process.execPath, [script, 'serve'], { detached: true, stdio: 'ignore' }).unref();
  while (!existsSync(socket)) await sleep(5);
  const address = `unix://${socket}`;
  process.stdout.write(
    version === '2' ? address : JSON.stringify({ version: Number(version), address, protocol }),
  );
};

const info = async (): Promise<void> => {
  const options = readFileSync(0);
  const said = create(RuntimeInfoSchema, {
    name: 'io.containerd.toy.v1',
    version: { version: '1.2.3', revision: 'abc' },
    annotations: { 'options-bytes': String(options.length) },
  });
  process.stdout.write(toBinary(RuntimeInfoSchema, said));
};

const remove = async (): Promise<void> => {
  const gone = create(DeleteResponseSchema, { exitStatus: 137, exitedAt: timestampFromDate(new Date()) });
  process.stdout.write(toBinary(DeleteResponseSchema, gone));
};

const actions: Readonly<Record<string, () => Promise<void>>> = {
  serve,
  start,
  delete: remove,
  '-info': info,
};

const asked = actions[process.argv.at(-1) ?? ''];
if (asked === undefined) process.exitCode = 2;
else {
  asked().catch((error: unknown) => {
    process.stderr.write(`${error}\n`);
    process.exit(1);
  });
}
