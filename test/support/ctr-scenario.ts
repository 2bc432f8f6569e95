import { lingering } from './lingering.ts';

/**
 * What a person does with `ctr` 1.6, from the first pull to the last removal: every subcommand at least once, the wrong
 * uses that people make too. `{image}` is a reference in a registry on loopback, `{dir}` a folder of each daemon's own,
 * `{manifest}`, `{config}` and `{layer}` are digests of the image, `{chain}` is the name of its top snapshot.
 */
export interface CtrLine {
  readonly args: string;
  /** The subcommand, where flags stand within its name. */
  readonly of?: string;
  readonly input?: string;
  /** The first release of ctr that knows it. */
  readonly since?: 2;
  /** Ends the command after so many milliseconds: it would go on. */
  readonly stopAfter?: number;
  /** Why Shiplog says something else; absent where it says the same. */
  readonly differs?: string | { readonly 2: string };
  /** Why the exit codes alone are compared. */
  readonly codeOnly?: string | { readonly 2: string };
}

const line = (args: string, more: Omit<CtrLine, 'args'> = {}): CtrLine => ({ args, ...more });

/** Collects what nothing holds, now: either daemon does it at some moment of its own too, and may have or not. */
const collected: readonly CtrLine[] = [line('leases create --id now'), line('leases delete --sync now')];

const drawn = { 2: 'containerd 2 draws progress by the clock' };
const noController = 'this containerd, without CRI, has no controller of sandboxes';

const images: readonly CtrLine[] = [
  line('version', { differs: 'its own version, revision and UUID' }),
  line('plugins list', { differs: 'its own plugins' }),
  line('plugins list id==overlayfs'),
  line('plugins inspect-runtime', { since: 2 }),
  line('info', { since: 2 }),
  line('deprecations list', { since: 2 }),
  line('namespaces create extra tier=test'),
  line('namespaces create extra'),
  line('namespaces label extra tier=prod owner=me'),
  line('namespaces list'),
  line('namespaces list -q'),
  line('namespaces remove extra'),
  line('namespaces remove extra'),
  line('images pull --plain-http {image}', { codeOnly: drawn }),
  line('images list'),
  line('images list -q'),
  line('images pull --local --plain-http {image}', { since: 2 }),
  line('images inspect {image}', { since: 2 }),
  line('images usage {image}', { since: 2 }),
  line('images check'),
  line('images label {image} a=b'),
  line('images list labels.a==b'),
  line('images tag {image} local/busybox:1'),
  line('images tag {image} local/busybox:1'),
  line('images tag --force {image} local/busybox:1'),
  line('images tag local/nosuch:1 local/other:1'),
  line('images convert --uncompress --oci {image} local/plain:1'),
  line('images export {dir}/image.tar {image}'),
  line('images delete local/busybox:1 local/plain:1'),
  line('images import --base-name local/in {dir}/image.tar', { codeOnly: drawn }),
  line('images push --plain-http {image}-copy {image}', { codeOnly: drawn }),
  line('images mount {image} {dir}/mnt'),
  line('images unmount --rm {dir}/mnt'),
  line('images mount local/nosuch:1 {dir}/mnt'),
  line('images pull --plain-http {image}-nosuch'),
  line('images delete local/nosuch:1'),
];

const content: readonly CtrLine[] = [
  ...collected,
  line('content list'),
  line('content list -q'),
  line('content active'),
  line('content get {config}'),
  line('content label {config} k=v'),
  line('content ingest --expected-size 5 one', { input: 'hello' }),
  line('content ingest --expected-size 6 two', { input: 'hello' }),
  line('content edit {config}'),
  line('content fetch --plain-http {image}'),
  line('content fetch-object --plain-http {image} {manifest}'),
  line('content fetch-blob --plain-http {image} {config}', { since: 2 }),
  line('content push-object --plain-http {image} {config} application/vnd.oci.image.config.v1+json'),
  line('content prune references'),
  line('content delete {config}-nosuch'),
  line('leases create --id l tier=test'),
  line('leases create --id l'),
  line('leases list -q'),
  line('leases delete l'),
  line('leases delete l'),
  line('leases list'),
];

