// Small pieces that all views use: what went wrong, what is awaited, tags, facts.
import type { ComponentChildren } from 'preact';
import { visibleText } from '../../../report/html.ts';

/** A text of a dataset, run or server: as text, without characters that only a browser sees. */
export function said(text: string): string {
  return visibleText(text);
}

/** What the server refused, as it says it. */
export function Wrong({ text }: { text: string | null }): preact.JSX.Element | null {
  return text === null ? null : (
    <p class="wrong" role="alert">
      {said(text)}
    </p>
  );
}

/** A quiet line while an answer is awaited. */
export function Awaited({ what }: { what: string }): preact.JSX.Element {
  return (
    <p class="awaited" role="status">
      reading {what} …
    </p>
  );
}

/** Nothing to see yet, and the command that changes that. */
export function Nothing({ text, command }: { text: string; command?: string }): preact.JSX.Element {
  return (
    <div class="nothing">
      <p>{text}</p>
      {command === undefined ? null : (
        <pre tabIndex={0} aria-label="command">
          {said(command)}
        </pre>
      )}
    </div>
  );
}

/** A heading that is reached when its view opens. */
export function Title({ children }: { children: ComponentChildren }): preact.JSX.Element {
  return (
    <h1 id="title" tabIndex={-1}>
      {children}
    </h1>
  );
}

/** Pairs of names and values. Values that are null are left out. */
export function Facts({ facts }: { facts: [string, ComponentChildren][] }): preact.JSX.Element {
  return (
    <dl class="facts-list">
      {facts
        .filter(([, value]) => value !== null && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
