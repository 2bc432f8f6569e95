import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/**
 * The demo's image: Debian's static busybox and nothing else, as an OCI image layout in a tar archive (image-spec,
 * image-layout.md), which is what `shiplog import` takes.
 */
const applets = ['sh', 'cat', 'echo', 'sleep', 'id', 'ls', 'ps', 'hostname', 'true'];
const architectures = { x64: 'amd64', arm64: 'arm64' };

const BLOCK = 512;

/** One entry of a ustar archive (POSIX.1-2017, pax, ustar interchange format). Names are under 100 bytes here. */
const entry = ({ name, type = '0', mode = 0o644, linkName = '', bytes = Buffer.alloc(0) }) => {
  const header = Buffer.alloc(BLOCK);
  const number = (value, at, length) => header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at);
  header.write(name, 0);
  number(mode, 100, 8);
  number(0, 108, 8);
  number(0, 116, 8);
  number(bytes.length, 124, 12);
  number(0, 136, 12);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(linkName, 157);
  header.write('ustar\0' + '00', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, bytes, padding]);
};

const archive = (entries) => Buffer.concat([...entries.map(entry), Buffer.alloc(2 * BLOCK)]);

const folder = (name, mode = 0o755) => ({ name: `${name}/`, type: '5', mode });

const rootFilesystem = (busybox) =>
  archive([
    ...['bin', 'dev', 'etc', 'proc', 'root', 'sys'].map((name) => folder(name)),
    folder('tmp', 0o1777),
    { name: 'bin/busybox', mode: 0o755, bytes: readFileSync(busybox) },
    ...applets.map((name) => ({ name: `bin/${name}`, type: '2', mode: 0o777, linkName: 'busybox' })),
    { name: 'etc/passwd', bytes: Buffer.from('root:x:0:0:root:/root:/bin/sh\n') },
    { name: 'etc/group', bytes: Buffer.from('root:x:0:\n') },
  ]);

const sha256 = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const json = (value) => Buffer.from(JSON.stringify(value));

/**
 * @param busybox path of a static busybox
 * @param name the image's name, such as `demo:1`
 * @returns the archive
 */
export const busyboxImage = (busybox, name) => {
  const blobs = [];
  const put = (mediaType, bytes) => {
    const digest = sha256(bytes);
    blobs.push({ name: `blobs/sha256/${digest.slice(7)}`, bytes });
    return { mediaType, digest, size: bytes.length };
  };
  const tar = rootFilesystem(busybox);
  const layer = put('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar));
  const platform = { architecture: architectures[process.arch] ?? process.arch, os: 'linux' };
  const config = put(
    'application/vnd.oci.image.config.v1+json',
    json({
      ...platform,
      config: { Cmd: ['sh'], Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [sha256(tar)] },
    }),
  );
  const manifestType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = put(
    manifestType,
    json({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer] }),
  );
  const annotations = {
    'io.containerd.image.name': `docker.io/library/${name}`,
    'org.opencontainers.image.ref.name': name.split(':')[1],
  };
  return archive([
    { name: 'oci-layout', bytes: json({ imageLayoutVersion: '1.0.0' }) },
    {
      name: 'index.json',
      bytes: json({ schemaVersion: 2, manifests: [{ ...manifest, platform, annotations }] }),
    },
    folder('blobs'),
    folder('blobs/sha256'),
    ...blobs,
  ]);
};
