import { useCallback, useRef } from 'react';
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

/** How a change is written: as a step that Back undoes, or in the place of the one before. */
export type HistoryMode = 'push' | 'replace';

let pushedNow = false;

/** Return the mode of a change: those of the same event are one step together. */
function modeOf(wanted: HistoryMode): HistoryMode {
  if (wanted === 'replace' || pushedNow) return 'replace';
  pushedNow = true;
  queueMicrotask(() => {
    pushedNow = false;
  });
  return 'push';
}

/**
 * Return a value that lives in the address, and the function that changes it there.
 *
 * A choice is a step of the history, so that Back undoes it. What is typed or dragged is none: Back
 * does not lead through every keypress.
 *
 * @param usual how a change is written unless the change says it itself.
 */
export function useQueryState<T>(
  name: string,
  codec: Codec<T>,
  initial: T,
  usual: HistoryMode = 'push',
): [T, (value: T, mode?: HistoryMode) => void] {
  const [search, setSearch] = useSearchParams();
  const written = search.get(name);
  const value = written === null ? initial : (codec.parse(written) ?? initial);
  const change = useCallback(
    (next: T, mode: HistoryMode = usual) => {
      // the address itself: another value may have changed since this was rendered
      const before = new URLSearchParams(window.location.search);
      const after = new URLSearchParams(before);
      const formatted = codec.format(next);
      if (formatted === null) after.delete(name);
      else after.set(name, formatted);
      if (after.toString() === before.toString()) return; // a step back would change nothing
      setSearch(after, { replace: modeOf(mode) === 'replace' });
    },
    [name, codec, setSearch, usual],
  );
  return [value, change];
}

/**
 * Return how a field's changes are written: the first since it has the focus is a step.
 *
 * So Back leads to what was there before somebody typed, and not to what was half typed.
 */
export function useTyping(): { onFocus: () => void; mode: () => HistoryMode } {
  const changed = useRef(false);
  return {
    onFocus: () => {
      changed.current = false;
    },
    mode: () => {
      const mode = changed.current ? 'replace' : 'push';
      changed.current = true;
      return mode;
    },
  };
}
