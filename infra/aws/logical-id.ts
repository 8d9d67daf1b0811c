/** The name of a fleet as a part of CloudFormation's logical ids, which are letters and digits. */

import { createHash } from 'node:crypto';

/** Different for different fleets, and the same for as long as the fleet has its name. */
export function logicalId(fleet: string): string {
  const plain = fleet.replaceAll(/[^A-Za-z0-9]/g, '');
  return plain === fleet ? plain : `${plain}${createHash('sha256').update(fleet).digest('hex').slice(0, 8)}`;
}
