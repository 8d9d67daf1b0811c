/** The webhook's tokens as an operator writes them: one, or two with a comma between them while they are rotated. */

import { EnvironmentInvalid } from './environment-invalid.ts';

const SHORTEST_TOKEN = 16;
const MOST_TOKENS = 2;

/**
 * @param name of the variable or the parameter that `text` is from; the error names it, and nothing of the text.
 * @throws EnvironmentInvalid unless they are one or two tokens of at least 16 visible ASCII characters each.
 */
export function parseWebhookTokens(name: string, text: string): readonly string[] {
  const tokens = text.split(',').map((token) => token.trim());
  if (tokens.length > MOST_TOKENS) throw new EnvironmentInvalid(name, `has more than ${MOST_TOKENS} tokens`);
  if (tokens.some((token) => token.length < SHORTEST_TOKEN)) {
    const wanted = `one token, or two with a comma between them, of at least ${SHORTEST_TOKEN} characters each`;
    throw new EnvironmentInvalid(name, `must be ${wanted} (for instance from: openssl rand -hex 32)`);
  }
  if (tokens.some((token) => !/^[\x21-\x7e]+$/.test(token))) {
    throw new EnvironmentInvalid(name, 'has a token with a character that no HTTP header carries as it is');
  }
  return tokens;
}
