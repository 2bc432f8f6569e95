import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { busyboxImage } from './busybox-image.mjs';
import { check, heading, output, prompt, remark } from './screen.mjs';

/** The story that the demo tells, an act a function. Every act shows its commands and checks what came of them. */
const MIB = 1024 * 1024;
const ticks = 45;

/** Where a container sees its own limits, with control groups of version 1 or 2. */
const limitFiles = existsSync('/sys/fs/cgroup/memory')
  ? ['/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/pids/pids.max']
  : ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/pids.max'];

/** A process by more than its number, which might be given to another one: also when it was started (proc(5), stat). */
const identityOf = (pid) => {
  if (!existsSync(`/proc/${pid}/stat`)) return 'gone';
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return `${pid} started at ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
};

const numbersIn = (text) => [...text.matchAll(/^tick (\d+)$/gm)].map(([, number]) => Number(number));
/** 1, 2, 3 … without one missing or twice. */
const isGapFree = (numbers) => numbers.length > 0 && numbers.every((number, at) => number === at + 1);

const ownImage = async (host) => {
  heading('Make an image and push it to a registry');
  const registry = await host.startRegistry();
  const archive = host.path('busybox.tar');
  writeFileSync(archive, busyboxImage('/bin/busybox', 'demo:1'));
  const image = `${registry}/demo:1`;
  await host.must(['import', archive]);
  const pushed = await host.must(['push', 'demo:1', image]);
  check('the registry has the image', /sha256:[0-9a-f]{64}/.test(pushed.stdout));
  await host.must(['rmi', 'demo:1']);
  const { stdout } = await host.must(['images', '-q'], { quiet: true });
  check('here it is gone', stdout.trim() === '', stdout.trim());
  return image;
};

/** @returns digest of the image's first layer */
const pull = async (host, image) => {
  heading('Pull it: fetched, verified, unpacked onto overlayfs');
  await host.must(['pull', image]);
  await host.must(['images']);
  const { stdout } = await host.must(['inspect', '--type', 'image', '-f', '{{json .Layers}}', image], {
    quiet: true,
  });
  const [layer] = JSON.parse(stdout);
  check('its layers are here', typeof layer === 'string' && layer.startsWith('sha256:'), stdout);
  return layer;
};

const run = async (host, image) => {
  heading('Run it, with limits');
  const script = `echo hello from $(hostname), pid $$; cat ${limitFiles.join(' ')}; exit 7`;
  const limits = ['-m', '64m', '--pids-limit', '32'];
  const { code, stdout } = await host.shiplog(['run', '--rm', ...limits, image, 'sh', '-c', script]);
  check('its output came through', stdout.includes('hello from'), stdout);
  check('it was process 1 of its own', stdout.includes(', pid 1\n'), stdout);
  check('its memory is limited to 64 MiB', stdout.includes(`\n${64 * MIB}\n`), stdout);
  check('its processes are limited to 32', stdout.includes('\n32\n'), stdout);
  check('its exit code 7 is ours', code === 7, String(code));
};

const pidOf = async (host) => {
  const { stdout } = await host.must(['inspect', '-f', '{{.State.Pid}}', 'ticker']);
  return Number(stdout);
};

const detached = async (host, image) => {
  heading('Start a container that writes a line every 0.2 s');
  const script = `i=0; while [ $i -lt ${ticks} ]; do i=$((i+1)); echo tick $i; sleep 0.2; done; exit 42`;
  await host.must(['run', '-d', '--name', 'ticker', image, 'sh', '-c', script]);
  const pid = await pidOf(host);
  const identity = identityOf(pid);
  check('it runs', identity !== 'gone');
  await sleep(800);
  await host.must(['logs', 'ticker']);
  return { pid, identity };
};

const killOnce = async (host, { pid, identity }) => {
  heading('Kill the daemon while it runs');
  const before = numbersIn((await host.must(['logs', 'ticker'], { quiet: true })).stdout);
  await host.killDaemon();
  const { code, stderr } = await host.shiplog(['ps']);
  check('nobody answers, and that is said', code === 1 && stderr !== '', String(code));
  prompt(`cat /proc/${pid}/cmdline`);
  if (identityOf(pid) !== 'gone') output(`${showCommand(pid)}\n`);
  check('the container runs on', identityOf(pid) === identity, identityOf(pid));
  remark('for 1.5 s there is no daemon …');
  await sleep(1500);
  const ms = await host.startDaemon();
  const now = await pidOf(host);
  remark(`the daemon was ready after ${ms.toFixed(0)} ms`);
  check('it is still the same process', now === pid && identityOf(pid) === identity, identityOf(now));
  const { stdout } = await host.must(['logs', 'ticker'], { lines: 8 });
  const numbers = numbersIn(stdout);
  check(
    `no line is missing: 1 to ${numbers.at(-1)}, ${numbers.length - before.length} of them since`,
    isGapFree(numbers) && numbers.length - before.length >= 6,
    numbers.join(' '),
  );
};

const showCommand = (pid) => {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
  return words.length > 100 ? `${words.slice(0, 99)}…` : words;
};

const killTwice = async (host, { pid, identity }) => {
  heading('Kill it again: this time the container exits while nobody is there');
  await host.killDaemon();
  const ranOn = identityOf(pid) === identity;
  check('it ran when the daemon died', ranOn);
  const deadline = performance.now() + 30_000;
  while (identityOf(pid) === identity && performance.now() < deadline) await sleep(50);
  remark(`process ${pid} has exited; no daemon saw it`);
  await sleep(300);
  await host.startDaemon();
  const { stdout } = await host.must(['wait', 'ticker']);
  check('its exit code 42 is known', stdout.trim() === '42', stdout.trim());
  const logs = await host.must(['logs', 'ticker'], { lines: 3 });
  const numbers = numbersIn(logs.stdout);
  check(`all ${ticks} lines are there`, isGapFree(numbers) && numbers.length === ticks, numbers.join(' '));
};

const tell = async (host, layer) => {
  heading('Ask the log');
  const listed = await host.must(['ps', '-a']);
  check('ps shows how it ended', /Exited \(42\)/.test(listed.stdout), listed.stdout);
  const history = await host.must(['history', 'ticker']);
  check(
    'its history goes from creation to exit',
    /created/.test(history.stdout) && /exited with 42/.test(history.stdout),
  );
  await host.must(['events', '--all-namespaces', '--filter', 'type=recovery-finished']);
  const kept = await host.must(['why', layer]);
  check('what keeps the layer is known', / is kept by/.test(kept.stdout), kept.stdout);
};

const free = async (host, image, layer) => {
  heading('Remove everything, and ask again');
  await host.must(['--reason', 'the demo is over', 'rm', 'ticker']);
  await host.must(['rmi', image]);
  await host.must(['gc']);
  const freed = await host.must(['why', layer]);
  check('what freed the layer is known', / is gone:/.test(freed.stdout), freed.stdout);
  const history = await host.must(['history', 'ticker'], { lines: 1 });
  check('the reason given is in the log', history.stdout.includes('the demo is over'), history.stdout);
  const verified = await host.shiplog(['verify']);
  check('the log is sound, and the views equal a replay of it', verified.code === 0, verified.stderr.trim());
  await host.must(['info']);
  const left = [...host.keepers(), ...host.mounts()];
  check('no conmon and no mount is left', left.length === 0, left.join(', '));
  check('the daemon stops when asked', (await host.stopDaemon()) === 0);
};

/** @param publicImage an image to pull from where its name says; undefined to make one and serve it here */
export const play = async (host, publicImage) => {
  heading('Start the daemon on throw-away directories');
  const ms = await host.startDaemon();
  remark(`ready after ${ms.toFixed(0)} ms`);
  const image = publicImage ?? (await ownImage(host));
  const layer = await pull(host, image);
  await run(host, image);
  const ticker = await detached(host, image);
  await killOnce(host, ticker);
  await killTwice(host, ticker);
  await tell(host, layer);
  await free(host, image, layer);
};
