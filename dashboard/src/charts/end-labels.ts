const LINE_HEIGHT = 15;

/**
 * Return names with heights (`y`): where their lines end, moved apart where these lie close together.
 *
 * From the top down, each name is put below the one before; then, from the bottom up, above the one
 * after, as far as the bottom pushes them. Their order is that of the ends, so that no two cross.
 */
export function placeEndLabels<Label extends { end: number }>(
  labels: readonly Label[],
  top: number,
  bottom: number,
): (Label & { y: number })[] {
  const placed = labels.map((each) => ({ ...each, y: each.end })).sort((a, b) => a.end - b.end);
  let least = top;
  for (const each of placed) {
    each.y = Math.max(each.y, least);
    least = each.y + LINE_HEIGHT;
  }
  let most = bottom;
  for (const each of placed.toReversed()) {
    each.y = Math.min(each.y, most);
    most = each.y - LINE_HEIGHT;
  }
  return placed;
}

/** Return a name of at most so many letters, with an ellipsis where it is cut. */
export function shortened(name: string, most: number): string {
  return name.length <= most ? name : `${name.slice(0, most - 1).trimEnd()}…`;
}
