/** Numbers as HAProxy prints them: decimal digits and nothing else. */

const ZERO = '0'.charCodeAt(0);

/**
 * Undefined when `text` is not one or more digits, or is a number that JavaScript does not hold exactly (from 2^53 on):
 * no version prints one where it is read. Half the time of an expression and `Number`.
 */
export function decimal(text: string): number | undefined {
  let value = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value = value * 10 + digit;
  }
  return text === '' || value > Number.MAX_SAFE_INTEGER ? undefined : value;
}
