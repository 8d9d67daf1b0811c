/** Cookies by which a load balancer keeps a client with one server: they name its slot. */

export interface Cookie {
  /** `SERVER=websrv1` */
  readonly cookie: string;
  /** Who served the request that it came with. */
  readonly server: string;
}

/** @throws Error when none was given. */
export async function cookieOf(url: string): Promise<Cookie> {
  const response = await fetch(url);
  await response.text();
  const cookie = response.headers.get('set-cookie')?.split(';')[0];
  const server = response.headers.get('x-served-by');
  if (cookie === undefined || server === null) throw new Error(`${url} gave no cookie`);
  return { cookie, server };
}

/** Who serves a client that has the cookie; null: nobody. */
export async function servedWithCookie(url: string, cookie: string): Promise<string | null> {
  const response = await fetch(url, { headers: { cookie } });
  await response.text();
  return response.headers.get('x-served-by');
}
