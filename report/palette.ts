// The colours of the report in both schemes.

/** Colours of one scheme. Every colour is used for text or small marks on both grounds, at 4.5:1 or more. */
export interface Palette {
  /** Ground of the page. */
  page: string;
  /** Ground of cards, table heads and notes. */
  card: string;
  text: string;
  muted: string;
  /** What was selected, and the run's own method. */
  selected: string;
  /** What there was before: the dataset, the other methods. */
  before: string;
  good: string;
  bad: string;
  warning: string;
  /** Lines between things; decoration only. */
  line: string;
}

/** Blue against orange keeps apart under all common kinds of colour blindness; every pair is also labelled. */
export const LIGHT: Palette = {
  page: '#ffffff',
  card: '#f5f7f9',
  text: '#1a1f26',
  muted: '#59636e',
  selected: '#0a5fb4',
  before: '#a04f00',
  good: '#0f6b3a',
  bad: '#b3261e',
  warning: '#8a5a00',
  line: '#d5dbe1',
};

export const DARK: Palette = {
  page: '#12161b',
  card: '#1b2128',
  text: '#e8ebee',
  muted: '#a3adb8',
  selected: '#6db3f8',
  before: '#eda45a',
  good: '#6cc894',
  bad: '#ff8f85',
  warning: '#e3b341',
  line: '#37404a',
};

/** The colours as CSS variables: `--page: #ffffff; …`. */
export function cssVariables(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, color]) => `--${name}: ${color};`)
    .join(' ');
}
