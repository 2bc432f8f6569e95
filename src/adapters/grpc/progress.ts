import { maxPendingProgress } from './limits.ts';

/**
 * Turns news that is pushed into a stream that is pulled, with a bound: news of a thing replaces what still waits about
 * the same thing, in its place, so that a slow reader misses
 * intermediate figures only (and news of more than 10,000 things at once). Work never waits for its audience.
 *
 * @param work is given the function to push news with; its end is the stream's end
 * @param thingOf names what a piece of news is about
 * @param last is yielded at the end, from what `work` resolved to
 */
export async function* progressOf<News, Result, Answer>(
  work: (push: (news: News) => void) => Promise<Result>,
  thingOf: (news: News) => string,
  told: (news: News) => Answer,
  last: (result: Result) => Answer,
): AsyncGenerator<Answer> {
  const waiting = new Map<string, News>();
  let wake = (): void => undefined;
  let over = false;
  const done = work((news) => {
    const thing = thingOf(news);
    if (waiting.size >= maxPendingProgress && !waiting.has(thing)) return;
    waiting.set(thing, news);
    wake();
  });
  const finish = (): void => {
    over = true;
    wake();
  };
  done.then(finish, finish);
  while (!over || waiting.size > 0) {
    const [oldest] = waiting;
    if (oldest) {
      waiting.delete(oldest[0]);
      yield told(oldest[1]);
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  yield last(await done);
}
