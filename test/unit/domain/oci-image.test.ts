import { describe, expect, it } from 'vitest';
import type { Platform } from '../../../src/domain/identity.ts';
import {
  chooseManifest,
  ImageConfig,
  ImageIndex,
  ImageManifest,
  indexLabels,
  manifestLabels,
  mediaTypes,
  normalisePlatform,
  platformText,
} from '../../../src/domain/oci-image.ts';
import { digest } from '../../support/given.ts';

const entry = (n: number, platform?: Platform, mediaType: string = mediaTypes.ociManifest) => ({
  mediaType,
  digest: digest(n),
  size: 1,
  ...(platform ? { platform } : {}),
});
const index = (...manifests: object[]): ImageIndex => ImageIndex.parse({ schemaVersion: 2, manifests });
const linux = (architecture: string, variant?: string): Platform => ({
  os: 'linux',
  architecture,
  ...(variant === undefined ? {} : { variant }),
});

it('takes null for an empty list, as programs in Go write it', () => {
  expect(ImageIndex.parse({ schemaVersion: 2, manifests: null }).manifests).toEqual([]);
  expect(ImageManifest.parse({ schemaVersion: 2, config: entry(1), layers: null }).layers).toEqual([]);
  const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: null } };
  expect(ImageConfig.parse(config).rootfs.diff_ids).toEqual([]);
});

describe('a platform is spelled', () => {
  it.each<[Platform, string]>([
    [linux('x86_64'), 'linux/amd64'],
    [{ os: 'Linux', architecture: 'AMD64' }, 'linux/amd64'],
    [linux('amd64', 'v1'), 'linux/amd64'],
    [linux('amd64', 'v3'), 'linux/amd64/v3'],
    [linux('aarch64'), 'linux/arm64'],
    [linux('arm64', 'v8'), 'linux/arm64'],
    [linux('arm64', ''), 'linux/arm64'],
    [linux('armhf'), 'linux/arm/v7'],
    [linux('armel'), 'linux/arm/v6'],
    [linux('arm', 'v7'), 'linux/arm/v7'],
    [linux('i386'), 'linux/386'],
    [linux('s390x'), 'linux/s390x'],
  ])('%j as %s', (platform, spelled) => {
    expect(platformText(normalisePlatform(platform))).toBe(spelled);
  });
});

describe('of an index is chosen', () => {
  const many = index(
    entry(0, { os: 'unknown', architecture: 'unknown' }),
    entry(1, linux('arm', 'v5')),
    entry(2, linux('arm', 'v7')),
    entry(3, linux('arm64', 'v8')),
    entry(4, linux('amd64', 'v3')),
    entry(5, linux('amd64')),
    entry(6, linux('s390x'), 'application/vnd.example'),
  );
  it.each<[string, Platform, number | undefined]>([
    ['the same', linux('amd64'), 5],
    ['the same variant', linux('amd64', 'v3'), 4],
    ['one without a variant, for one that is not there', linux('amd64', 'v2'), 5],
    ['arm64 in any spelling', linux('aarch64'), 3],
    ['the highest arm that is not above', linux('arm', 'v6'), 1],
    ['the same arm', linux('arm', 'v7'), 2],
    ['nothing for another architecture', linux('riscv64'), undefined],
    ['nothing for another system', { os: 'windows', architecture: 'amd64' }, undefined],
    ['nothing that is no manifest', linux('s390x'), undefined],
    ['never an attestation', { os: 'unknown', architecture: 'amd64' }, undefined],
  ])('%s', (_, wanted, chosen) => {
    expect(chooseManifest(many, wanted)).toBe(chosen);
  });
  it('the first that says nothing of a platform, where none fits better', () => {
    expect(chooseManifest(index(entry(1), entry(2)), linux('amd64'))).toBe(0);
    expect(chooseManifest(index(entry(1), entry(2, linux('amd64'))), linux('amd64'))).toBe(1);
  });
  it('nothing of an empty one', () => {
    expect(chooseManifest(index(), linux('amd64'))).toBeUndefined();
  });
});

it('a manifest keeps its configuration and layers by labels, an index its chosen manifests', () => {
  const manifest = ImageManifest.parse({ schemaVersion: 2, config: entry(1), layers: [entry(2), entry(3)] });
  expect(manifestLabels(manifest)).toEqual({
    'containerd.io/gc.ref.content.config': digest(1),
    'containerd.io/gc.ref.content.l.0': digest(2),
    'containerd.io/gc.ref.content.l.1': digest(3),
  });
  expect(indexLabels(index(entry(1), entry(2), entry(3)), [2, 0, 9])).toEqual({
    'containerd.io/gc.ref.content.m.2': digest(3),
    'containerd.io/gc.ref.content.m.0': digest(1),
  });
});
