import { describe, expect, it } from 'vitest';
import { routeOf } from '../../../../src/adapters/unpack/stream-processors.ts';

const plain = 'application/vnd.oci.image.layer.v1.tar';
const processor = (id: string, accepts: string | string[], returns: string) => ({
  ...{ id, accepts: [accepts].flat(), returns, path: `/bin/${id}`, args: [], env: [] },
});
const route = (type: string, ...processors: ReturnType<typeof processor>[]) => {
  const { steps, mediaType } = routeOf(type, processors);
  return [...steps.map(({ id }) => id), mediaType];
};

describe('the way of a layer through programs', () => {
  it('is none for what Shiplog knows by itself', () => {
    expect(route(`${plain}+gzip`, processor('x', 'a/b', plain))).toEqual([`${plain}+gzip`]);
  });
  it('leads from type to type until it is a layer', () => {
    const decrypt = processor('decrypt', `${plain}+gzip+encrypted`, `${plain}+gzip`);
    expect(route(`${plain}+gzip+encrypted`, decrypt)).toEqual(['decrypt', `${plain}+gzip`]);
    const outer = processor('outer', 'a/wrapped', `${plain}+gzip+encrypted`);
    expect(route('a/wrapped', decrypt, outer)).toEqual(['outer', 'decrypt', `${plain}+gzip`]);
  });
  it('prefers what was configured last, also to what Shiplog knows', () => {
    const [first, second] = [processor('first', 'a/b', plain), processor('second', ['x/y', 'a/b'], plain)];
    expect(route('a/b', first, second)).toEqual(['second', plain]);
    expect(route(`${plain}+gzip`, processor('unzip', `${plain}+gzip`, plain))).toEqual(['unzip', plain]);
  });
  it('ends at a plain layer, even where a program takes those', () => {
    const [make, again] = [processor('make', 'a/b', plain), processor('again', plain, plain)];
    expect(route('a/b', make, again)).toEqual(['make', plain]);
    expect(route(plain, again)).toEqual(['again', plain]);
  });
  it('must come to a layer, and to an end', () => {
    expect(() => route('a/b')).toThrow(expect.objectContaining({ code: 'unimplemented' }));
    expect(() => route('a/b', processor('x', 'a/b', 'c/d'))).toThrow(/a layer of type 'c\/d'/);
    const circle = [processor('there', 'a/b', 'c/d'), processor('back', 'c/d', 'a/b')];
    expect(() => route('a/b', ...circle)).toThrow(/more than 16 stream processors: there/);
  });
});
