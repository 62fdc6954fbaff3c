// The log lines of a run, or of one of its stages.
import { useEffect, useState } from 'preact/hooks';
import type { LogLine } from '../../api.ts';
import { apiPath } from '../data/ask.ts';
import { route, setValues } from '../data/place.ts';
import { useAnswer } from '../data/use-answer.ts';
import { attributeWords, clockWords } from '../logic/words.ts';
import { ChoiceField } from '../parts/field.tsx';
import { Awaited, Wrong, said } from '../parts/words.tsx';

/** Lines that are asked for. */
const MOST_LINES = 200;

/** While a run works, its log is read again this often, in milliseconds. */
const AGAIN_MS = 5000;

/** Attributes that say where a line comes from in Temporal's words, or what the page says already. */
const UNSHOWN = new Set(['taskToken', 'workflowRunId', 'workflowType', 'namespace', 'sdkComponent', 'isLocal', 'run']);

interface LogProps {
  runName: string;
  stages: readonly string[];
  isAtWork: boolean;
}

/** The last lines, the newest first. */
export function LogSection({ runName, stages, isAtWork }: LogProps): preact.JSX.Element {
  const stage = stages.find((each) => each === route.value.values['log']) ?? '';
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!isAtWork) return undefined;
    const timer = setInterval(() => setRound((last) => last + 1), AGAIN_MS);
    return () => clearInterval(timer);
  }, [isAtWork]);
  const query = new URLSearchParams({ ...(stage === '' ? {} : { stage }), limit: String(MOST_LINES) });
  const { answer, problem } = useAnswer<LogLine[]>(`${apiPath('runs', runName, 'log')}?${query.toString()}`, round);
  return (
    <section aria-labelledby="log">
      <h2 id="log">Log</h2>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <ChoiceField
          label="Stage"
          value={stage}
          onValue={(log) => setValues({ log })}
          options={[{ value: '', label: 'all stages' }, ...stages.map((each) => ({ value: each, label: each }))]}
        />
      </form>
      <Wrong text={problem} />
      {answer === null && problem === null ? <Awaited what="the log" /> : null}
      {answer === null ? null : answer.length === 0 ? (
        <p class="quiet">No line was written yet.</p>
      ) : (
        <ol class="log" tabIndex={0} aria-label="log, the newest first">
          {[...answer].reverse().map((line, index) => (
            <li key={`${line.at} ${index}`} class={`level-${line.level}`}>
              <time dateTime={line.at}>{clockWords(line.at)}</time> <b>{said(line.level)}</b>{' '}
              {line.stage === null ? '' : `${line.stage}: `}
              {said(line.message)}{' '}
              {shownAttributes(line).map(([name, value]) => (
                <span key={name} class="quiet">
                  {said(name)}={said(attributeWords(value))}{' '}
                </span>
              ))}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function shownAttributes({ attributes }: LogLine): [string, unknown][] {
  return Object.entries(attributes).filter(([name]) => !UNSHOWN.has(name));
}
