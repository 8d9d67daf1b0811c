/** Which route of an HTTP API a request takes. */

/** `METHOD /path/{parameter}`, as in an API's definition; `ANY` stands for every method. */
export interface Route {
  readonly routeKey: string;
  readonly method: string;
  readonly segments: readonly string[];
}

export function parseRoute(routeKey: string): Route {
  const [method = '', path = ''] = routeKey.split(' ');
  if (!/^[A-Z]+$/.test(method) || !path.startsWith('/')) throw new TypeError(`not a route key: ${routeKey}`);
  return { routeKey, method, segments: path.split('/').slice(1) };
}

/**
 * The path parameters, decoded, or null when the request does not take this route. A parameter stands for exactly
 * one segment that is not empty; `%2F` inside a segment does not split it.
 */
export function matchRoute(route: Route, method: string, path: string): Record<string, string> | null {
  if (route.method !== 'ANY' && route.method !== method) return null;
  const segments = path.split('/').slice(1);
  if (segments.length !== route.segments.length) return null;
  const parameters: Record<string, string> = {};
  for (const [index, pattern] of route.segments.entries()) {
    const segment = decodePath(segments[index] ?? '');
    const name = /^\{(.+)\}$/.exec(pattern)?.[1];
    if (name === undefined ? segment !== pattern : segment === '') return null;
    if (name !== undefined) parameters[name] = segment;
  }
  return parameters;
}

/** Percent-decoding; text that is not valid percent-encoding stays as it is. */
export function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
