import { z } from 'zod';
import {
  count,
  duration,
  names,
  oneOf,
  optionalPath,
  optionalSocketPath,
  path,
  platformText,
  socketPath,
} from './values.ts';

/**
 * Everything that can be set, with its default. Keys are spelt as in the file, so that a message, the file and the code
 * have one word for each. The description of a key becomes its comment in `config default`; its unit stands in `unit`.
 */

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

const about = (description: string, unit?: string) =>
  unit === undefined ? { description } : { description, unit };

const grpc = z.object({
  address: socketPath()
    .prefault('/run/shiplog/shiplog.sock')
    .meta(about('Unix socket of the API. Only root may open it (mode 0600), where uid and gid are 0.')),
  uid: count(0, 4_294_967_294).prefault(0).meta(about('Owner of the socket.')),
  gid: count(0, 4_294_967_294)
    .prefault(0)
    .meta(
      about(
        'Group of the socket; one that is not 0 may open it (mode 0660), and with that do anything here.',
      ),
    ),
  max_recv_message_bytes: count(MiB, 256 * MiB)
    .prefault(16 * MiB)
    .meta(about('Largest message taken.', 'bytes')),
  max_send_message_bytes: count(MiB, 256 * MiB)
    .prefault(16 * MiB)
    .meta(about('Largest message sent.', 'bytes')),
});

const ttrpc = z.object({
  address: optionalSocketPath()
    .prefault('')
    .meta(
      about("Unix socket for events from outside, over ttrpc; '' is grpc.address with '.ttrpc' behind it."),
    ),
});

const cgroup = z.object({
  path: z
    .string()
    .regex(
      /^(?:|\/?(?!\.{1,2}(?:\/|$))[^\s/]+(?:\/(?!\.{1,2}(?:\/|$))[^\s/]+)*)$/,
      "must be '' or a path of a control group",
    )
    .prefault('')
    .meta(
      about("Control group of the daemon, and of shims that name none; '' leaves it where it was started."),
    ),
});

const restart = z.object({
  interval: duration('100ms', '24h')
    .prefault('10s')
    .meta(about('How often containers with restart labels are looked at.', 'duration')),
});

const plugins = z.object({
  disabled: names().prefault([]).meta(about("What is not started, as 'io.containerd.internal.v1.restart'.")),
  required: names()
    .prefault([])
    .meta(about('The daemon does not start without these, as TYPE.ID; ctr plugins ls lists them.')),
});

const log = z.object({
  level: oneOf(['debug', 'info', 'warn', 'error'])
    .prefault('info')
    .meta(about("Least severe lines of the daemon's own log: debug, info, warn or error.")),
  format: oneOf(['auto', 'json', 'text'])
    .prefault('auto')
    .meta(about('json, text, or auto: text on a terminal, json elsewhere. Always on standard error.')),
});

const eventLog = z.object({
  segment_bytes: count(MiB, 4 * GiB)
    .prefault(64 * MiB)
    .meta(
      about('A file of the event log is preallocated to this size, and closed when it is full.', 'bytes'),
    ),
});

const kurrentdb = z.object({
  url: z
    .string({ error: 'must be a connection string, or empty' })
    .prefault('')
    .meta(
      about(
        "Connection string such as 'esdb://user:password@host:2113'; '' keeps the log on this host only. It may hold a password: let only root read this file.",
      ),
    ),
  mode: oneOf(['replica', 'primary'])
    .prefault('replica')
    .meta(
      about(
        'replica: the files of this host are the truth and are shipped there. primary: a command is answered when the cluster has its events; the files are a cache.',
      ),
    ),
  host_id: z
    .string()
    .regex(/^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,127})?$/, 'must be 1 to 128 letters, digits, ".", "_" or "-"')
    .prefault('')
    .meta(
      about(
        "Id of this host at its first start; the stream is shiplog-ID. '' makes one. It can't change later.",
      ),
    ),
  give_up: duration('1s', '10m')
    .prefault('30s')
    .meta(about('primary: a command fails when the cluster is out of reach for so long.', 'duration')),
  stop_timeout: duration('0ms', '10m')
    .prefault('3s')
    .meta(about('replica: at a stop the rest is shipped within this.', 'duration')),
});

const checkpoints = z.object({
  every_events: count(0, 1_000_000_000)
    .prefault(20_000)
    .meta(
      about('Events from one saved state to the next; 0 saves none, so that a start folds the whole log.'),
    ),
  max_bytes: count(0, 1024 * GiB)
    .prefault(512 * MiB)
    .meta(
      about(
        'Saved states together. Past it the space between them grows; the newest is always kept.',
        'bytes',
      ),
    ),
});

