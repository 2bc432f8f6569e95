import { describe, expect, it } from 'vitest';
import { formatCheckpoint, parseCheckpoint, timeLine, timeOf } from '../../../src/tlog/checkpoint.ts';
import { leafHash } from '../../../src/tlog/hash.ts';
import { generateSigner, parseSigner, parseVerifier } from '../../../src/tlog/key.ts';
import { openNote, parseNote, signNote } from '../../../src/tlog/note.ts';

/** Keys, text and signatures that the tests of golang.org/x/mod/sumdb/note publish. */
const peterKey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const peterSecret = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const enochKey = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop';
const text =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const peterLine =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const enochLine =
  '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n';
const peter = parseVerifier(peterKey);
const enoch = parseVerifier(enochKey);

/** Every text that differs from one by being cut, or by one character. */
const manglings = (whole: string): string[] => {
  const found: string[] = [];
  for (let from = 0; from < whole.length; from += 1) {
    found.push(whole.slice(from + 1), whole.slice(0, from));
    const next = String.fromCharCode(whole.charCodeAt(from) + 1);
    found.push(whole.slice(0, from) + next + whole.slice(from + 1));
  }
  return found;
};

describe('keys', () => {
  it('are read and written as Go does', () => {
    expect(peter).toMatchObject({ name: 'PeterNeumann', id: 0xc74f20a3, vkey: peterKey });
    const signer = parseSigner(peterSecret);
    expect(signer.verifier.vkey).toBe(peterKey);
    expect(signer.secret()).toBe(peterSecret);
  });

  it('are refused in any other spelling', () => {
    for (const wrong of manglings(peterKey)) expect(() => parseVerifier(wrong), wrong).toThrow('public key');
    for (const wrong of manglings(peterSecret))
      expect(() => parseSigner(wrong), wrong).toThrow('private key');
    // Of a wrong length, and of an unknown algorithm, each with the id it should have.
    for (const wrong of [
      'PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==',
      'PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    ]) {
      expect(() => parseVerifier(wrong)).toThrow('public key');
    }
  });

  it('are made fresh, with a name that a note can carry', () => {
    const one = generateSigner('shiplog/01j9z0c0ffee');
    expect(one.verifier.vkey).not.toBe(generateSigner('shiplog/01j9z0c0ffee').verifier.vkey);
    expect(parseSigner(one.secret()).verifier.vkey).toBe(one.verifier.vkey);
    for (const name of ['', 'a b', 'a+b', 'a\u00a0b', 'a\nb']) {
      expect(() => generateSigner(name)).toThrow("can't name a key");
    }
  });

  it('never tell the secret in what they throw', () => {
    const mangled = peterSecret.replace('c74f20a3', 'c74f20a4');
    expect(() => parseSigner(mangled)).toThrow(/^(?!.*AYEKFAL)/s);
  });
});

describe('notes', () => {
  it('are signed as Go does', () => {
    const signer = parseSigner(peterSecret);
    expect(signNote(text, [signer])).toBe(`${text}\n${peterLine}`);
    const bad = { name: 'PeterNeumann', id: 0xc74f20a3, signature: Buffer.from('bad') };
    expect(signNote(text, [signer], [bad])).toBe(`${text}\n${peterLine}`);
    const { signatures } = parseNote(`${text}\n${enochLine}`);
    expect(signNote(text, [signer], signatures)).toBe(`${text}\n${peterLine}${enochLine}`);
    expect(() => signNote('no newline', [signer])).toThrow('newline');
  });

  it('open with one of their keys, or with all', () => {
    const both = `${text}\n${peterLine}${enochLine}`;
    const one = openNote(both, [peter]);
    expect(one.text).toBe(text);
    expect(one.verified.map(({ name }) => name)).toEqual(['PeterNeumann']);
    expect(one.unverified.map(({ name }) => name)).toEqual(['EnochRoot']);
    expect(openNote(both, [peter, enoch]).verified).toHaveLength(2);
    expect(() => openNote(both, [])).toThrow('not a key that was given');
    expect(
      openNote(Buffer.from(both.replace(peterLine, peterLine + peterLine)), [peter]).verified,
    ).toHaveLength(1);
  });

  it("open the example of the specification's key holder", () => {
    const example = `This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n`;
    const key = parseVerifier('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k');
    expect(openNote(example, [key]).text).toBe('This is an example message.\n');
  });

  it('are refused whole where a known key has not signed this text', () => {
    expect(() => openNote(`${text.replace('answer', 'cause')}\n${peterLine}${enochLine}`, [peter])).toThrow(
      'does not hold',
    );
    const longer = `${peterLine.slice(0, 60)}ABCD${peterLine.slice(60)}`;
    expect(() => openNote(`${text}\n${longer}`, [peter])).toThrow('does not hold');
    const renamed = peterLine.replace('PeterNeumann', 'CarmenSandiego');
    expect(() => openNote(`${text}\n${renamed}`, [peter])).toThrow('not a key that was given');
  });

  it.each<readonly [what: string, message: string | Buffer]>([
    ['only a text', text],
    ['no signatures', `${text}\n`],
    ['a line without its end', `${text}\n${peterLine.slice(0, -1)}`],
    ['a control character', `\x01${text}\n${peterLine}`],
    ['a carriage return', `${text.replace('\n', '\r\n')}\n${peterLine}`],
    ['no UTF-8', Buffer.concat([Buffer.of(0xff), Buffer.from(`${text}\n${peterLine}`)])],
    ['a name with a space', `${text}\n${peterLine.replace('PeterNeumann', 'Bad Name')}`],
    ['a line that is no signature', `${text}\n${peterLine}Unexpected line.\n`],
    ['base64 with a bit too many', `${text}\n${peterLine.replace('nAM=', 'nAN=')}`],
    ['more signatures than anybody makes', `${text}\n${peterLine.repeat(101)}`],
    ['nothing', ''],
  ])('with %s are refused', (_, message) => {
    expect(() => openNote(message, [peter])).toThrow('no signed note');
  });
});

describe('checkpoints', () => {
  const root = leafHash(Buffer.from('hello world'));
  const golden = 'go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n';

  it('have the text that Go writes', () => {
    const checkpoint = { origin: 'go.sum database tree', size: 123456789012, root, extensions: [] };
    expect(formatCheckpoint(checkpoint)).toBe(golden);
    expect(parseCheckpoint(golden)).toEqual(checkpoint);
  });

  it('carry the time in a line of their own', () => {
    const wall = 1_763_731_282_123_456;
    const line = timeLine(wall);
    expect(line).toBe('time 2025-11-21T13:21:22.123456Z');
    const text = formatCheckpoint({ origin: 'shiplog/h', size: 0, root, extensions: ['other', line] });
    expect(timeOf(parseCheckpoint(text))).toBe(wall);
    expect(timeOf(parseCheckpoint(golden))).toBeUndefined();
  });

  it.each([
    ['a size in hex', golden.replace('123456789012', '0xabcdef')],
    ['a size with a zero before it', golden.replace('123456789012', '012')],
    ['a size that a number can not hold', golden.replace('123456789012', '9007199254740993')],
    ['a root of another length', golden.replace('HmuwBb0=', 'HmuwBTOOBIG=')],
    ['no root', 'origin\n5\n'],
    ['no origin', golden.replace('go.sum database tree', '')],
    ['an empty line at its end', `${golden}\n`],
  ])('with %s are refused', (_, wrong) => {
    expect(() => parseCheckpoint(wrong)).toThrow('no checkpoint');
  });

  it('are not written where they would be read as something else', () => {
    expect(() => formatCheckpoint({ origin: 'a\nb', size: 1, root, extensions: [] })).toThrow('lines');
    expect(() => formatCheckpoint({ origin: 'a', size: -1, root, extensions: [] })).toThrow('size');
  });
});
