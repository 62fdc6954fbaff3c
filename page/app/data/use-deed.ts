// Something that a button does: while it is done, and what came of it.
import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from './ask.ts';

/** What is known of a deed. */
export interface Deed<Answer> {
  answer: Answer | null;
  problem: string | null;
  isBusy: boolean;
  /** Does it, where it is not being done. */
  begin: (work: () => Promise<Answer>) => void;
}

/**
 * One at a time; a new one takes the place of what is known of the last.
 * @param about what it is done with: of another thing nothing is known
 */
export function useDeed<Answer>(about: string | null = null): Deed<Answer> {
  const [told, setTold] = useState<Omit<Deed<Answer>, 'begin'>>({ answer: null, problem: null, isBusy: false });
  useEffect(() => setTold({ answer: null, problem: null, isBusy: false }), [about]);
  const begin = (work: () => Promise<Answer>): void => {
    if (told.isBusy) return;
    setTold({ answer: null, problem: null, isBusy: true });
    work().then(
      (answer) => setTold({ answer, problem: null, isBusy: false }),
      (error: unknown) => setTold({ answer: null, problem: sentenceOf(error), isBusy: false }),
    );
  };
  return { ...told, begin };
}
