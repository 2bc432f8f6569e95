import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { familiarName, ImageReference, imageNameOf } from '../../../src/domain/image-reference.ts';

const digest = `sha256:${'a1'.repeat(32)}`;
const parse = (text: string) => ImageReference.parse(text);
const nameOf = (text: string): string => imageNameOf(parse(text));

describe('an image reference', () => {
  it.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3.20', 'docker.io/library/alpine:3.20'],
    ['library/alpine', 'docker.io/library/alpine:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['index.docker.io/alpine:1', 'docker.io/library/alpine:1'],
    ['grafana/loki:3', 'docker.io/grafana/loki:3'],
    ['docker.io/grafana/loki', 'docker.io/grafana/loki:latest'],
    ['ghcr.io/a/b/c:v1', 'ghcr.io/a/b/c:v1'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app:1', 'localhost:5000/app:1'],
    ['127.0.0.1:5000/app', '127.0.0.1:5000/app:latest'],
    ['[::1]:5000/app', '[::1]:5000/app:latest'],
    ['registry:5000/app', 'registry:5000/app:latest'],
    ['Registry/app', 'Registry/app:latest'],
    [`alpine@${digest}`, `docker.io/library/alpine@${digest}`],
    [`ghcr.io/a/b:v1@${digest}`, `ghcr.io/a/b:v1@${digest}`],
    ['a/b__c/d-e--f.g', 'docker.io/a/b__c/d-e--f.g:latest'],
    [`a@sha512:${'b2'.repeat(64)}`, `docker.io/library/a@sha512:${'b2'.repeat(64)}`],
  ])('%s is %s', (text, name) => {
    expect(nameOf(text)).toBe(name);
  });

  it('keeps its parts apart', () => {
    expect(parse(`localhost:5000/team/app:v1@${digest}`)).toEqual({
      registry: 'localhost:5000',
      repository: 'team/app',
      tag: 'v1',
      digest,
    });
    expect(parse('alpine')).toEqual({ registry: 'docker.io', repository: 'library/alpine', tag: 'latest' });
    expect(parse(`alpine@${digest}`)).not.toHaveProperty('tag');
  });

  it.each([
    ['', /empty/],
    ['Alpine', /lower-case/],
    ['a//b', /lower-case/],
    ['a/', /lower-case/],
    ['/a', /lower-case/],
    ['a..b', /lower-case/],
    ['a___b', /lower-case/],
    ['-a', /lower-case/],
    ['docker.io/', /lower-case/],
    ['a b', /lower-case/],
    ['a:b:c', /lower-case/],
    ['a:', /'' is not a tag/],
    ['a:-b', /'-b' is not a tag/],
    [`a:${'t'.repeat(129)}`, /is not a tag/],
    ['a@sha256:short', /is not a digest/],
    [`a@${digest.toUpperCase()}`, /is not a digest/],
    ['a@md5:abc', /is not a digest/],
    [`a@${digest}@${digest}`, /is not a digest/],
    ['http://ghcr.io/a', /'http:' is not a registry host/],
    ['-bad.example/a', /registry host/],
    ['host.example:99999/a', /registry host/],
    ['host:port/a', /registry host/],
    ['a1'.repeat(32), /image id/],
    [`ghcr.io/${'a'.repeat(256)}`, /255/],
    [`${'a'.repeat(300)}.io/${'b'.repeat(255)}`, /longer than 512/],
    [`${'a'.repeat(297)}.io/${'b'.repeat(205)}`, /full name is longer than 512/],
    [`a\n`, /lower-case/],
    [`../../etc`, /'..' is not a registry host/],
  ])('%j is refused with a reason', (text, words) => {
    expect(ImageReference.safeParse(text).error?.issues[0]?.message).toMatch(words);
  });

  it('says what was asked', () => {
    expect(ImageReference.safeParse('Alpine').error?.issues[0]?.message).toBe(
      "image reference 'Alpine': 'library/Alpine' is not a repository (lower-case letters, digits, separators)",
    );
  });

  it('normalises to a name that means the same', () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,8})?$/);
    const registry = fc.constantFrom('', 'localhost/', 'ghcr.io/', '127.0.0.1:5000/', 'docker.io/', 'r:1/');
    const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/), { nil: undefined });
    const pinned = fc.boolean();
    fc.assert(
      fc.property(
        registry,
        fc.array(component, { minLength: 1, maxLength: 4 }),
        tag,
        pinned,
        (host, path, label, pin) => {
          const text = `${host}${path.join('/')}${label === undefined ? '' : `:${label}`}${pin ? `@${digest}` : ''}`;
          // Sixty-four hexadecimal digits cannot come up: components are shorter.
          const once = parse(text);
          const name = imageNameOf(once);
          expect(parse(name)).toEqual(once);
          expect(imageNameOf(parse(name))).toBe(name);
          expect(imageNameOf(parse(familiarName(name)))).toBe(name);
        },
      ),
    );
  });

  it('reads anything in no time', () => {
    const started = performance.now();
    for (const text of [
      'a'.repeat(1e6),
      `${'a-'.repeat(250)}!`,
      `${'a.'.repeat(250)}/b`,
      `a/${'_'.repeat(500)}`,
    ]) {
      ImageReference.safeParse(text);
    }
    fc.assert(
      fc.property(
        fc.string({ maxLength: 600 }),
        (text) => typeof ImageReference.safeParse(text).success === 'boolean',
      ),
    );
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('a familiar name', () => {
  it.each([
    ['docker.io/library/alpine:latest', 'alpine:latest'],
    ['docker.io/grafana/loki:3', 'grafana/loki:3'],
    ['ghcr.io/library/alpine:1', 'ghcr.io/library/alpine:1'],
    ['docker.io/library/a/b:1', 'library/a/b:1'],
    ['docker.io/a.b/c:1', 'docker.io/a.b/c:1'],
    ['docker.io/localhost/c:1', 'docker.io/localhost/c:1'],
    [`docker.io/library/alpine@${digest}`, `alpine@${digest}`],
  ])('of %s is %s', (name, familiar) => {
    expect(familiarName(name)).toBe(familiar);
  });
});
