import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

/** How a value is read from the address and written to it. */
export interface Codec<T> {
  /** Return the value of a text, or undefined if the text is none. */
  parse: (text: string) => T | undefined;
  /** Return the text of a value, or null where the address leaves it out. */
  format: (value: T) => string | null;
}

export const text: Codec<string> = { parse: (each) => each, format: (each) => each || null };

export const day: Codec<string> = {
  parse: (each) => (/^\d{4}-\d{2}-\d{2}$/.test(each) ? each : undefined),
  format: (each) => each || null,
};

export const flag: Codec<boolean> = {
  parse: (each) => each === '1' || each === 'true',
  format: (each) => (each ? '1' : null),
};

/** Texts separated by bars; a bar within a text is written `\|`, and a backslash `\\`. */
export const list: Codec<string[]> = {
  parse: (each) =>
    (each.match(/(?:\\[\\|]|[^|])+/g) ?? []).map((item) => item.replace(/\\([\\|])/g, '$1')),
  format: (each) =>
    each.length ? each.map((item) => item.replace(/[\\|]/g, '\\$&')).join('|') : null,
};

export function whole(least: number, most: number): Codec<number> {
  return {
    parse: (each) => {
      const value = Number(each);
      return Number.isInteger(value) && value >= least && value <= most ? value : undefined;
    },
    format: String,
  };
}

export function oneOf<T extends string>(...values: readonly T[]): Codec<T> {
  return { parse: (each) => values.find((value) => value === each), format: (each) => each };
}

/**
 * Return a value that lives in the address, and the function that changes it there.
 *
 * A change adds no entry to the history: Back leads to the page before, not through every keypress.
 */
export function useQueryState<T>(
  name: string,
  codec: Codec<T>,
  initial: T,
): [T, (value: T) => void] {
  const [search, setSearch] = useSearchParams();
  const written = search.get(name);
  const value = written === null ? initial : (codec.parse(written) ?? initial);
  const change = useCallback(
    (next: T) => {
      setSearch(
        () => {
          // the address itself: another value may have changed since this was rendered
          const after = new URLSearchParams(window.location.search);
          const formatted = codec.format(next);
          if (formatted === null) after.delete(name);
          else after.set(name, formatted);
          return after;
        },
        { replace: true },
      );
    },
    [name, codec, setSearch],
  );
  return [value, change];
}