const registry = z.object({
  config_path: path()
    .prefault('/etc/shiplog/certs.d')
    .meta(about("Folder with HOST/hosts.toml: mirrors, certificates, plain http; containerd's format.")),
  docker_config: optionalPath()
    .prefault('')
    .meta(about("Docker's config.json with credentials; '' is $DOCKER_CONFIG or ~/.docker/config.json.")),
  retries: count(0, 20)
    .prefault(5)
    .meta(about('Tries after the first for what is worth trying again (resets, 429, 5xx), with backoff.')),
  stall_timeout: duration('1s', '1h')
    .prefault('30s')
    .meta(about('A transfer without a byte for this long is broken off and resumed.', 'duration')),
});

const unpack = z.object({
  workers: count(0, 64)
    .prefault(0)
    .meta(about('Layers unpacked at once, a thread each; 0 is one per processor.')),
  max_layer_bytes: count(MiB, 16 * 1024 * GiB)
    .prefault(64 * GiB)
    .meta(about('Largest layer, uncompressed.', 'bytes')),
  max_entries: count(1000, 100_000_000).prefault(4_000_000).meta(about('Most files in one layer.')),
});

const runtimes = z.object({
  default: z
    .string()
    .min(1, 'must not be empty')
    .prefault('conmon')
    .meta(
      about(
        "For containers that name none: 'conmon' (no shim: the OCI runtime, and conmon for each process), or a shim: a name as containerd has it, or an absolute path.",
      ),
    ),
  binary: z
    .string()
    .min(1, 'must not be empty')
    .prefault('runc')
    .meta(about('OCI runtime that is called for containers: a name on PATH, or an absolute path.')),
  conmon: z
    .string()
    .min(1, 'must not be empty')
    .prefault('conmon')
    .meta(about('conmon itself: a name on PATH, or an absolute path.')),
  root: optionalPath()
    .prefault('')
    .meta(about("Where it keeps its state, a folder for each namespace; '' is STATE/runc.")),
  shim_cgroup: z.string().max(4096).prefault('').meta(about("Control group of shims; '' is the daemon's.")),
  no_new_keyring: z
    .boolean('must be true or false')
    .prefault(false)
    .meta(about('Containers keep the session keyring of their shim.')),
  sched_core: z
    .boolean('must be true or false')
    .prefault(false)
    .meta(about('Core scheduling: processes of different containers never share a core.')),
});

const containerLogs = z.object({
  max_bytes: count(64 * 1024, 64 * GiB)
    .prefault(16 * MiB)
    .meta(about("A file of a container's output is rotated before it grows past this.", 'bytes')),
  max_files: count(1, 1000)
    .prefault(5)
    .meta(about('Files kept for each container, the current one included.')),
});

const treeHeads = z.object({
  interval: duration('100ms', '24h')
    .prefault('10s')
    .meta(about('A head of the log is signed this often while events come.', 'duration')),
  heartbeat: duration('1s', '24h')
    .prefault('1h')
    .meta(about('And this often while none come, which proves that nothing happened.', 'duration')),
  origin: z
    .string()
    .max(200)
    .regex(/^[^\s+]*$/, "must hold no space and no '+'")
    .prefault('')
    .meta(
      about(
        "Names the log in its heads, as 'example.com/log'; '' is shiplog/HOST ID. Fixed by the first key.",
      ),
    ),
});

const gc = z.object({
  delay: duration('0ms', '24h')
    .prefault('1s')
    .meta(about('Wait after something became free, so that one collection takes several.', 'duration')),
  interval: duration('1s', '24h')
    .prefault('1m')
    .meta(about('A collection runs at least this often, for what expires (leases).', 'duration')),
});

const timeouts = z.object({
  shim: duration('100ms', '10m').prefault('10s').meta(about('One call to a shim.', 'duration')),
  shim_start: duration('100ms', '10m')
    .prefault('30s')
    .meta(about('Starting a shim, and creating a task in it.', 'duration')),
  probe: duration('100ms', '10m')
    .prefault('3s')
    .meta(about('Asking one shim for its state at boot; all are asked at once.', 'duration')),
  shim_cleanup: duration('100ms', '10m')
    .prefault('15s')
    .meta(about("A shim's own clean-up, and the OCI runtime's, after a shim has died.", 'duration')),
  shim_shutdown: duration('100ms', '10m')
    .prefault('3s')
    .meta(about('A shim that agreed to end is killed when it has not within this.', 'duration')),
  shutdown: duration('1s', '10m')
    .prefault('10s')
    .meta(about('Finishing open calls when the daemon is told to stop. Containers run on.', 'duration')),
});

const metrics = z.object({
  address: z
    .string()
    .regex(
      /^(?:|(?:\[[\da-fA-F:]+\]|[^\s:/]+):\d{1,5})$/,
      "must be '' or HOST:PORT, such as '127.0.0.1:9323'",
    )
    .prefault('')
    .meta(about("HOST:PORT of Prometheus' /metrics, over plain HTTP, for whoever can reach it; '' is off.")),
});

