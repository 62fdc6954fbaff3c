// Questions to the page's server. What it refuses comes back as its own sentence.
import { API } from '../../api.ts';
import type { Problem } from '../../api.ts';

/** What the server said instead of an answer. */
export class Refusal extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
  }
}

let token = '';

/** The token that `POST` needs; it comes with the session. */
export function setToken(given: string): void {
  token = given;
}

/** The address of something below the server's API, each part encoded. */
export function apiPath(...parts: (string | number)[]): string {
  return [API, ...parts.map((part) => encodeURIComponent(part))].join('/');
}

/** The answer to a `GET`. @throws Refusal */
export async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return answerOf<Answer>(() => fetch(path, signal === undefined ? {} : { signal }));
}

/** The answer to a `POST` of JSON. @throws Refusal */
export async function post<Answer>(path: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
  const options: RequestInit = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tive-token': token },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  };
  return answerOf<Answer>(() => fetch(path, options));
}

async function answerOf<Answer>(ask: () => Promise<Response>): Promise<Answer> {
  let response: Response;
  try {
    response = await ask();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Refusal('page: its server must answer, got no answer; start it again with tive ui', 0);
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as Answer;
  throw new Refusal(problemOf(text) ?? `page: its server must answer, got status ${response.status}`, response.status);
}

function problemOf(text: string): string | null {
  try {
    const { message } = JSON.parse(text) as Partial<Problem>;
    return typeof message === 'string' ? message : null;
  } catch {
    return null;
  }
}

/** The sentence of anything that was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
