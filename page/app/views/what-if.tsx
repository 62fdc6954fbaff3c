// Another selection from the same gradients: the question, and the answer beside what there is.
import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import type { WhatIf } from '../../api.ts';
import { FILTERS, METHODS } from '../../../contracts/methods.ts';
import { apiPath, post, sentenceOf } from '../data/ask.ts';
import { run, session } from '../data/live.ts';
import { route, setValues } from '../data/place.ts';
import { METHOD_NAMES, questionFindings, readsLambda, whatIfQuestion } from '../logic/what-if-question.ts';
import { ChoiceField, ChoicesField, TextField } from '../parts/field.tsx';
import { RunHead } from '../parts/run-head.tsx';
import { Nothing, Wrong } from '../parts/words.tsx';
import { WhatIfAnswer } from './what-if-answer.tsx';

/** Answers by run and question: the way back from a row finds them again. */
const answers = signal<ReadonlyMap<string, WhatIf>>(new Map());

const FILTER_OPTIONS = Object.entries(FILTERS).map(([value, { summary }]) => ({ value, label: value, hint: summary }));

/** The question in the address, and its answer once it was asked. */
export function WhatIfView({ runName }: { runName: string }): preact.JSX.Element {
  const { values } = route.value;
  const question = whatIfQuestion(values);
  const findings = questionFindings(values);
  const key = JSON.stringify([runName, question]);
  const [state, setState] = useState<{ key: string; wrong: string | null } | null>(null);
  const answer = answers.value.get(key) ?? null;
  const isAwaited = state?.key === key && state.wrong === null && answer === null;
  const isReadOnly = session.value?.isReadOnly !== false;
  const ask = (event: Event): void => {
    event.preventDefault();
    if (Object.keys(findings).length > 0 || isReadOnly || isAwaited) return;
    setState({ key, wrong: null });
    post<WhatIf>(apiPath('runs', runName, 'what-if'), question).then(
      (told) => (answers.value = new Map([...answers.value, [key, told]])),
      (error: unknown) => setState({ key, wrong: sentenceOf(error) }),
    );
  };
  return (
    <>
      <RunHead runName={runName} view="what-if" />
      <p class="lead">Selects anew from the gradients that are there: no training, seconds instead of hours.</p>
      <div class="beside">
        <form onSubmit={ask} aria-label="another selection">
          <Question values={values} question={question} findings={findings} />
          <p class="buttons">
            <button type="submit" class="main" disabled={isReadOnly} aria-disabled={isAwaited}>
              {isAwaited ? 'Selecting …' : 'Select'}
            </button>
          </p>
          {isReadOnly && session.value !== null ? (
            <p class="hint">This page only shows: it was started read-only.</p>
          ) : null}
        </form>
        <div aria-live="polite" class="answer-side">
          <Wrong text={state?.key === key ? state.wrong : null} />
          {answer === null && !isAwaited && state?.key !== key ? (
            <Nothing
              text="Choose a method, a budget or filters, then press Select. The same is done by:"
              command={`tive select ${run.value?.runName ?? runName} --method ${question.method}`}
            />
          ) : null}
          {isAwaited ? <p class="awaited">selecting …</p> : null}
          {answer === null ? null : <WhatIfAnswer runName={runName} answer={answer} />}
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

function Question({ values, question, findings }: QuestionProps): preact.JSX.Element {
  return (
    <>
      <ChoiceField
        label="Method"
        hint={METHODS[question.method as keyof typeof METHODS].summary}
        value={question.method}
        onValue={(method) => setValues({ method })}
        options={METHOD_NAMES.map((value) => ({ value, label: value }))}
      />
      {readsLambda(question.method) ? (
        <TextField
          label="Lambda"
          hint="sharpness: a row’s probability is proportional to exp(lambda · value) within its task"
          isNumeric
          placeholder="as the run’s"
          value={values['lambda'] ?? ''}
          onValue={(lambda) => setValues({ lambda })}
          finding={findings['lambda'] ?? null}
        />
      ) : null}
      <TextField
        label="Budget"
        hint="a share such as 0.15, or a number of rows"
        isNumeric
        placeholder="as the run’s"
        value={values['budget'] ?? ''}
        onValue={(budget) => setValues({ budget })}
        finding={findings['budget'] ?? null}
      />
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
