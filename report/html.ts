// Markup that is safe to place in a page: texts are escaped when they enter it.

/** Markup that is safe to place in a page. Only this file makes it. */
export interface Html {
  readonly markup: string;
}

type Part = Html | string | number | null | readonly Part[];

/** C0 and C1 controls but tab and line feed, bidirectional overrides and isolates, byte order mark, lone surrogates. */
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\p{Surrogate}]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text without characters that a reader cannot see but a terminal or browser obeys; each becomes U+FFFD. */
export function visibleText(text: string): string {
  return text.replace(UNSEEN, '\ufffd');
}

/** Text as HTML, for element content and quoted attribute values alike. */
export function escapeHtml(text: string): string {
  return visibleText(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/**
 * Template tag that escapes everything put in, but for markup that was made by itself. Lists are joined, null is
 * nothing.
 */
export function html(literals: TemplateStringsArray, ...parts: Part[]): Html {
  const markup = literals.reduce((before, literal, index) => before + render(parts[index - 1] ?? null) + literal);
  return { markup };
}

/** Markup that this package itself made, such as a chart or the style sheet. Never for text of a dataset. */
export function trusted(markup: string): Html {
  return { markup };
}

function render(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return 'markup' in part ? part.markup : part.map(render).join('');
}
