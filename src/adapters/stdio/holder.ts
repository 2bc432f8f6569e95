import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { hasCode } from '../syscalls/error.ts';
import { FrameCutter, frameKinds, jsonFrame } from './frame.ts';
import { type HolderRequest, parseRequest, parseSettings, settingsOf, streamsOf } from './layout.ts';
import { ProcessStreams } from './process-streams.ts';

/** Connections at once: one of the daemon, one for each attached client. */
const connectionLimit = 4096;

export interface Holder {
  readonly server: Server;
  /**
   * Whether nobody is connected and it holds nothing.
   * @param unreachable its folder was removed, so what has ended by now will never be asked for
   */
  idle(unreachable: boolean): boolean;
}

/**
 * Holds the streams of every process of this host. What it held before a crash of its own is read back from disk first.
 * @param complain takes what went wrong with no client to tell
 */
export const createHolder = (directory: string, complain: (words: string) => void): Holder => {
  const streams = streamsOf(directory);
  mkdirSync(streams, { recursive: true, mode: 0o700 });
  const held = new Map<string, ProcessStreams>();

  const open = (key: string): ProcessStreams => {
    const known = held.get(key);
    if (known) return known;
    const made = new ProcessStreams(
      join(streams, key),
      parseSettings(readFileSync(settingsOf(streams, key), 'utf8')),
    );
    held.set(key, made);
    return made;
  };
  const find = (key: string): ProcessStreams => {
    const found = held.get(key);
    if (found === undefined) throw new Error(`no streams are held for ${key}`);
    return found;
  };
  for (const key of readdirSync(streams)) {
    try {
      open(key);
    } catch (error) {
      // A crash while they were made: no process has them yet, and the daemon opens them again.
      complain(
        `streams ${key} could not be taken up again: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  const answer = async (request: HolderRequest, socket: Socket): Promise<object> => {
    switch (request.op) {
      case 'open':
        open(request.key);
        return {};
      case 'attach':
        find(request.key);
        return {};
      case 'drained':
        await find(request.key).drained();
        return {};
      case 'stdin-closed':
        await find(request.key).stdinClosed();
        return {};
      case 'close':
        held.get(request.key)?.destroy();
        held.delete(request.key);
        rmSync(join(streams, request.key), { recursive: true, force: true });
        return {};
      case 'list':
        // Those of which only the folder was made, too: a crash of the daemon leaves them.
        return { keys: [...new Set([...held.keys(), ...readdirSync(streams)])] };
      default:
        socket.destroy();
        return request.op satisfies never;
    }
  };

  const server = createServer((socket) => {
    const cutter = new FrameCutter();
    let attached: ProcessStreams | undefined;
    const request = async (text: string): Promise<void> => {
      const asked = parseRequest(text);
      try {
        const result = await answer(asked, socket);
        if (socket.destroyed) return;
        socket.write(jsonFrame({ id: asked.id, ...result }));
        if (asked.op !== 'attach') return;
        attached = find(asked.key);
        attached.follow(socket);
      } catch (error) {
        const missing = !held.has(asked.key) || hasCode(error, 'ENOENT');
        const words = error instanceof Error ? error.message : String(error);
        socket.write(jsonFrame({ id: asked.id, error: words, missing }));
      }
    };
    const attend = async (text: string): Promise<void> => {
      try {
        await request(text);
      } catch (error) {
        complain(error instanceof Error ? error.message : String(error));
        socket.destroy();
      }
    };
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const frame of cutter.push(bytes)) {
          if (frame.kind === frameKinds.stdin) attached?.input(frame.body, socket);
          else if (attached) attached.closeStdin();
          else void attend(frame.body.toString('utf8'));
        }
      } catch (error) {
        complain(error instanceof Error ? error.message : String(error));
        socket.destroy();
      }
    });
    socket.on('error', () => socket.destroy());
  });
  server.maxConnections = connectionLimit;
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    socket.once('close', () => connections--);
  });
  const overFor = (unreachable: boolean): boolean =>
    unreachable ? [...held.values()].every((each) => each.over()) : held.size === 0;
  return { server, idle: (unreachable) => connections === 0 && overFor(unreachable) };
};
