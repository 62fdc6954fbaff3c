// Another selection from the same gradients: it follows the controls, beside the selection that there is.
import { signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { WhatIf } from '../../api.ts';
import { FILTERS, METHODS } from '../../../contracts/methods.ts';
import { apiPath, post } from '../data/ask.ts';
import { run, session } from '../data/live.ts';
import { route, setValues } from '../data/place.ts';
import { useDeed } from '../data/use-deed.ts';
import { useQuestion } from '../data/use-question.ts';
import { METHOD_NAMES, isAsked, questionFindings, readsLambda, whatIfQuestion } from '../logic/what-if-question.ts';
import { ChoiceField, ChoicesField, TextField } from '../parts/field.tsx';
import { RunHead } from '../parts/run-head.tsx';
import { Nothing, Wrong } from '../parts/words.tsx';
import { WhatIfAnswer } from './what-if-answer.tsx';

/** Answers by run and question: the way back from a row finds them again. */
const answers = signal<ReadonlyMap<string, WhatIf>>(new Map());

const FILTER_OPTIONS = Object.entries(FILTERS).map(([value, { summary }]) => ({ value, label: value, hint: summary }));

/** The question in the address, and its answer; while one is awaited the last one stays. */
export function WhatIfView({ runName }: { runName: string }): preact.JSX.Element {
  const { values } = route.value;
  const question = whatIfQuestion(values);
  const findings = questionFindings(values);
  const isReadOnly = session.value?.isReadOnly !== false;
  const isAskable = isAsked(values) && Object.keys(findings).length === 0 && !isReadOnly;
  const key = JSON.stringify([runName, question]);
  const answer = answers.value.get(key) ?? null;
  const ask = async (isKept: boolean, ended?: AbortSignal): Promise<WhatIf> => {
    const told = await post<WhatIf>(apiPath('runs', runName, 'what-if'), { ...question, isKept }, ended);
    answers.value = new Map([...answers.value, [key, told]]);
    return told;
  };
  const isAwaited = isAskable && answer === null;
  const problem = useQuestion(isAwaited ? key : null, (ended) => ask(false, ended));
  const kept = useDeed<WhatIf>(key);
  const last = useRef<{ runName: string; answer: WhatIf } | null>(null);
  if (answer !== null) last.current = { runName, answer };
  const shown = isAsked(values) && last.current?.runName === runName ? last.current.answer : null;
  return (
    <>
      <RunHead runName={runName} view="what-if" />
      <p class="lead">Selects anew from the gradients that are there: no training, seconds instead of hours.</p>
      <div class="beside">
        <form onSubmit={(event) => event.preventDefault()} aria-label="another selection">
          <Question values={values} question={question} findings={findings} />
          {isReadOnly && session.value !== null ? (
            <p class="hint">This page only shows: it was started read-only.</p>
          ) : null}
        </form>
        <div class="answer-side">
          <Wrong text={problem ?? kept.problem} />
          <p class="awaited" role="status">
            {isAwaited && problem === null ? 'selecting …' : ''}
          </p>
          {shown === null && !isAwaited ? (
            <Nothing
              text="Change the method, the budget or the filters: the new selection follows. The same is done by:"
              command={`tive select ${run.value?.runName ?? runName} --method ${question.method}`}
            />
          ) : null}
          {shown === null ? null : (
            <div class={shown === answer ? '' : 'stale'} aria-busy={shown !== answer}>
              <WhatIfAnswer
                runName={runName}
                answer={shown}
                isBusy={kept.isBusy || shown !== answer}
                keep={() => kept.begin(() => ask(true))}
              />
            </div>
          )}
        </div>
      </div>
    </>
  );
}

interface QuestionProps {
  values: Readonly<Record<string, string>>;
  question: ReturnType<typeof whatIfQuestion>;
  findings: Record<string, string>;
}

/** Settings that are a number, or the run's own where nothing is said. */
const NUMBERS = {
  lambda: {
    label: 'Lambda',
    hint: 'sharpness: a row’s probability is proportional to exp(lambda · value) within its task',
  },
  budget: { label: 'Budget', hint: 'a share such as 0.15, or a number of rows' },
} as const;

function Question({ values, question, findings }: QuestionProps): preact.JSX.Element {
  const numbers = readsLambda(question.method) ? (['lambda', 'budget'] as const) : (['budget'] as const);
  return (
    <>
      <ChoiceField
        label="Method"
        hint={METHODS[question.method as keyof typeof METHODS].summary}
        value={question.method}
        onValue={(method) => setValues({ method })}
        options={METHOD_NAMES.map((value) => ({ value, label: value }))}
      />
      {numbers.map((name) => (
        <TextField
          key={name}
          {...NUMBERS[name]}
          isNumeric
          placeholder="as the run’s"
          value={values[name] ?? ''}
          onValue={(text) => setValues({ [name]: text })}
          finding={findings[name] ?? null}
        />
      ))}
      <ChoicesField
        label="Filters"
        values={question.filters}
        onValues={(filters) => setValues({ filters: filters.join(',') })}
        options={FILTER_OPTIONS}
      />
      <TextField
        label="Further settings"
        hint="lines such as selection.replacement=true"
        lines={2}
        value={values['settings'] ?? ''}
        onValue={(settings) => setValues({ settings })}
        finding={findings['settings'] ?? null}
      />
    </>
  );
}
