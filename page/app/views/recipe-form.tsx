// The keys of a recipe as fields. What a field says is written into the recipe's text.
import type { CheckedRecipe } from '../../api.ts';
import { standardWords } from '../logic/recipe-fields.ts';
import type { Field, Section } from '../logic/recipe-fields.ts';
import { fieldText, fieldValue, findingsOf, readKey, readRecipe, writeKey } from '../logic/recipe-text.ts';
import { ChoiceField, ChoicesField, TextField } from '../parts/field.tsx';

type Findings = CheckedRecipe['findings'];

interface FormProps {
  sections: readonly Section[];
  text: string;
  findings: Findings;
  onText: (text: string) => void;
}

/** Sections that a first recipe is likely to set are open. */
const OPEN_FIRST: readonly string[] = ['', 'run'];

/** One fold for each section; those in which something is said or wrong are open. */
export function RecipeForm({ sections, text, findings, onText }: FormProps): preact.JSX.Element {
  const recipe = readRecipe(text);
  return (
    <form onSubmit={(event) => event.preventDefault()} aria-label="recipe">
      {sections.map((section) => {
        const wrong = section.fields.reduce((sum, { key }) => sum + findingsOf(findings, key).length, 0);
        const set = section.fields.filter(({ key }) => readKey(recipe, key) !== undefined).length;
        return (
          <details
            key={section.name}
            class="recipe-section"
            open={OPEN_FIRST.includes(section.name) || wrong > 0 || undefined}
          >
            <summary>
              <b>{section.name === '' ? 'base' : section.name}</b> <span>{section.description}</span>
              {set > 0 ? <span class="tag">{set} set</span> : null}
              {wrong > 0 ? <span class="tag state-failed">{wrong} to mend</span> : null}
            </summary>
            {section.fields.map((field) => (
              <RecipeField
                key={field.key}
                field={field}
                value={readKey(recipe, field.key)}
                findings={findingsOf(findings, field.key)}
                onValue={(value) => onText(writeKey(text, field.key, value))}
              />
            ))}
          </details>
        );
      })}
    </form>
  );
}

interface FieldProps {
  field: Field;
  value: unknown;
  findings: Findings;
  onValue: (value: unknown) => void;
}

function RecipeField({ field, value, findings, onValue }: FieldProps): preact.JSX.Element {
  const standard = standardWords(field.standard);
  const frame = {
    label: field.label,
    hint: field.description,
    finding: findings.length === 0 ? null : findings.map(({ message }) => message).join('; '),
  };
  const text = fieldText(field, value);
  const set = (given: string): void => onValue(fieldValue(field, given));
  const none = standard === '' ? 'not set' : `default: ${standard}`;
  switch (field.kind) {
    case 'choice':
    case 'switch': {
      const options = field.kind === 'switch' ? ['true', 'false'] : field.options;
      const unknown = text === '' || options.includes(text) ? [] : [text];
      return (
        <ChoiceField
          {...frame}
          value={text}
          onValue={set}
          options={[
            { value: '', label: none },
            ...[...unknown, ...options].map((each) => ({ value: each, label: each })),
          ]}
        />
      );
    }
    case 'choices':
      return (
        <ChoicesField
          {...frame}
          hint={`${field.description} (${none})`}
          values={Array.isArray(value) ? value.map(String) : []}
          onValues={(values) => onValue(values.length === 0 ? undefined : values)}
          options={field.options.map((each) => ({ value: each, label: each }))}
        />
      );
    case 'list':
      return <TextField {...frame} value={text} onValue={set} placeholder={none} lines={text.includes('\n') ? 3 : 1} />;
    default:
      return <TextField {...frame} value={text} onValue={set} placeholder={none} isNumeric={field.kind === 'number'} />;
  }
}
