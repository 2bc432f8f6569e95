import type { Fact } from '../../src/domain/event.ts';
import { DiffId, Digest, type SnapshotKey, Timestamp } from '../../src/domain/identity.ts';
import { isRejection, Rejection } from '../../src/domain/rejection.ts';
import { type Command, type DomainEvent, decide, evolve, type World } from '../../src/domain/world.ts';
import type { EffectInput, EffectName, EffectOutput } from '../../src/workflows/effects.ts';
import type { Step, Workflow } from '../../src/workflows/steps.ts';
import {
  type CommandInput,
  commandFrom,
  digest,
  type EventInput,
  factOf,
  log,
  START,
  wallAt,
  worldOf,
} from './given.ts';

/** What the rest of the house does while an effect runs. */
export interface Meanwhile {
  readonly world: World;
  /** Others' commands, which must not be refused. */
  happen(...commands: readonly CommandInput[]): void;
}

/** How effects go: what they give back, or throw. Names, times and reports answer themselves. */
export type Answers = {
  readonly [K in EffectName]?: (input: EffectInput<K>, meanwhile: Meanwhile) => EffectOutput<K>;
};

export interface Play<T> {
  readonly result?: T;
  readonly error?: unknown;
  /**
   * What was done, in order: an effect by its name, with the field after `:` that tells it from others of its kind; a
   * batch of the log as `+` and the types of its events.
   */
  readonly story: readonly string[];
  readonly facts: readonly Fact<DomainEvent>[];
  readonly world: World;
}

export interface Circumstances {
  readonly past?: readonly EventInput[];
  readonly world?: World;
  readonly answers?: Answers;
  /** The caller goes away after this line of the story. */
  readonly cancelAfter?: string;
}

/** Plays a workflow in a real world: commands are really decided, effects are answered from a script. */
export const play = <T>(workflow: Workflow<T>, circumstances: Circumstances = {}): Play<T> => {
  const stage = new Stage(circumstances);
  try {
    const result = stage.drive(workflow);
    return { result, ...stage.outcome() };
  } catch (error) {
    return { error, ...stage.outcome() };
  }
};

class Stage {
  readonly #answers: Answers;
  readonly #cancelAfter: string | undefined;
  readonly #story: string[] = [];
  readonly #facts: Fact<DomainEvent>[] = [];
  #world: World;
  #names = 0;
  #cancelled: Rejection | undefined;
  #unanswered: Error | undefined;

  constructor({ past = [], world, answers = {}, cancelAfter }: Circumstances) {
    this.#world = world ?? worldOf(log(...past));
    this.#answers = answers;
    this.#cancelAfter = cancelAfter;
  }

  /** @throws Error where the workflow asked for what nobody scripted, which is the test's own mistake */
  outcome() {
    if (this.#unanswered) throw this.#unanswered;
    return { story: this.#story, facts: this.#facts, world: this.#world };
  }

  /** As the engine's runner does it, but one branch after another. */
  drive<T>(workflow: Workflow<T>): T {
    let next = workflow.next();
    while (!next.done) {
      let answer: unknown;
      try {
        this.#strike(next.value);
        answer = this.#take(next.value);
      } catch (error) {
        next = workflow.throw(error);
        continue;
      }
      next = workflow.next(answer);
    }
    return next.value;
  }

  /** Throws a cancellation once, at a step that is more than a look. */
  #strike({ step }: Step): void {
    const reason = this.#cancelled;
    if (reason === undefined || step === 'look') return;
    this.#cancelled = undefined;
    throw reason;
  }

  #take(step: Step): unknown {
    switch (step.step) {
      case 'look':
        return this.#world;
      case 'dispatch':
        return this.#dispatch(step.commands);
      case 'perform':
        return this.#perform(step.effect, step.input);
      case 'all':
        return step.branches.map((branch) => this.drive(branch));
      default:
        return step satisfies never;
    }
  }

