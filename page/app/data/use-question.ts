// A question that follows controls: asked once they rest, the last one alone.
import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from './ask.ts';

/** How long controls rest before a question is asked, in milliseconds. */
const REST_MS = 300;

/**
 * Asks when the key changes; a question whose key is no longer there is abandoned, and what is said of it is dropped.
 * @param key of the question; null asks nothing
 * @returns what was refused of the question that is there; null where nothing was
 */
export function useQuestion(key: string | null, ask: (signal: AbortSignal) => Promise<unknown>): string | null {
  const [refused, setRefused] = useState<{ key: string; problem: string } | null>(null);
  useEffect(() => {
    setRefused(null);
    if (key === null) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      ask(controller.signal).catch((error: unknown) => {
        if (!controller.signal.aborted) setRefused({ key, problem: sentenceOf(error) });
      });
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [key]);
  return refused !== null && refused.key === key ? refused.problem : null;
}
