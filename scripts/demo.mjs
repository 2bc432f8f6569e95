import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setup } from './setup.mjs';

/**
 * `npm run demo [-- IMAGE]`: the main job from an empty directory to the last question, with the daemon killed twice on
 * the way. Sets up and builds first; leaves nothing behind, also when it fails or is interrupted. With IMAGE that image is
 * pulled from where its name says (it needs `sh`, `cat`, `hostname` and `sleep`); without, one is made and served here.
 * Exits with 0 only if every check passed. Uses Node's own modules only.
 */
const usage = 'Usage: npm run demo [-- IMAGE]';

const prepare = () => {
  const { missing } = setup();
  const needed = ['runc', 'conmon', 'containerd', 'docker-registry', 'busybox-static'].filter((name) =>
    missing.includes(name),
  );
  if (needed.length > 0) throw new Error(`${needed.join(', ')} could not be installed`);
  process.stdout.write('demo: building\n');
  const built = spawnSync(process.execPath, [join(import.meta.dirname, 'build.mjs')], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`the build failed:\n${built.stderr}`);
};

/** Resolves with the signal that asks to end. A second one is not needed: cleaning up is bounded. */
const interruption = () =>
  new Promise((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => done(signal));
  });

const demo = async (image) => {
  if (process.geteuid() !== 0) throw new Error('containers need root: run the demo as root');
  const interrupted = interruption();
  prepare();
  // Signals that came while a child was waited for are delivered before the next turn.
  await new Promise((done) => setImmediate(done));
  const [{ DemoHost }, { play }, screen] = await Promise.all([
    import('./demo/host.mjs'),
    import('./demo/acts.mjs'),
    import('./demo/screen.mjs'),
  ]);
  const began = performance.now();
  const host = new DemoHost();
  const played = play(host, image).then(
    () => undefined,
    (error) => error.message,
  );
  const ended = interrupted.then((signal) => `ended by ${signal}`);
  const trouble = await Promise.race([played, ended]);
  const isFailure = trouble !== undefined && !trouble.startsWith('ended by');
  if (isFailure) process.stderr.write(`${host.tail('daemon.log')}\n`);
  const left = await host.close();
  screen.check('nothing is left behind', left.length === 0, left.join(', '));
  const good = screen.verdict(trouble, (performance.now() - began) / 1000);
  return good ? 0 : trouble === undefined || isFailure ? 1 : 130;
};

const [image, ...rest] = process.argv.slice(2);
if (rest.length > 0 || image?.startsWith('-')) {
  process.stdout.write(`${usage}\n`);
  process.exit(image === '--help' || image === '-h' ? 0 : 1);
}
demo(image).then(
  (code) => process.exit(code),
  (error) => {
    process.stderr.write(`demo: ${error.message}\n`);
    process.exit(1);
  },
);