  #dispatch(commands: readonly Command[]): readonly Fact<DomainEvent>[] {
    const facts = this.#decide(commands);
    this.#facts.push(...facts);
    if (facts.length > 0) this.#tell(`+${facts.map(({ type }) => type).join(' ')}`);
    return facts;
  }

  #decide(commands: readonly Command[]): readonly Fact<DomainEvent>[] {
    const facts: Fact<DomainEvent>[] = [];
    let world = this.#world;
    for (const command of commands) {
      const decision = decide(command, world);
      if (isRejection(decision)) throw decision;
      for (const event of decision) {
        const fact = factOf(event, Number(world.position));
        facts.push(fact);
        world = evolve(world, fact);
      }
    }
    this.#world = world;
    return facts;
  }

  #perform<K extends EffectName>(effect: K, input: EffectInput<K>): EffectOutput<K> {
    const own = this.#own(effect, input);
    if (own !== undefined) return own.value as EffectOutput<K>;
    this.#tell(told(effect, input));
    const answer = this.#answers[effect] as
      | ((input: EffectInput<K>, meanwhile: Meanwhile) => EffectOutput<K>)
      | undefined;
    const happen = (...commands: readonly CommandInput[]) => {
      this.#decide(commands.map(commandFrom));
    };
    if (answer) return answer(input, { world: this.#world, happen });
    this.#unanswered ??= new Error(`nobody scripted the effect '${effect}'`);
    throw this.#unanswered;
  }

  /** What every play answers by itself, and leaves out of the story. */
  #own(effect: EffectName, input: unknown): { readonly value: unknown } | undefined {
    if (this.#answers[effect]) return undefined;
    switch (effect) {
      case 'now':
        return { value: { wall: wallAt(Number(this.#world.position)), mono: 0, boot: 'boot-1' } };
      case 'report':
        return { value: undefined };
      case 'host-platform':
        return { value: { os: 'linux', architecture: 'amd64' } };
      case 'fresh-name':
        return { value: this.#freshName((input as EffectInput<'fresh-name'>).kind) };
      case 'chain-ids':
        return { value: chainOf((input as EffectInput<'chain-ids'>).diffIds) };
      default:
        return undefined;
    }
  }

  #freshName(kind: EffectInput<'fresh-name'>['kind']): string {
    this.#names += 1;
    if (kind === 'spoken') return `brave_drake${this.#names}`;
    return kind === 'hex64' ? this.#names.toString(16).padStart(64, '0') : `n${this.#names}`;
  }

  #tell(line: string): void {
    this.#story.push(line);
    if (line === this.#cancelAfter) this.#cancelled = new Rejection('cancelled', 'the caller went away');
  }
}

/** Stands in for the chainIDs of the image specification: readable, and different for different chains. */
export const chainOf = (diffIds: readonly string[]): readonly SnapshotKey[] =>
  diffIds.map(
    (_, at) =>
      `chain ${diffIds
        .slice(0, at + 1)
        .map(short)
        .join(' ')}` as SnapshotKey,
  );

const short = (text: string): string => text.replace(/^sha256:0*/, '');

const told = (effect: string, input: unknown): string => {
  const fields = input as Readonly<Record<string, unknown>>;
  if (typeof fields.digest === 'string') return `${effect}:${short(fields.digest)}`;
  if (typeof fields.signal === 'number') return `${effect}:${fields.signal}`;
  for (const name of ['descriptor', 'layer']) {
    const descriptor = fields[name];
    if (typeof descriptor === 'object' && descriptor !== null && 'digest' in descriptor) {
      return `${effect}:${short(String(descriptor.digest))}`;
    }
  }
  return effect;
};

export const digestOf = (n: number): Digest => Digest.parse(digest(n));
export const diffIdOf = (n: number): DiffId => DiffId.parse(digest(n));
export const laterThan = (seconds: number): Timestamp => Timestamp.parse(START + seconds * 1_000_000);

/** An image in numbers, for scripts: digests say what they are of. */
export const fakeImage = (layers: readonly number[], over: { diffIds?: readonly number[] } = {}) => {
  const type = 'application/vnd.oci.image';
  const at = (n: number, mediaType: string, size = 100) => ({ mediaType, digest: digestOf(n), size });
  const manifest = at(0xa0, `${type}.manifest.v1+json`);
  const config = at(0xc0, `${type}.config.v1+json`);
  const layerOf = (n: number) => at(n, `${type}.layer.v1.tar+gzip`, 1000 + n);
  const texts: Readonly<Record<string, unknown>> = {
    [manifest.digest]: { schemaVersion: 2, config, layers: layers.map(layerOf) },
    [config.digest]: {
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['true'], Labels: { from: 'image' } },
      rootfs: { type: 'layers', diff_ids: (over.diffIds ?? layers.map((n) => n + 0x100)).map(digest) },
    },
  };
  const read = ({ digest: which }: { readonly digest: string }): string => JSON.stringify(texts[which]);
  return { manifest, config, layers: layers.map(layerOf), read };
};
