/** The order in which rows are locked and made. Any order will do, as long as all instances keep to it. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
