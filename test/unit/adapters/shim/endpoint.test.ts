import { describe, expect, it } from 'vitest';
import { parseEndpoint, socketPath } from '../../../../src/adapters/shim/endpoint.ts';

const read = (printed: string) => parseEndpoint(printed, '/bin/shim');

describe('what a shim prints at its start', () => {
  it('is an address, of version 2 over ttrpc', () => {
    const endpoint = { version: 2, address: 'unix:///run/s/1', protocol: 'ttrpc' };
    expect(read('unix:///run/s/1\n')).toEqual(endpoint);
  });
  it.each([
    [2, 'ttrpc', 'ttrpc'],
    [3, 'ttrpc', 'ttrpc'],
    [3, 'GRPC', 'grpc'],
  ])('is an object that says version %i and %s', (version, protocol, spoken) => {
    const printed = JSON.stringify({ version, address: 'unix:///run/s/1', protocol, more: true });
    expect(read(printed)).toEqual({ version, address: 'unix:///run/s/1', protocol: spoken });
  });
  it.each([
    '',
    'two\nlines',
    '{"version":4,"address":"unix:///s","protocol":"ttrpc"}',
    '{"version":2,"address":"unix:///s","protocol":"grpc"}',
    '{"version":3,"address":"","protocol":"ttrpc"}',
    '{"version":3,"address":"unix:///s","protocol":"http"}',
    '{"version":',
  ])('is refused where it is %j, with its words', (printed) => {
    expect(() => read(printed)).toThrow(
      expect.objectContaining({ code: 'unavailable', message: expect.stringContaining(`'${printed}'`) }),
    );
  });
});

describe('the address of a shim', () => {
  it('is a path with a scheme, and else a name without a file, but over grpc', () => {
    expect(socketPath('unix:///run/s/1')).toBe('/run/s/1');
    expect(socketPath('/containerd-shim/ns/id')).toBe('\0/containerd-shim/ns/id');
    expect(socketPath('/run/s/1', 'grpc')).toBe('/run/s/1');
  });
});
