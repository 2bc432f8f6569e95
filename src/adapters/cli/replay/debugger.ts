import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ShiplogClient } from '../../../client/connect.ts';
import type { FieldChange, Step, StepsRequestSchema, TimedState } from '../../../gen/shiplog/v1/time_pb.ts';
import type { Event } from '../../../gen/shiplog/v1/types_pb.ts';
import type { At } from '../parse/at.ts';

/** Where a replay stands: after an event, or before the first. */
export interface View {
  /** Events below it have happened. */
  readonly at: bigint;
  readonly event?: Event;
  readonly state: TimedState;
  readonly changes: readonly FieldChange[];
  /** Why it did not go where it was told to; empty where it did. */
  readonly note: string;
}

export interface Stretch {
  readonly client: ShiplogClient;
  readonly namespace: string;
  /** The beginning of the log when absent. */
  readonly from?: At;
  /** Now when absent. */
  readonly to?: At;
  readonly thing: string;
  readonly signal: AbortSignal;
}

const positionAt = (value: bigint): At => ({ moment: { case: 'position', value } });

/** A type of event, as against an expression. */
const isType = (text: string): boolean => /^[a-z]+(?:-[a-z]+)+$/.test(text);

type Wanted = Partial<
  Pick<MessageInitShape<typeof StepsRequestSchema>, 'from' | 'to' | 'types' | 'expression'>
>;

/** Goes through a stretch of the past. It asks the daemon for each place it goes to, and never changes anything. */
export class Debugger {
  readonly #stretch: Stretch;
  #thing: string;
  #view: View | undefined;

  constructor(stretch: Stretch) {
    this.#stretch = stretch;
    this.#thing = stretch.thing;
  }

  /** Where it stands. @throws TypeError before the first move */
  get view(): View {
    if (this.#view === undefined) throw new TypeError('a replay stands nowhere before its first move');
    return this.#view;
  }

  /** What it follows: a subject, what was named until one is known, or empty for all. */
  get thing(): string {
    return this.#thing;
  }

  async next(count: number): Promise<View> {
    const steps = await this.#steps({ from: positionAt(this.view.at) }, count);
    const last = steps.at(-1);
    if (last === undefined) return this.#stay('this is the last event');
    return this.#stand(last, steps.length < count ? 'this is the last event' : '');
  }

  async back(count: number): Promise<View> {
    const steps = await this.#steps({ to: positionAt(this.view.at) }, count + 1, true);
    const step = steps[count];
    return step === undefined ? this.first() : this.#stand(step, '');
  }

  /** To before the first event. */
  async first(): Promise<View> {
    const { client, namespace, signal } = this.#stretch;
    const [first] = await this.#steps({}, 1);
    const at = first?.event === undefined ? this.#stretch.to : positionAt(first.event.position);
    const state = await client.time.state(
      { namespace, thing: this.#thing, ...(at === undefined ? {} : { at }) },
      { signal },
    );
    return this.#keep({ at: state.position, state, changes: [], note: 'before the first event' });
  }

  async last(): Promise<View> {
    const [last] = await this.#steps({}, 1, true);
    return last === undefined ? this.first() : this.#stand(last, '');
  }

  /** To after the last event before a moment. */
  async goto(at: At): Promise<View> {
    const [step] = await this.#steps({ to: at }, 1, true);
    return step === undefined ? this.first() : this.#stand(step, '');
  }

  /** On to the next event of a type, or after which an expression is true. */
  async until(what: string): Promise<View> {
    const sought: Wanted = isType(what) ? { types: [what] } : { expression: what };
    const [step] = await this.#steps({ from: positionAt(this.view.at), ...sought }, 1);
    return step === undefined ? this.#stay(`nothing like that comes: ${what}`) : this.#stand(step, '');
  }

  /** Follows another thing, or all, from where it stands. */
  async follow(thing: string): Promise<View> {
    const { client, namespace, signal } = this.#stretch;
    const state = await client.time.state({ namespace, thing, at: positionAt(this.view.at) }, { signal });
    this.#thing = thing;
    return this.#keep({ ...this.view, state, changes: [], note: '' });
  }

  async #steps(wanted: Wanted, limit: number, backward = false): Promise<readonly Step[]> {
    const { client, namespace, from, to, signal } = this.#stretch;
    const bounds = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    const request = { namespace, thing: this.#thing, ...bounds, ...wanted, limit, backward };
    const steps: Step[] = [];
    for await (const step of client.time.steps(request, { signal })) steps.push(step);
    return steps;
  }

  #stand({ event, state, changes }: Step, note: string): View {
    if (event === undefined || state === undefined)
      throw new TypeError('the daemon told a step without its event');
    return this.#keep({ at: state.position, event, state, changes, note });
  }

  #stay(note: string): View {
    return this.#keep({ ...this.view, note });
  }

  #keep(view: View): View {
    // A name may mean something else at another moment: from here on the thing itself is meant.
    if (this.#thing !== '' && view.state.subject !== '') this.#thing = view.state.subject;
    this.#view = view;
    return view;
  }
}
