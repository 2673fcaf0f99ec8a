/** Return days ahead as they are read: `1-7` as `1–7`. */
export function readableRange(days: string): string {
  return days.replace('-', '–');
}