/** The other name that containerd has for each kind. */
const pluginTypes = new Map([
  ['io.containerd.snapshotter.v1', 'snapshot'],
  ['io.containerd.content.v1', 'content'],
  ['io.containerd.differ.v1', 'diff'],
]);

const proxyPlugin = z.object({
  type: z.preprocess(
    (type) => (typeof type === 'string' ? (pluginTypes.get(type) ?? type) : type),
    oneOf(['snapshot', 'content', 'diff']),
  ),
  address: socketPath(),
  capabilities: names().prefault([]),
  exports: z.record(z.string().min(1).max(256), z.string().max(4096)).prefault({}),
  platform: platformText().optional(),
});

const streamProcessor = z.object({
  accepts: z.array(z.string().min(1).max(255)).min(1, 'must name a media type').max(64),
  returns: z.string({ error: 'must be a media type' }).min(1, 'must be a media type').max(255),
  path: z.string({ error: 'must be a program' }).min(1, 'must be a program'),
  args: z.array(z.string()).max(256).prefault([]),
  env: z
    .array(z.string().regex(/^[^=\0]+=[^\0]*$/, 'must be NAME=VALUE'))
    .max(256)
    .prefault([]),
});

/** Tables of a kind, each with a name of the user's choice; none by default. */
const named = <T extends z.ZodObject>(name: RegExp, keys: T, description: string, example: string) =>
  z
    .record(z.string().regex(name, 'is no name for this'), keys)
    .prefault({})
    .meta({ ...about(description), example });

/** A table whose keys all have defaults may be left out. */
const table = <T extends z.ZodObject>(keys: T, description: string) =>
  keys.prefault({} as z.input<T>).meta(about(description));

export const ConfigSchema = z.object({
  root: path().prefault('/var/lib/shiplog').meta(about('What is kept: the event log, blobs, snapshots.')),
  state: path().prefault('/run/shiplog').meta(about('What is gone after a reboot: sockets, bundles, fifos.')),
  oom_score: count(-1000, 1000)
    .prefault(0)
    .meta(
      about(
        'How readily the kernel kills the daemon for memory; shims get 1 more. 0 leaves it as it was started.',
      ),
    ),
  grpc: table(grpc, 'The API.'),
  ttrpc: table(ttrpc, 'The way in for events.'),
  cgroup: table(cgroup, 'Where the daemon is accounted for.'),
  log: table(log, "The daemon's own log, for operators."),
  event_log: table(eventLog, 'The event log, the source of truth.'),
  tree_heads: table(treeHeads, 'Signed heads of the event log, for proofs.'),
  checkpoints: table(checkpoints, 'States saved beside the log, for quick starts and looks at the past.'),
  metrics: table(metrics, 'Numbers for a monitoring system.'),
  kurrentdb: table(
    kurrentdb,
    'A second home of the event log: KurrentDB (EventStoreDB); see docs/kurrentdb.md.',
  ),
  registry: table(registry, 'Pulling and pushing.'),
  unpack: table(unpack, 'Unpacking layers. A layer over a limit is refused.'),
  runtimes: table(runtimes, 'What runs containers.'),
  container_logs: table(containerLogs, "Containers' output on disk."),
  gc: table(gc, 'Garbage collection.'),
  restart: table(restart, 'Restarting containers of clients by their labels; see docs/running.md.'),
  plugins: table(plugins, "Parts of the daemon, by containerd's names of them."),
  timeouts: table(timeouts, 'Ends of waits.'),
  proxy_plugins: named(
    /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/,
    proxyPlugin,
    "Parts that other daemons bring, by the name that clients use: type is snapshot, diff or content (listed only), address the daemon's unix socket; capabilities, exports and platform, which may be left out, are told to clients.",
    '[proxy_plugins.stargz]\ntype = "snapshot"\naddress = "/run/containerd-stargz-grpc/containerd-stargz-grpc.sock"',
  ),
  stream_processors: named(
    /^[^\0\n\r]{1,255}$/,
    streamProcessor,
    'Programs that turn layers of other media types (standard input) into layers (standard output), as in containerd; args and env (NAME=VALUE) may be left out.',
    '[stream_processors."io.containerd.ocicrypt.decoder.v1.tar.gzip"]\naccepts = ["application/vnd.oci.image.layer.v1.tar+gzip+encrypted"]\nreturns = "application/vnd.oci.image.layer.v1.tar+gzip"\npath = "ctd-decoder"\nargs = ["--decryption-keys-path", "/etc/shiplog/ocicrypt/keys"]\nenv = ["OCICRYPT_KEYPROVIDER_CONFIG=/etc/shiplog/ocicrypt/ocicrypt_keyprovider.conf"]',
  ),
});

/** Durations in milliseconds, sizes in bytes. */
export type Config = z.output<typeof ConfigSchema>;
