import { connect, type Socket } from 'node:net';
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';

/**
 * A gRPC client that does as little as can be done: one connection, one unary call at a time, HTTP/2 frames by hand. A
 * library's client takes several times as long for a call as a server does, so that with one the client would be measured
 * on both sides.
 */
export interface BareCaller {
  /**
   * Sends one message and takes the first answer, also where the method streams.
   * @throws Error where the answer holds no message, which is how a server refuses
   */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O> | DescMethodBiDiStreaming<I, O>,
    input: MessageInitShape<I>,
  ): Promise<MessageShape<O>>;
  /** @returns how many messages a stream answers with */
  count<I extends DescMessage>(
    method: DescMethodServerStreaming<I, DescMessage>,
    input: MessageInitShape<I>,
  ): Promise<number>;
  close(): void;
}

const kind = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const endStream = 1;
const endHeaders = 4;
const acknowledged = 1;
const headerBytes = 9;

const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(headerBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

/** A setting of RFC 9113, 6.5.2. */
const setting = (id: number, value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};

/** More than any benchmark reads. */
const window = 2 ** 31 - 1;
const opening = (): Buffer => {
  const increase = Buffer.alloc(4);
  increase.writeUInt32BE(window - 65_535, 0);
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
    frame(kind.settings, 0, 0, Buffer.concat([setting(2, 0), setting(4, window)])),
    frame(kind.windowUpdate, 0, 0, increase),
  ]);
};

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length > 126) throw new Error(`a header of ${bytes.length} bytes is too long for this client`);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
};
/** A header field that nobody is to remember (RFC 7541, 6.2.2). */
const field = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0]), text(name), text(value)]);

const headersOf = (path: string, own: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat([
    field(':method', 'POST'),
    field(':scheme', 'http'),
    field(':path', path),
    field(':authority', 'localhost'),
    field('content-type', 'application/grpc'),
    field('te', 'trailers'),
    field('user-agent', 'bench'),
    ...Object.entries(own).map(([name, value]) => field(name, value)),
  ]);

const messageFrame = (bytes: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};

/** Connects to the unix socket of a gRPC server. @param lease that holds what the calls make */
export const connectBare = async (path: string, namespace: string, lease?: string): Promise<BareCaller> => {
  const own = {
    'containerd-namespace': namespace,
    ...(lease === undefined ? {} : { 'containerd-lease': lease }),
  };
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.write(opening());
  const exchange = exchangeOver(socket);
  const headers = new Map<string, Buffer>();
  const ask = async (method: DescMethod, request: Uint8Array): Promise<Buffer> => {
    const at = `/${method.parent.typeName}/${method.name}`;
    const known = headers.get(at) ?? headersOf(at, own);
    headers.set(at, known);
    const answer = await exchange(known, messageFrame(request));
    if (answer === undefined) throw new Error(`${at} was refused`);
    return answer;
  };
  return {
    call: async (method, input) => {
      const answer = await ask(method, toBinary(method.input, create(method.input, input)));
      return fromBinary(method.output, answer.subarray(5, 5 + answer.readUInt32BE(1)));
    },
    count: async (method, input) => {
      const answer = await ask(method, toBinary(method.input, create(method.input, input)));
      let messages = 0;
      for (let at = 0; at < answer.length; at += 5 + answer.readUInt32BE(at + 1)) messages += 1;
      return messages;
    },
    close: () => socket.destroy(),
  };
};

/** One exchange at a time. @returns of each, the message with its length, or undefined where none came */
const exchangeOver = (socket: Socket) => {
  let waiting: ((answer: Buffer | undefined) => void) | undefined;
  let failed: ((error: Error) => void) | undefined;
  let body: Buffer[] = [];
  let left: Buffer = Buffer.alloc(0);
  let next = 1;
  const receive = (type: number, flags: number, stream: number, payload: Buffer): void => {
    if (type === kind.settings && (flags & acknowledged) === 0) {
      socket.write(frame(kind.settings, acknowledged, 0, Buffer.alloc(0)));
    }
    if (type === kind.ping && (flags & acknowledged) === 0) {
      socket.write(frame(kind.ping, acknowledged, 0, payload));
    }
    if (type === kind.goAway) failed?.(new Error('the server hangs up'));
    // A stream may be reset after its end, when the next one is under way.
    if (stream !== next - 2) return;
    if (type === kind.data && payload.length > 0) body.push(payload);
    const over =
      type === kind.reset || ((type === kind.headers || type === kind.data) && (flags & endStream) !== 0);
    if (!over) return;
    const answer = body.length === 0 ? undefined : Buffer.concat(body);
    body = [];
    waiting?.(answer);
  };
  socket.on('data', (bytes: Buffer) => {
    left = left.length === 0 ? bytes : Buffer.concat([left, bytes]);
    while (left.length >= headerBytes) {
      const length = left.readUIntBE(0, 3);
      if (left.length < headerBytes + length) return;
      const [type = 0, flags = 0] = [left[3], left[4]];
      const stream = left.readUInt32BE(5);
      const payload = left.subarray(headerBytes, headerBytes + length);
      left = left.subarray(headerBytes + length);
      receive(type, flags, stream, payload);
    }
  });
  socket.on('error', (error) => failed?.(error));
  socket.on('close', () => failed?.(new Error('the server hung up')));
  return (headers: Buffer, request: Buffer): Promise<Buffer | undefined> =>
    new Promise((resolve, reject) => {
      [waiting, failed] = [resolve, reject];
      const stream = next;
      next += 2;
      socket.write(
        Buffer.concat([
          frame(kind.headers, endHeaders, stream, headers),
          frame(kind.data, endStream, stream, request),
        ]),
      );
    });
};
