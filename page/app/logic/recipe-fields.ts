// The fields of a form, from the JSON schema of recipes.

/** What can be put into a field. */
export type FieldKind = 'text' | 'number' | 'switch' | 'choice' | 'choices' | 'list' | 'yaml';

/** One key of a recipe, as a field. */
export interface Field {
  /** `gradients.sketch` */
  key: string;
  label: string;
  description: string;
  kind: FieldKind;
  /** Of `choice` and `choices`. */
  options: string[];
  /** What holds where nothing is said; undefined where the schema says nothing. */
  standard: unknown;
  isInteger: boolean;
  least: number | null;
  most: number | null;
}

/** A part of a recipe: `run`, `model`, …; the keys of the top are in a section without name. */
export interface Section {
  name: string;
  description: string;
  fields: Field[];
}

/** JSON schema, as far as fields need it. */
interface Schema {
  description?: string;
  default?: unknown;
  type?: string | string[];
  enum?: unknown[];
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
}

/** Sections in the schema's order. A key that neither text nor number nor choice can say is written as YAML. */
export function sectionsOf(schema: unknown): Section[] {
  const { properties = {} } = schema as Schema;
  const top: Section = { name: '', description: '', fields: [] };
  const sections: Section[] = [];
  for (const [name, part] of Object.entries(properties)) {
    if (part.properties === undefined) top.fields.push(fieldOf(name, part));
    else sections.push({ name, description: part.description ?? '', fields: fieldsOf(name, part) });
  }
  return top.fields.length === 0 ? sections : [top, ...sections];
}

function fieldsOf(path: string, { properties = {} }: Schema): Field[] {
  return Object.entries(properties).flatMap(([name, part]) =>
    part.properties === undefined ? [fieldOf(`${path}.${name}`, part)] : fieldsOf(`${path}.${name}`, part),
  );
}

function fieldOf(key: string, schema: Schema): Field {
  const choices = alternatives(schema);
  const [only] = choices;
  const isOne = choices.length === 1 && only !== undefined;
  const bounds = choices.find(({ type }) => type === 'integer' || type === 'number');
  return {
    key,
    label: key.slice(key.indexOf('.') + 1),
    description: schema.description ?? '',
    kind: isOne ? kindOf(only) : mixedKind(choices),
    options: isOne ? texts(only.enum ?? only.items?.enum ?? []) : [],
    standard: schema.default,
    isInteger: isOne && only.type === 'integer',
    least: bounds?.minimum ?? bounds?.exclusiveMinimum ?? null,
    most: bounds?.maximum === Number.MAX_SAFE_INTEGER ? null : (bounds?.maximum ?? null),
  };
}

/** What a key may be, null aside: leaving a field empty says that. */
function alternatives({ anyOf, ...schema }: Schema): Schema[] {
  if (anyOf !== undefined) return anyOf.flatMap(alternatives);
  if (Array.isArray(schema.type))
    return schema.type.filter((type) => type !== 'null').map((type) => ({ ...schema, type }));
  return schema.type === 'null' ? [] : [schema];
}

function kindOf({ type, enum: options, items }: Schema): FieldKind {
  if (options !== undefined) return 'choice';
  if (type === 'boolean') return 'switch';
  if (type === 'integer' || type === 'number') return 'number';
  if (type === 'string') return 'text';
  if (type === 'array' && items?.enum !== undefined) return 'choices';
  return type === 'array' && items?.type === 'string' ? 'list' : 'yaml';
}

/** A text or a list of texts is written as a list; a word or a number as a word; the rest as YAML. */
function mixedKind(choices: readonly Schema[]): FieldKind {
  const kinds = new Set(choices.map(kindOf));
  if ([...kinds].every((kind) => kind === 'text' || kind === 'list')) return 'list';
  return 'yaml';
}

function texts(values: readonly unknown[]): string[] {
  return values.map(String);
}

/** What holds where a field is left empty, for its placeholder: `0.05`, `a, b`, `none`; '' where nothing is known. */
export function standardWords(standard: unknown): string {
  if (standard === undefined) return '';
  if (standard === null) return 'none';
  if (Array.isArray(standard)) return standard.length === 0 ? 'none' : standard.map(standardWords).join(', ');
  return typeof standard === 'object' ? JSON.stringify(standard) : String(standard);
}
