import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { leastAheadBytes } from '../../../../src/adapters/grpc/limits.ts';
import { type NextCall, NotingCall } from '../../../../src/adapters/grpc/noting-call.ts';

const most = 4 * leastAheadBytes;

/** A call whose transport takes answers when it is told to. */
const held = () => {
  const going: (() => void)[] = [];
  const heard: string[] = [];
  const next = {
    start: (listener: Parameters<NextCall['start']>[0]) => listener.onReceiveMetadata(new Metadata()),
    sendMessage: (message: Buffer, gone: () => void) => {
      heard.push(`message of ${message.length}`);
      going.push(gone);
    },
    sendStatus: () => heard.push('status'),
  } as unknown as NextCall;
  const noted: Metadata[] = [];
  const peer = { uid: 0, gid: 0, pid: 1, exe: '/bin/ctr' };
  const call = new NotingCall(next, peer, (metadata) => noted.push(metadata), most);
  let sent = 0;
  return {
    call,
    heard,
    noted,
    send: (bytes: number) =>
      call.sendMessage(Buffer.alloc(bytes), () => {
        sent += 1;
      }),
    sent: () => sent,
    /** The transport has taken the answer that was handed to it first. */
    takeOne: () => going.shift()?.(),
  };
};

describe('answers of a call', () => {
  it('count as sent before they have gone, so that the transport may gather them', () => {
    const { send, sent, heard } = held();
    send(10);
    send(leastAheadBytes);
    expect(sent()).toBe(2);
    expect(heard).toEqual(['message of 10', `message of ${leastAheadBytes}`]);
  });

  it('wait where as many are ahead as may be, small ones too, until one has gone', () => {
    const { send, sent, takeOne } = held();
    for (let at = 0; at < 5; at += 1) send(1);
    expect(sent()).toBe(4);
    takeOne();
    expect(sent()).toBe(5);
    send(1);
    expect(sent()).toBe(5);
    takeOne();
    expect(sent()).toBe(6);
  });

  it('that are larger than what may be ahead have gone when they count as sent', () => {
    const { send, sent, takeOne } = held();
    send(most + 1);
    expect(sent()).toBe(0);
    takeOne();
    expect(sent()).toBe(1);
  });

  it('go before the status', () => {
    const { call, send, heard } = held();
    send(1);
    call.sendStatus({ code: 0, details: '' });
    expect(heard).toEqual(['message of 1', 'status']);
  });
});

it('notes the headers that came in before anybody hears of them', () => {
  const { call, noted } = held();
  const order: number[] = [];
  call.start({
    onReceiveMetadata: () => order.push(noted.length),
    onReceiveMessage: () => undefined,
    onReceiveHalfClose: () => undefined,
    onCancel: () => undefined,
  });
  expect(order).toEqual([1]);
});
