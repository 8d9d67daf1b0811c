/**
 * Where the functions' secrets come from: parameters of SSM, read when they are first needed and then every five
 * minutes, so that they are rotated without a deployment; or, on one machine, plain variables.
 *
 * A refused token does not make the parameters be read again: anybody can send one.
 */

import { createSecureContext } from 'node:tls';
import * as v from 'valibot';
import type { TlsTexts } from '../lib/model/fleet.ts';
import { bearerCheck } from './bearer.ts';
import { EnvironmentInvalid } from './environment-invalid.ts';
import { kept } from './kept.ts';
import { createParameterReader } from './parameters.ts';
import { parseWebhookTokens } from './webhook-tokens.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

/** Told when a secret could not be read anew and the former one is used on. */
export type OnStale = (error: unknown) => void;

/** The present value of a secret; several calls cost no more than one. */
export type Secret<T> = () => Promise<T>;

const MAX_AGE_MS = 5 * 60_000;
const RETRY_MS = 5_000;

const text = v.object({ value: v.string() });
const tlsTexts = v.object({ ca: v.string(), cert: v.string(), key: v.string() });

/**
 * The check for `authorization` headers, with the tokens of HITLESS_WEBHOOK_TOKENS_PARAMETER or
 * HITLESS_WEBHOOK_TOKENS.
 *
 * @throws EnvironmentInvalid at once for plain tokens, when it is asked for those of a parameter.
 */
export function webhookCheck(variables: Variables, onStale: OnStale): Secret<ReturnType<typeof bearerCheck>> {
  const parameter = parameterOf(variables, 'HITLESS_WEBHOOK_TOKENS');
  if (parameter === null) {
    const name = 'HITLESS_WEBHOOK_TOKENS';
    const check = bearerCheck(parseWebhookTokens(name, variables[name] ?? ''));
    return async () => check;
  }
  const read = createParameterReader({ value: parameter }, text);
  return keptSecret(async () => {
    const { value } = await read();
    return bearerCheck(parseWebhookTokens(parameter, value.trim()));
  }, onStale);
}

/** Consul's ACL token, of HITLESS_CONSUL_TOKEN_PARAMETER or HITLESS_CONSUL_TOKEN; undefined: neither is set. */
export function consulToken(variables: Variables, onStale: OnStale): Secret<string | undefined> {
  const parameter = parameterOf(variables, 'HITLESS_CONSUL_TOKEN');
  if (parameter === null) return async () => variables.HITLESS_CONSUL_TOKEN;
  const read = createParameterReader({ value: parameter }, text);
  return keptSecret(async () => (await read()).value.trim(), onStale);
}

/**
 * What the Runtime APIs are spoken to with, from the parameters `ca`, `cert` and `key` below HITLESS_TLS_PARAMETERS;
 * null: that is not set. A key that does not fit its certificate counts as unreadable, so it is not used while the
 * two are being replaced one after the other.
 */
export function runtimeTls(variables: Variables, onStale: OnStale): Secret<TlsTexts> | null {
  const prefix = (variables.HITLESS_TLS_PARAMETERS ?? '').replace(/\/+$/, '');
  if (prefix === '') return null;
  const names = { ca: `${prefix}/ca`, cert: `${prefix}/cert`, key: `${prefix}/key` };
  const read = createParameterReader(names, tlsTexts);
  return keptSecret(async () => {
    const pem = await read();
    try {
      createSecureContext(pem);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      throw new EnvironmentInvalid('HITLESS_TLS_PARAMETERS', `${prefix}/… cannot be used together: ${words}`);
    }
    return { pem };
  }, onStale);
}

function keptSecret<T>(read: () => Promise<T>, onStale: OnStale): Secret<T> {
  return kept(read, { maxAgeMs: MAX_AGE_MS, retryMs: RETRY_MS, now: Date.now, onStale });
}

/** @throws EnvironmentInvalid when both the plain variable and the parameter's name are there. */
function parameterOf(variables: Variables, plain: string): string | null {
  const name = `${plain}_PARAMETER`;
  const parameter = variables[name] ?? '';
  if (parameter === '') return null;
  if ((variables[plain] ?? '') !== '') throw new EnvironmentInvalid(name, `and ${plain} are both set`);
  return parameter;
}
