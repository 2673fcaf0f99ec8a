/** Return a name without case, accents, blanks, punctuation, and zeros before a number. */
function fold(name: string): string {
  const plain = name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]/gu, '');
  return plain.replace(/^0+(?=\d+$)/, '');
}

/** Return the number of letters to insert, drop, change or swap, or `most + 1` if it is more. */
function editDistance(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most) return most + 1;
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      let least = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1); // two neighbours are swapped
      next.push(least);
    }
    if (Math.min(...next) > most) return most + 1;
    before = row;
    row = next;
  }
  return row[other.length] ?? most + 1;
}

/** Misspelt names that are looked up; a file with more wrong names has other names altogether. */
const MOST_LOOKUPS = 200;

/**
 * Suggestions for names that are not known, each looked up once.
 *
 * A number is only suggested for the same number: 12 is no misspelt 13.
 */
export class Suggestions {
  readonly #answers = new Map<string, string | null>();
  readonly #folded: { name: string; plain: string }[];

  constructor(known: readonly string[]) {
    this.#folded = known.map((name) => ({ name, plain: fold(name) }));
  }

  /** Return the known name that a wrong one is likely to mean, or null. */
  of(wrong: string): string | null {
    const answered = this.#answers.get(wrong);
    if (answered !== undefined) return answered;
    const answer = this.#answers.size < MOST_LOOKUPS ? this.#lookUp(fold(wrong)) : null;
    this.#answers.set(wrong, answer);
    return answer;
  }

  #lookUp(plain: string): string | null {
    if (plain === '') return null;
    const same = this.#folded.find((each) => each.plain === plain);
    if (same) return same.name;
    if (plain.length < 4 || /^\d+$/.test(plain)) return null;
    const most = plain.length < 8 ? 1 : 2;
    let best: { name: string; distance: number } | null = null;
    for (const { name, plain: candidate } of this.#folded) {
      const distance = editDistance(plain, candidate, most);
      if (distance <= most && distance < (best?.distance ?? Infinity)) best = { name, distance };
    }
    return best?.name ?? null;
  }
}
