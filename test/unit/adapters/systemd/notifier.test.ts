import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNotifier } from '../../../../src/adapters/systemd/notifier.ts';
import type { Logger } from '../../../../src/engine/ports/logger.ts';

/** A real datagram socket, since Node has none: prints each message as a line of JSON. */
const RECEIVER = `
import json, socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + name[1:] if name.startswith('@') else name)
print('"bound"', flush=True)
for _ in range(int(sys.argv[2])):
    print(json.dumps(s.recv(4096).decode()), flush=True)
`;

const hasPython = spawnSync('python3', ['-c', '']).status === 0;

const recorder = () => {
  const warnings: string[] = [];
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => warnings.push(message),
    error: () => undefined,
    child: () => logger,
  };
  return { logger, warnings };
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shiplog-notify-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a service manager at `socket` hears while `act` runs. */
const heard = async (socket: string, count: number, act: () => void): Promise<string[]> => {
  const receiver = spawn('python3', ['-c', RECEIVER, socket, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const messages: string[] = [];
    for await (const text of createInterface(receiver.stdout)) {
      const message: unknown = JSON.parse(text);
      if (message === 'bound') act();
      else messages.push(String(message));
    }
    return messages;
  } finally {
    receiver.kill('SIGKILL');
    if (receiver.exitCode === null && receiver.signalCode === null) await once(receiver, 'exit');
  }
};

describe('the service manager', () => {
  it.skipIf(!hasPython)('is told of every step (skipped without python3, which receives here)', async () => {
    const { logger, warnings } = recorder();
    const socket = join(folder, 'notify');
    const notifier = createNotifier(socket, logger);
    const messages = await heard(socket, 4, () => {
      notifier.ready('3 containers\nrunning');
      notifier.status('pulling');
      notifier.reloading();
      notifier.stopping();
    });
    expect(messages).toEqual([
      'READY=1\nSTATUS=3 containers running',
      'STATUS=pulling',
      expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/),
      'STOPPING=1',
    ]);
    expect(warnings).toEqual([]);
  });

  it.skipIf(!hasPython)('may listen at an abstract name (skipped without python3)', async () => {
    const { logger } = recorder();
    const socket = `@shiplog-test-${process.pid}`;
    expect(await heard(socket, 1, () => createNotifier(socket, logger).ready())).toEqual(['READY=1']);
  });

  it('that has gone is a warning', () => {
    const { logger, warnings } = recorder();
    createNotifier(join(folder, 'none'), logger).ready();
    createNotifier(`/${'a'.repeat(120)}`, logger).ready();
    expect(warnings).toHaveLength(2);
  });

  it.each([undefined, ''])('that never was is no matter: %o', (socket) => {
    const { logger, warnings } = recorder();
    createNotifier(socket, logger).ready();
    expect(warnings).toEqual([]);
  });
});
