import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AnySchema, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { served, serveTtrpc } from '../../src/adapters/ttrpc/server.ts';
import { Rejection } from '../../src/domain/rejection.ts';
import {
  type CreateSandboxRequest,
  Sandbox,
} from '../../src/gen/containerd/runtime/sandbox/v1/sandbox_pb.ts';
import { DeleteResponseSchema } from '../../src/gen/containerd/task/v2/shim_pb.ts';
import { Task } from '../../src/gen/containerd/task/v3/shim_pb.ts';
import { Status } from '../../src/gen/containerd/v1/types/task_pb.ts';

/**
 * A shim whose sandbox is one process of the host, `sleep`, and so are its tasks: small, and real in what it speaks. The type
 * URL of its options tells what it is to refuse: `create`, `start`, `stop`; nothing else. With `grpc` it speaks that.
 */
const socket = join(process.cwd(), 'sandbox.sock');
const flag = (name: string): string | undefined => process.argv[process.argv.indexOf(`-${name}`) + 1];

const sandboxOf = (refuses: string) => {
  let asked: CreateSandboxRequest | undefined;
  let child: ReturnType<typeof spawn> | undefined;
  let ended: { exitStatus: number; exitedAt: ReturnType<typeof timestampFromDate> } | undefined;
  let tell = (_: NonNullable<typeof ended>) => {};
  const exit = new Promise<NonNullable<typeof ended>>((resolve) => {
    tell = resolve;
  });
  const refuse = (what: string) => {
    if (refuses === what) throw new Rejection('failed-precondition', `${what} is refused`);
  };
  const state = () => (ended ? 'SANDBOX_NOTREADY' : child ? 'SANDBOX_READY' : 'SANDBOX_CREATED');
  const { method } = Sandbox;
  return [
    served(method.createSandbox, async (request) => {
      refuse('create');
      asked = request;
      return {};
    }),
    served(method.startSandbox, async () => {
      refuse('start');
      child = spawn('sleep', ['600'], { stdio: 'ignore' });
      child.once('exit', (code, signal) => {
        ended = { exitStatus: signal ? 137 : (code ?? 0), exitedAt: timestampFromDate(new Date()) };
        tell(ended);
      });
      return { pid: child.pid ?? 0, createdAt: timestampFromDate(new Date(1_700_000_000_000)) };
    }),
    served(method.platform, async () => ({ platform: { os: 'linux', architecture: 'riscv64' } })),
    served(method.stopSandbox, async () => {
      refuse('stop');
      child?.kill('SIGKILL');
      if (child) await exit;
      return {};
    }),
    served(method.waitSandbox, async () => exit),
    served(method.sandboxStatus, async ({ sandboxId, verbose }) => ({
      sandboxId,
      pid: child?.pid ?? 0,
      state: state(),
      ...(ended ? { exitedAt: ended.exitedAt } : {}),
      info: verbose
        ? {
            netns: asked?.netnsPath ?? '',
            annotation: asked?.annotations.colour ?? '',
            rootfs: String(asked?.rootfs.length),
            specification: readFileSync('config.json', 'utf8'),
          }
        : {},
    })),
    served(method.pingSandbox, async () => ({})),
    served(method.sandboxMetrics, async ({ sandboxId }) => ({
      metrics: { id: sandboxId, data: { typeUrl: 'sandbox.Metrics', value: new Uint8Array([1, 2]) } },
    })),
    served(method.shutdownSandbox, async () => {
      child?.kill('SIGKILL');
      setTimeout(() => {
        rmSync(socket, { force: true });
        process.exit(0);
      }, 10);
      return {};
    }),
  ];
};

/** Any number of tasks, each a process of the host that sleeps, whatever it was to run. */
const tasksOf = () => {
  const tasks = new Map<string, { child: ChildProcess; exit: Promise<{ exitStatus: number }> }>();
  const there = (id: string) => {
    const task = tasks.get(id);
    if (task === undefined) throw new Rejection('not-found', `no task ${id}: not found`);
    return task;
  };
  const state = (id: string) => {
    const { child } = there(id);
    const over = child.exitCode !== null || child.signalCode !== null;
    return { id, pid: child.pid ?? 0, status: over ? Status.STOPPED : Status.RUNNING };
  };
  const { method } = Task;
  return [
    served(method.create, async ({ id, bundle }) => {
      readFileSync(join(bundle, 'config.json'));
      const child = spawn('sleep', ['600'], { stdio: 'ignore' });
      const exit = new Promise<{ exitStatus: number }>((resolve) => {
        child.once('exit', (code) => resolve({ exitStatus: code ?? 137 }));
      });
      tasks.set(id, { child, exit });
      return { pid: child.pid ?? 0 };
    }),
    served(method.start, async ({ id }) => ({ pid: state(id).pid })),
    served(method.state, async ({ id }) => state(id)),
    served(method.wait, async ({ id }) => there(id).exit),
    served(method.kill, async ({ id, signal }) => {
      there(id).child.kill(signal);
      return {};
    }),
    served(method.delete, async ({ id }) => {
      const { exit } = there(id);
      tasks.delete(id);
      return exit;
    }),
    // A task must not take the sandbox along.
    served(method.shutdown, async () => process.exit(9)),
  ];
};

const serveGrpc = async (methods: ReturnType<typeof served>[]): Promise<void> => {
  const server = new Server();
  for (const service of [Sandbox, Task]) {
    const own = methods.filter((each) => each.service === service.typeName);
    const definition = Object.fromEntries(
      own.map(({ method: name }) => [
        name,
        {
          path: `/${service.typeName}/${name}`,
          ...{ requestStream: false, responseStream: false },
          ...{ requestSerialize: Buffer.from, requestDeserialize: (bytes: Buffer) => bytes },
          ...{ responseSerialize: Buffer.from, responseDeserialize: (bytes: Buffer) => bytes },
        },
      ]),
    );
    const answers = own.map(({ method: name, handle }) => [
      name,
      (call: ServerUnaryCall<Buffer, Uint8Array>, done: sendUnaryData<Uint8Array>) => {
        handle(call.request).then(
          (given) => done(null, given),
          (error: Error) => done({ code: status.NOT_FOUND, details: error.message }),
        );
      },
    ]);
    server.addService(definition, Object.fromEntries(answers));
  }
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
};

const start = async (): Promise<void> => {
  const given = readFileSync(0);
  const refuses = given.length === 0 ? '' : fromBinary(AnySchema, given).typeUrl;
  const args = [process.argv[1] ?? '', ...process.argv.slice(2, -1), 'serve', refuses];
  spawn(process.execPath, args, { detached: true, stdio: 'ignore' }).unref();
  while (!existsSync('shim.pid')) await sleep(5);
  const protocol = refuses === 'grpc' ? 'grpc' : 'ttrpc';
  process.stdout.write(JSON.stringify({ version: 3, address: `unix://${socket}`, protocol }));
};

const main = async (): Promise<void> => {
  if (process.argv.includes('serve')) {
    const kind = process.argv.at(-1) ?? '';
    const methods = [...sandboxOf(kind), ...tasksOf()];
    await (kind === 'grpc' ? serveGrpc(methods) : serveTtrpc(socket, methods));
    // The socket is seen before it listens.
    return writeFileSync('shim.pid', String(process.pid));
  }
  if (process.argv.at(-1) === 'start') return start();
  // `delete`: nothing is left of a sandbox whose shim has gone, but that it was asked is to be seen.
  writeFileSync(join(process.cwd(), '..', `${flag('id')}.deleted`), '');
  process.stdout.write(toBinary(DeleteResponseSchema, create(DeleteResponseSchema)));
};

void main();
