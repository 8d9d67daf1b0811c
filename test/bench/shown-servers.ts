/** What HAProxy shows, read without the code that is being measured. */

export interface ShownServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly ready: boolean;
  readonly weight: number;
}

const FORCED_MAINT = 1;
const FORCED_DRAIN = 8;

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
        ready: (admin & (FORCED_MAINT | FORCED_DRAIN)) === 0,
        weight: Number(value('srv_uweight')),
      };
    });
}
