/** What HAProxy shows, read without the code that is being measured. */

export interface ShownServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly ready: boolean;
  readonly weight: number;
}

/** Forced maint, forced drain, and maint because DNS does not resolve it. */
const NOT_READY = 1 | 8 | 32;

/** @param answer of `show servers state BACKEND`. */
export function shownServers(answer: string): ShownServer[] {
  const [, header = '', ...lines] = answer.split('\n');
  const names = header.replace(/^# /, '').split(' ');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const values = line.split(' ');
      const value = (name: string) => values[names.indexOf(name)] ?? '';
      const admin = Number(value('srv_admin_state'));
      return {
        name: value('srv_name'),
        address: value('srv_addr'),
        port: Number(value('srv_port')),
        ready: (admin & NOT_READY) === 0,
        weight: Number(value('srv_uweight')),
      };
    });
}
