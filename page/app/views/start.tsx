// A new run: a form of the recipe's keys, the recipe as text, and what it would do.
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { CheckedRecipe, PlanAnswer, Said } from '../../api.ts';
import type { RunPlan } from '../../../contracts/plan.ts';
import { apiPath, post, sentenceOf } from '../data/ask.ts';
import { session } from '../data/live.ts';
import { route, setValues } from '../data/place.ts';
import { useAnswer } from '../data/use-answer.ts';
import { useDeed } from '../data/use-deed.ts';
import { sectionsOf } from '../logic/recipe-fields.ts';
import { FIRST_RECIPE, yamlProblem } from '../logic/recipe-text.ts';
import { linkTo } from '../logic/route.ts';
import { TextField } from '../parts/field.tsx';
import { Awaited, Title, Wrong, said } from '../parts/words.tsx';
import { PlanTable } from './plan-table.tsx';
import { RecipeForm } from './recipe-form.tsx';

/** How long nothing is typed before the recipe is checked, in milliseconds. */
const PAUSE_MS = 500;

/** The recipe that is being written is part of the address: a link shows the same form. */
function recipeOf(values: Readonly<Record<string, string>>): string {
  return values['recipe'] ?? FIRST_RECIPE;
}

/** An address has no empty values, so an empty recipe is an empty line. */
function setRecipe(text: string): void {
  setValues({ recipe: text === FIRST_RECIPE ? '' : text || '\n' });
}

/** What the server said of a text; `text` tells whether it is the one that is there now. */
interface Told {
  text: string;
  checked: CheckedRecipe | null;
  plan: RunPlan | null;
  wrong: string | null;
}

/** Form, text and plan. */
export function StartView(): preact.JSX.Element {
  const { answer: schema, problem } = useAnswer<unknown>(apiPath('recipe', 'schema'));
  const sections = useMemo(() => (schema === null ? [] : sectionsOf(schema)), [schema]);
  const { values } = route.value;
  const recipe = recipeOf(values);
  const fileName = values['file'] ?? 'recipe.yaml';
  const broken = yamlProblem(recipe);
  const told = useTold(recipe, fileName, broken);
  const findings = told?.checked?.findings ?? [];
  const whole = findings.filter(({ key }) => key === null);
  return (
    <>
      <Title>Start a run</Title>
      <p class="lead">
        Say what differs from the defaults. The recipe is the whole truth: the same file gives the same selection.
      </p>
      <Wrong text={problem} />
      <div class="beside start">
        <div>
          {schema === null && problem === null ? <Awaited what="the recipe’s keys" /> : null}
          {broken === null ? (
            <RecipeForm sections={sections} text={recipe} findings={findings} onText={setRecipe} />
          ) : (
            <p class="hint">The form is back once the text is YAML again.</p>
          )}
        </div>
        <div class="answer-side">
          <section aria-labelledby="yaml">
            <h2 id="yaml">Recipe</h2>
            <div class="yaml">
              <TextField
                label="YAML"
                lines={Math.min(28, Math.max(6, recipe.split('\n').length + 1))}
                value={recipe}
                onValue={setRecipe}
                finding={broken}
              />
            </div>
            <div aria-live="polite">
              {whole.map(({ message }) => (
                <Wrong key={message} text={message} />
              ))}
              <Wrong text={told?.wrong ?? null} />
              {told !== null && told.checked !== null && findings.length > whole.length ? (
                <p class="finding">{findings.length} to mend: each stands at its field.</p>
              ) : null}
            </div>
            <RunButtons
              recipe={recipe}
              fileName={fileName}
              told={told}
              isRight={broken === null && told?.checked?.findings.length === 0}
            />
          </section>
          {told === null || told.plan === null ? null : <PlanTable plan={told.plan} />}
        </div>
      </div>
    </>
  );
}

/** Asks for findings, then for the plan, once a text has come to rest. */
function useTold(text: string, name: string, broken: string | null): Told | null {
  const [told, setTold] = useState<Told | null>(null);
  useEffect(() => {
    if (broken !== null) return undefined;
    const controller = new AbortController();
    const { signal: ended } = controller;
    const ask = async (): Promise<void> => {
      const checked = await post<CheckedRecipe>(apiPath('recipe', 'check'), { text, name }, ended);
      setTold((last) => ({
        text,
        checked,
        plan: checked.findings.length > 0 ? null : (last?.plan ?? null),
        wrong: null,
      }));
      if (checked.findings.length > 0) return;
      const plan = await post<PlanAnswer>(apiPath('recipe', 'plan'), { text, name }, ended);
      setTold({
        text,
        checked,
        plan: 'message' in plan ? null : plan,
        wrong: 'message' in plan ? plan.message : null,
      });
    };
    const timer = setTimeout(() => {
      ask().catch((error: unknown) => {
        if (!ended.aborted)
          setTold((last) => ({ text, checked: last?.checked ?? null, plan: null, wrong: sentenceOf(error) }));
      });
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [text, name, broken]);
  return told;
}

interface RunButtonsProps {
  recipe: string;
  fileName: string;
  told: Told | null;
  isRight: boolean;
}

function RunButtons({ recipe, fileName, told, isRight }: RunButtonsProps): preact.JSX.Element {
  const { answer: done, problem, isBusy, begin } = useDeed<Said>();
  const isReadOnly = session.value?.isReadOnly !== false;
  const act = (name: 'save' | 'run') => (): void =>
    begin(() => post(apiPath('recipe', name), { text: recipe, name: fileName }));
  return (
    <>
      <div class="filters">
        <TextField label="Saved as" value={fileName} onValue={(file) => setValues({ file })} />
        <button
          type="button"
          class="main"
          disabled={!isRight || isReadOnly}
          aria-disabled={isBusy}
          onClick={act('run')}
        >
          Save and run
        </button>
        <button type="button" disabled={isBusy || isReadOnly} onClick={act('save')}>
          Save
        </button>
        <button type="button" onClick={() => download(fileName, recipe)}>
          Download
        </button>
      </div>
      {told?.checked ? (
        <pre tabIndex={0} aria-label="command">
          {said(told.checked.command)}
        </pre>
      ) : null}
      <p role="status" class="told">
        {done === null ? '' : `${said(done.message)} `}
        {done?.runName ? <a href={linkTo({ view: 'run', runName: done.runName })}>{said(done.runName)}</a> : null}
      </p>
      <Wrong text={problem} />
    </>
  );
}

function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'application/yaml' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
