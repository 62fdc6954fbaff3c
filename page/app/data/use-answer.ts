// A question whose answer a view shows.
import { useEffect, useState } from 'preact/hooks';
import { get, sentenceOf } from './ask.ts';

/** What is known of an answer. While a new one is awaited the last one stays. */
export interface Answered<Answer> {
  answer: Answer | null;
  problem: string | null;
  isAwaited: boolean;
}

/** Asks whenever the path changes; null asks nothing. Answers that come too late are dropped. */
export function useAnswer<Answer>(path: string | null, again: unknown = null): Answered<Answer> {
  const [state, setState] = useState<Answered<Answer>>({ answer: null, problem: null, isAwaited: path !== null });
  useEffect(() => {
    if (path === null) {
      setState({ answer: null, problem: null, isAwaited: false });
      return undefined;
    }
    const controller = new AbortController();
    setState((last) => ({ ...last, problem: null, isAwaited: true }));
    get<Answer>(path, controller.signal).then(
      (answer) => setState({ answer, problem: null, isAwaited: false }),
      (error: unknown) => {
        if (!controller.signal.aborted) setState({ answer: null, problem: sentenceOf(error), isAwaited: false });
      },
    );
    return () => controller.abort();
  }, [path, again]);
  return state;
}
