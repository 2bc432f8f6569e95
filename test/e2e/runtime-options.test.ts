import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { joinControlGroup } from '../../src/adapters/daemon/control-group.ts';
import { createSpecifications } from '../../src/adapters/runc/specifications.ts';
import { createShimRuntime } from '../../src/adapters/shim/runtime.ts';
import type { Runtime, TaskKey } from '../../src/engine/ports/runtime.ts';
import { OptionsSchema } from '../../src/gen/containerd/runc/v1/options_pb.ts';
import { runProgram } from '../support/child.ts';
import { keptLogger } from '../support/fake-api.ts';
import { findProgram, missingHere } from '../support/machine.ts';
import { makeRootfs } from '../support/rootfs.ts';
import { realClock, taskKey } from '../support/task.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const missing = missingHere({ root: true, programs: ['runc', 'containerd-shim-runc-v2'] });

describe.skipIf(missing)(
  `a client's task under runc's shim${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    const temp = makeTempDir('options');
    const state = join(temp.path, 'run');
    const group = `/shiplog-options-${process.pid}`;
    const { logger, lines } = keptLogger();
    let rootfs: string;
    let runtime: Runtime;
    beforeAll(async () => {
      rootfs = makeRootfs(join(temp.path, 'rootfs'));
      runtime = await createShimRuntime({
        stateDirectory: state,
        address: join(temp.path, 'd.sock'),
        ttrpcAddress: join(temp.path, 'd.sock.ttrpc'),
        specification: createSpecifications(),
        logger,
        clock: realClock,
      });
    });
    afterEach(async () => {
      for (const { task } of await runtime.probe()) await runtime.purge(task);
    });
    afterAll(async () => {
      await runtime.close();
      removeGroups(group);
      temp.remove();
    });
    const removeGroups = (path: string) => {
      for (const name of ['', ...readdirSync('/sys/fs/cgroup')]) {
        const folder = join('/sys/fs/cgroup', name, path);
        if (!existsSync(folder)) continue;
        for (const inner of readdirSync(folder, { withFileTypes: true })) {
          if (inner.isDirectory()) rmdirSync(join(folder, inner.name));
        }
        rmdirSync(folder);
      }
    };

    const bundle = ({ namespace, id }: TaskKey) =>
      join(state, 'io.containerd.runtime.v2.task', namespace, id);
    const address = (task: TaskKey): string =>
      JSON.parse(readFileSync(join(bundle(task), 'bootstrap.json'), 'utf8')).address;
    const shimsIn = (folder: string): number[] =>
      readdirSync('/proc').flatMap((name) => {
        try {
          return readlinkSync(`/proc/${name}/cwd`) === folder ? [Number(name)] : [];
        } catch {
          return [];
        }
      });
    const shimsOf = (task: TaskKey): number[] => shimsIn(bundle(task));

    interface Wanted {
      readonly options?: MessageInitShape<typeof OptionsSchema>;
      readonly name?: string;
      readonly stdout?: string;
      readonly cgroup?: boolean;
    }
    const specOf = (id: string, args: readonly string[], cgroup: boolean) => ({
      ociVersion: '1.0.2',
      process: {
        args,
        cwd: '/',
        env: ['PATH=/bin'],
        user: { uid: 0, gid: 0 },
        noNewPrivileges: true,
        capabilities: {},
      },
      root: { path: rootfs, readonly: true },
      mounts: ['proc', 'dev'].map((name) => ({
        destination: `/${name}`,
        type: name === 'dev' ? 'tmpfs' : name,
        source: name,
      })),
      linux: {
        ...(cgroup ? { cgroupsPath: `${group}/${id}` } : {}),
        namespaces: ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })),
      },
    });
    const make = async (id: string, args: readonly string[], wanted: Wanted = {}) => {
      const { options, name = 'io.containerd.runc.v2', stdout = 'file:///dev/null', cgroup = true } = wanted;
      const task = taskKey(id);
      const spec = { typeUrl: 'spec', json: JSON.stringify(specOf(id, args, cgroup)) };
      const bytes = options && toBinary(OptionsSchema, create(OptionsSchema, options));
      const { pid } = await runtime.createOrdered({
        task,
        runtime: {
          name,
          ...(bytes
            ? { options: { typeUrl: OptionsSchema.typeName, base64: Buffer.from(bytes).toString('base64') } }
            : {}),
        },
        spec,
        order: { stdin: '', stdout, stderr: stdout, terminal: false, rootfs: [] },
      });
      return { task, pid };
    };
    const finish = async (task: TaskKey): Promise<number> => {
      await runtime.start(task);
      const { code } = await runtime.wait(task);
      await runtime.delete(task);
      return code;
    };
    /** An OCI runtime that writes down how it is called, and leaves flags away before it calls another. */
    const recorder = (name: string, binary: string, left: readonly string[] = []): string => {
      const path = join(temp.path, name);
      const cases = left.map((flag) => `${flag}) ;;`).join(' ');
      writeFileSync(
        path,
        `#!/bin/bash\necho "$@" >> ${path}.calls\nkept=()\nfor word in "$@"; do case "$word" in ${cases} *) kept+=("$word");; esac; done\nexec ${binary} "\${kept[@]}"\n`,
      );
      chmodSync(path, 0o755);
      return path;
    };
    const callsOf = (path: string) => readFileSync(`${path}.calls`, 'utf8');

    it('has a bundle as containerd lays it out, and a socket, until it is deleted', async () => {
      const { task, pid } = await make('layout', ['sleep', '100']);
      const held = readdirSync(bundle(task)).sort();
      expect(held).toEqual(
        expect.arrayContaining([
          'bootstrap.json',
          'config.json',
          'log',
          'rootfs',
          'shim-binary-path',
          'work',
        ]),
      );
      expect(statSync(join(bundle(task), 'log')).isFIFO()).toBe(true);
      expect(readFileSync(join(bundle(task), 'shim-binary-path'), 'utf8')).toBe(
        findProgram('containerd-shim-runc-v2'),
      );
      const socket = address(task).replace('unix://', '');
      expect(statSync(socket).isSocket()).toBe(true);
      await runtime.start(task);
      process.kill(pid, 'SIGKILL');
      expect((await runtime.wait(task)).code).toBe(137);
      await runtime.delete(task);
      await expect.poll(() => [socket, bundle(task)].filter((path) => existsSync(path))).toEqual([]);
      expect(shimsOf(task)).toEqual([]);
    });

    it('has a shim that the kernel kills for memory a little before the daemon', async () => {
      const { task } = await make('oom', ['sleep', '100']);
      const [shim] = shimsOf(task);
      const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
      expect(Number(readFileSync(`/proc/${shim}/oom_score_adj`, 'utf8'))).toBe(own + 1);
    });

    it('has a shim that was asked to `start` once: the next one is the same without it', async () => {
      const other = await createShimRuntime({
        stateDirectory: join(temp.path, 'once'),
        address: join(temp.path, 'once.sock'),
        ttrpcAddress: join(temp.path, 'once.sock.ttrpc'),
        specification: createSpecifications(),
        logger,
        clock: realClock,
      });
      /** The shim of a new task, as the kernel sees it, and what its task leaves. */
      const shimOf = async (id: string) => {
        const task = taskKey(id);
        const folder = join(temp.path, 'once/io.containerd.runtime.v2.task', task.namespace, id);
        const order = { stdin: '', stdout: '', stderr: '', terminal: false, rootfs: [] };
        const spec = { typeUrl: 'spec', json: JSON.stringify(specOf(id, ['sleep', '100'], true)) };
        await other.createOrdered({ task, runtime: { name: 'io.containerd.runc.v2' }, spec, order });
        const [pid = 0] = shimsIn(folder);
        const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8').replaceAll(id, 'ID');
        const { address } = JSON.parse(readFileSync(join(folder, 'bootstrap.json'), 'utf8'));
        const seen = {
          words: read('cmdline'),
          surroundings: read('environ').split('\0').sort(),
          score: read('oom_score_adj'),
          mode: statSync(address.replace('unix://', '')).mode,
          files: readdirSync(folder).sort(),
        };
        const parent = Number(/^PPid:\s(\d+)$/m.exec(read('status'))?.[1]);
        await other.purge(task);
        return {
          seen,
          parent,
          left: [folder, address.replace('unix://', '')].filter((path) => existsSync(path)),
        };
      };
      try {
        const started = await shimOf('once-first');
        const served = await shimOf('once-again');
        expect(served.seen).toEqual(started.seen);
        expect([started.parent === process.pid, served.parent === process.pid]).toEqual([false, true]);
        expect([started.left, served.left]).toEqual([[], []]);
      } finally {
        await other.close();
      }
    });

    it("writes the shim's log into the daemon's", async () => {
      const { task } = await make('log', ['sleep', '100']);
      writeFileSync(join(bundle(task), 'log'), 'level=warning msg="from the shim"\n');
      await expect
        .poll(() => lines.some((line) => JSON.stringify(line).includes('from the shim')))
        .toBe(true);
    });

    it('is run by the binary, with the state and the flags that its options name', async () => {
      const root = join(temp.path, 'elsewhere');
      const binary = recorder('recorded-runc', 'runc', ['--systemd-cgroup']);
      const options = { binaryName: binary, root, noNewKeyring: true, systemdCgroup: true };
      const { task } = await make('flags', ['true'], { options });
      expect(existsSync(join(root, 'default/flags/state.json'))).toBe(true);
      expect(await finish(task)).toBe(0);
      const calls = callsOf(binary);
      expect(calls).toContain(`--root ${root}/default`);
      expect(calls).toMatch(/create .*--no-new-keyring/);
      expect(calls).toContain('--systemd-cgroup');
      expect(existsSync(join(root, 'default/flags'))).toBe(false);
    });

    it('is cleaned up where its options put it, when its shim has died', async () => {
      const root = join(temp.path, 'orphaned');
      const { task, pid } = await make('orphan', ['sleep', '100'], { options: { root } });
      await runtime.start(task);
      for (const shim of shimsOf(task)) process.kill(shim, 'SIGKILL');
      await expect(runtime.wait(task)).rejects.toMatchObject({ code: 'unavailable' });
      await runtime.purge(task);
      expect(existsSync(join(root, 'default/orphan'))).toBe(false);
      // It may wait as a zombie for a parent that has no interest in it: such a one has no program any more.
      expect(() => readlinkSync(`/proc/${pid}/exe`)).toThrow();
    });

    it('has its shim in the control group that its options name', async () => {
      const shims = `${group}-shims`;
      // runc's shim of 1.6 joins a group that is there.
      const first = spawn('sleep', ['10']);
      joinControlGroup(shims, first.pid ?? 0);
      await new Promise((resolve) => {
        first.once('exit', resolve);
        first.kill();
      });
      const { task } = await make('shim-cgroup', ['true'], { options: { shimCgroup: shims } });
      const [shim] = shimsOf(task);
      expect(readFileSync(`/proc/${shim}/cgroup`, 'utf8')).toContain(`:${shims}`);
      expect(await finish(task)).toBe(0);
      await expect.poll(() => shimsOf(task)).toEqual([]);
      removeGroups(shims);
    });

    it('has pipes of the owner that its options name', async () => {
      const fifo = join(temp.path, 'owned.out');
      await runProgram('mkfifo', [fifo]);
      const output = runProgram('timeout', ['20', 'cat', fifo]);
      const options = { ioUid: 1234, ioGid: 2345 };
      const { task } = await make('owner', ['stat', '-L', '-c', '%u:%g', '/proc/self/fd/1'], {
        options,
        stdout: fifo,
      });
      expect(await finish(task)).toBe(0);
      // runc gives the pipe to the user of the process then, and leaves the group.
      expect(await output).toBe('0:2345\n');
    });

    it.each(['io.containerd.runc.v1', findProgram('containerd-shim-runc-v2') ?? '/none'])(
      'runs under %s',
      async (name) => {
        const { task } = await make('other-shim', ['sh', '-c', 'exit 7'], { name });
        expect(await finish(task)).toBe(7);
        await expect.poll(() => existsSync(bundle(task))).toBe(false);
      },
    );

    const withOther = async (name: string, flags: string): Promise<string> => {
      const binary = recorder(`recorded-${name}`, `${findProgram(name)} ${flags}`);
      const out = join(temp.path, `${name}.out`);
      writeFileSync(out, '');
      const { task } = await make(name, ['sh', '-c', 'cat /proc/version; exit 9'], {
        options: { binaryName: binary },
        stdout: `file://${out}`,
        cgroup: false,
      });
      expect(await finish(task)).toBe(9);
      expect(callsOf(binary)).toMatch(/create/);
      return readFileSync(out, 'utf8');
    };
    const lacking = (name: string) => missingHere({ programs: [name] });
    const skipped = (name: string) => (lacking(name) ? ` (skipped: ${lacking(name)})` : '');

    it.skipIf(lacking('runsc'))(
      `runs on gVisor's kernel by the binary runsc${skipped('runsc')}`,
      async () => {
        const version = await withOther('runsc', '--platform=ptrace --network=none --ignore-cgroups');
        expect(version).toMatch(/^Linux version \d/);
        expect(version).not.toBe(readFileSync('/proc/version', 'utf8'));
      },
    );

    it.skipIf(lacking('crun'))(`runs under crun, or is told why it can't${skipped('crun')}`, async () => {
      const running = withOther('crun', '');
      if (existsSync('/sys/fs/cgroup/unified')) {
        await expect(running).rejects.toThrow(/cgroups in hybrid mode not supported/);
        expect(existsSync(bundle(taskKey('crun')))).toBe(false);
      } else expect(await running).toBe(readFileSync('/proc/version', 'utf8'));
    });

    it('leaves no file open in the daemon after fifty runs', async () => {
      const open = () => readdirSync('/proc/self/fd').length;
      const run = async (id: string) => expect(await finish((await make(id, ['true'])).task)).toBe(0);
      await run('first');
      const before = open();
      for (let round = 0; round < 10; round++) {
        await Promise.all([0, 1, 2, 3, 4].map((at) => run(`run-${round}-${at}`)));
      }
      await expect.poll(open, { timeout: 5000 }).toBeLessThanOrEqual(before);
      expect(await runtime.probe()).toEqual([]);
    }, 120_000);
  },
);
