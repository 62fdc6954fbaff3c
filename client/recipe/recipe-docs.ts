// The parts of docs/recipe.md that the schema and the table of methods know: `npm run docs` writes them anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withDiskNames } from '../../contracts/disk-names.ts';
import { FILTER_NAMES, FILTERS, leastTrajectory, METHOD_NAMES, METHODS } from '../../contracts/methods.ts';
import type { QuotaRule } from '../../contracts/methods.ts';
import { recipeJsonSchema } from './json-schema.ts';

/** What of the JSON schema documents need. */
interface Property {
  description?: string;
  default?: unknown;
  enum?: string[];
  anyOf?: Property[];
  items?: Property;
  properties?: Record<string, Property>;
}

/** The document with its written parts as the sources say them. @throws RangeError where a part has no place */
export function withWrittenParts(document: string): string {
  return [
    ['keys', keyBlock()] as const,
    ['methods', methodTable()] as const,
    ['filters', filterTable()] as const,
  ].reduce((text, [name, content]) => withPart(text, name, content), document);
}

function withPart(document: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name}: written by npm run docs -->\n`, `<!-- /${name} -->`];
  const [before, rest] = document.split(start);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new RangeError(`docs: document must have "${start.trim()}" and "${end}", got none`);
  return `${before}${start}\n${content}\n\n${end}${after}`;
}

/** Every key with its default, choices and words, as a recipe. */
function keyBlock(): string {
  const { properties } = recipeJsonSchema() as Property;
  const lines = Object.entries(properties ?? {}).flatMap(([name, property]) =>
    property.properties === undefined
      ? [keyLine(name, { default: null, ...property })]
      : [
          `${name}: # ${property.description}`,
          ...Object.entries(property.properties).map(([key, item]) => `  ${keyLine(key, item)}`),
        ],
  );
  return ['```yaml', ...lines, '```'].join('\n');
}

function keyLine(key: string, property: Property): string {
  const isRequired = !('default' in property);
  const words = [isRequired ? 'required' : '', choicesOf(property), property.description ?? ''];
  return `${key}: ${isRequired ? '~' : yamlOf(property.default)} # ${words.filter((text) => text !== '').join('; ')}`;
}

/** `a | b`, or nothing where the value is free. */
function choicesOf({ enum: choices, anyOf = [], items }: Property): string {
  if (choices !== undefined) return choices.join(' | ');
  if (items?.enum !== undefined) return `list of ${items.enum.join(' | ')}`;
  return anyOf.map(choicesOf).find((text) => text !== '') ?? '';
}

/** Flow style; the schema's defaults are plain scalars and lists of them. */
function yamlOf(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(yamlOf).join(', ')}]` : String(value);
}

const QUOTA_WORDS: Readonly<Record<QuotaRule, string>> = {
  value: 'by `allocation.weighting`',
  equal: 'equal',
  size: 'by size',
  tempered: 'by rows^`allocation.alpha`',
  pooled: 'none, all tasks together',
  score: 'none; equal or by size where `allocation.weighting` says so',
};

function filterTable(): string {
  const rows = FILTER_NAMES.map((name) => `| \`${name}\` | ${FILTERS[name].summary} |`);
  return ['| filter | leaves out |', '| --- | --- |', ...rows].join('\n');
}

function diskName(key: string): string {
  return Object.keys(withDiskNames({ [key]: null }) as object)[0]!;
}

function methodTable(): string {
  const rows = METHOD_NAMES.map((method) => {
    const { quotas, within, settings, summary } = METHODS[method];
    const needed = leastTrajectory(method) > 0 ? ['warmup.trajectory'] : [];
    const reads = [...settings.map(diskName), ...needed].map((key) => `\`${key}\``).join(', ');
    return `| \`${method}\` | ${summary} | ${QUOTA_WORDS[quotas]} | ${within} | ${reads} |`;
  });
  return ['| method | chooses | quotas of tasks | rows | reads |', '| --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('../../docs/recipe.md', import.meta.url));
  writeFileSync(path, withWrittenParts(readFileSync(path, 'utf8')));
}