const snapshots: readonly CtrLine[] = [
  line('snapshots list'),
  line('snapshots prepare work {chain}'),
  // Of several children of one parent, ctr 1.6 leaves out some by chance.
  line('snapshots tree'),
  line('snapshots view look {chain}'),
  line('snapshots mounts {dir}/mnt work'),
  line('snapshots info work'),
  line('snapshots usage work'),
  line('snapshots label work a=b'),
  line('snapshots diff work', { differs: 'the same tar through another compressor' }),
  line('snapshots diff --keep --media-type application/vnd.oci.image.layer.v1.tar work'),
  line('snapshots commit made work'),
  line('snapshots unpack --snapshotter overlayfs {manifest}'),
  // Nothing holds the view.
  ...collected,
  line('snapshots delete look made'),
  line('snapshots delete nosuch'),
  line('snapshots --snapshotter native list', { of: 'snapshots list' }),
  line('snapshots --snapshotter nosuch list', { of: 'snapshots list' }),
];

const running: readonly CtrLine[] = [
  line('run --rm {image} once sh -c "echo hi; exit 3"'),
  line('run --rm {image} once nosuch'),
  line('run -d {image} web sleep 1000'),
  line('run -d {image} web sleep 1000'),
  line('containers list'),
  line('containers info web'),
  line('containers label web tier=front'),
  line('tasks list'),
  line('tasks ps web'),
  line(`tasks exec --exec-id e web sh -c "${lingering('echo in', 4)}"`),
  line('tasks metrics web'),
  line('tasks pause web'),
  line('tasks list'),
  line('tasks resume web'),
  line('shim --id web state', { of: 'shim state' }),
  line('tasks checkpoint web', { codeOnly: 'it names a checkpoint of its own' }),
  line('containers checkpoint web local/checkpoint:1'),
  line('containers restore back local/checkpoint:1'),
  line('tasks delete web'),
  line('containers delete web'),
  line('tasks kill -s SIGKILL web'),
  line('tasks delete -f web'),
  line('containers delete web'),
  line('containers create {image} two sh -c "sleep 1; exit 5"'),
  line('tasks start -d two'),
  line('tasks attach two'),
  line('tasks delete two'),
  line('containers delete two nosuch'),
  line('containers create {image} three sleep 1000'),
  line('tasks start -d three'),
  line('shim --id three exec e', { of: 'shim exec' }),
  line('shim --id three start', { of: 'shim start' }),
  line('shim --id three delete', { of: 'shim delete' }),
  line('tasks delete -f three'),
  line('containers delete three'),
];

const rest: readonly CtrLine[] = [
  line('sandboxes list', { since: 2 }),
  line('sandboxes run {dir}/nosuch.json box', { since: 2 }),
  line('sandboxes run {dir}/pod.json box', { since: 2, differs: noController }),
  line('sandboxes remove box', { since: 2, differs: noController }),
  line('shim --id none shutdown', { of: 'shim shutdown', since: 2 }),
  ...['block', 'goroutines', 'heap', 'profile', 'threadcreate', 'trace'].map((what) =>
    line(`shim --id none pprof ${what}`, { of: `shim pprof ${what}`, since: 2 }),
  ),
  line('oci spec'),
  line('install local/nosuch:1'),
  line('events', { stopAfter: 300 }),
  line('pprof block'),
  line('pprof goroutines'),
  line('pprof heap'),
  line('pprof profile'),
  line('pprof threadcreate'),
  line('pprof trace'),
  line('images prune --all', { since: 2 }),
  line('images delete --sync {image}'),
  line('images list -q'),
  line('snapshots list'),
];

export const ctrScenario: readonly CtrLine[] = [...images, ...content, ...snapshots, ...running, ...rest];
