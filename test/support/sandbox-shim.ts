import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AnySchema, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { served, serveTtrpc } from '../../src/adapters/ttrpc/server.ts';
import { Rejection } from '../../src/domain/rejection.ts';
import {
  type CreateSandboxRequest,
  Sandbox,
} from '../../src/gen/containerd/runtime/sandbox/v1/sandbox_pb.ts';
import { DeleteResponseSchema } from '../../src/gen/containerd/task/v2/shim_pb.ts';

/**
 * A shim whose sandbox is one process of the host, `sleep`: small, and real in what it speaks. The type URL of its options
 * tells what it is to refuse: `create`, `start`, `stop`; nothing else.
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

const start = async (): Promise<void> => {
  const given = readFileSync(0);
  const refuses = given.length === 0 ? '' : fromBinary(AnySchema, given).typeUrl;
  const args = [process.argv[1] ?? '', ...process.argv.slice(2, -1), 'serve', refuses];
  spawn(process.execPath, args, { detached: true, stdio: 'ignore' }).unref();
  while (!existsSync('shim.pid')) await sleep(5);
  process.stdout.write(JSON.stringify({ version: 3, address: `unix://${socket}`, protocol: 'ttrpc' }));
};

const main = async (): Promise<void> => {
  if (process.argv.includes('serve')) {
    await serveTtrpc(socket, sandboxOf(process.argv.at(-1) ?? ''));
    // The socket is seen before it listens.
    return writeFileSync('shim.pid', String(process.pid));
  }
  if (process.argv.at(-1) === 'start') return start();
  // `delete`: nothing is left of a sandbox whose shim has gone, but that it was asked is to be seen.
  writeFileSync(join(process.cwd(), '..', `${flag('id')}.deleted`), '');
  process.stdout.write(toBinary(DeleteResponseSchema, create(DeleteResponseSchema)));
};

void main();
