// Who may ask the page's server, and what a browser may do with its answers.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { API } from '../api.ts';
import { RefusedError } from './problems.ts';

/** What opens the page, and where it is. */
export interface Guard {
  /** 32 random bytes, base64url: in the link, and in the header of every `POST`. */
  token: string;
  /** 32 other random bytes: what the browser keeps. */
  cookie: string;
  isReadOnly: boolean;
  /** Values of `Host` that are this server's own. Filled when it listens. */
  hosts: Set<string>;
}

/** Bytes that a request may carry. */
const MOST_BODY_BYTES = 1_000_000;

/** Nothing is asked of others, nobody shows the page in a frame, and nothing runs but its own files. */
export const PAGE_POLICY =
  "default-src 'self'; img-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'";

/** A report runs its own inline script and nothing else, as a page of no origin; only this page may frame it. */
export const REPORT_POLICY =
  "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

const TOKEN_BYTES = 32;

export function createGuard(isReadOnly: boolean): Guard {
  const secret = (): string => randomBytes(TOKEN_BYTES).toString('base64url');
  return { token: secret(), cookie: secret(), isReadOnly, hosts: new Set() };
}

/** Headers of every answer: none of them lets another origin in. */
export const withHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers } = context.res;
  if (!headers.has('content-security-policy')) headers.set('Content-Security-Policy', PAGE_POLICY);
  if (!headers.has('cache-control')) headers.set('Cache-Control', 'no-store');
  headers.set('X-Content-Type-Options', 'nosniff');
  headers.set('Referrer-Policy', 'no-referrer');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
};

/**
 * Lets in who has the cookie and comes from this page; `POST` needs the token besides. The link's token is taken for a
 * cookie once, by a page that then leaves the address without it.
 */
export function guarded(guard: Guard): MiddlewareHandler {
  return async (context, next) => {
    requireOwnAddress(context, guard);
    const { method, path } = context.req;
    const given = path === '/' && method === 'GET' ? context.req.query('token') : undefined;
    if (given !== undefined && isSame(given, guard.token)) return enter(context, guard);
    requireOwnPage(context);
    if (!isSame(getCookie(context, cookieName(context)) ?? '', guard.cookie))
      throw new RefusedError(403, 'page: must be opened by its link, got no token; use the link that tive ui printed');
    if (method === 'POST') requireMayChange(context, guard);
    else if (method !== 'GET' && method !== 'HEAD')
      throw new RefusedError(403, `page: method must be GET or POST, got ${method}`);
    await next();
  };
}

/** Another name that leads here, as of a rebound domain, is refused, and a request that another origin has sent. */
function requireOwnAddress(context: Context, { hosts }: Guard): void {
  const host = context.req.header('host') ?? '';
  if (!hosts.has(host.toLowerCase()))
    throw new RefusedError(403, `page: host must be its own, got ${JSON.stringify(host.slice(0, 100))}`);
  const origin = context.req.header('origin');
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`)
    throw new RefusedError(403, `page: origin must be its own, got ${JSON.stringify(origin.slice(0, 100))}`);
}

/** Another port of the same machine is the same site to a browser, so its cookies come along. */
function requireOwnPage(context: Context): void {
  const site = context.req.header('sec-fetch-site');
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw new RefusedError(403, `page: request must come from the page itself, got one from a ${site} page`);
}

function requireMayChange(context: Context, { token, isReadOnly }: Guard): void {
  if (isReadOnly) throw new RefusedError(403, 'page: must not be read-only, got --read-only; start tive ui without it');
  if (!context.req.path.startsWith(`${API}/`))
    throw new RefusedError(403, `page: POST must go below ${API}, got ${context.req.path.slice(0, 100)}`);
  if (!isSame(context.req.header('x-tive-token') ?? '', token))
    throw new RefusedError(403, 'page: POST must carry the header x-tive-token of this session; load the page again');
}

/** A body says its length, which the server holds it to, and is refused before a byte of it is read. */
export const withBodyLimit: MiddlewareHandler = async (context, next) => {
  const length = context.req.header('content-length') ?? '0';
  const isUnknown = context.req.header('transfer-encoding') !== undefined;
  if (isUnknown || !(Number(length) <= MOST_BODY_BYTES)) {
    const got = isUnknown ? 'one that does not say its length' : `${length} bytes`;
    throw new RefusedError(400, `request: must have at most ${MOST_BODY_BYTES} bytes, got ${got}`);
  }
  await next();
};

/** A page of its own, not a redirect: a cookie of the strict kind does not go along where another page has led here. */
function enter(context: Context, guard: Guard): Response {
  setCookie(context, cookieName(context), guard.cookie, { httpOnly: true, sameSite: 'Strict', path: '/' });
  return context.html(
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>tive</title>' +
      '<a href="/">the page</a></html>',
  );
}

/** Browsers keep one list of cookies for all ports of a host. */
function cookieName(context: Context): string {
  return `tive-${(context.req.header('host') ?? '').split(':').at(-1)!.replace(/\D/g, '')}`;
}

/** In a time that tells nothing of the secret. */
function isSame(given: string, secret: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(secret));
}
