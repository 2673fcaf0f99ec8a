import { useState } from 'react';
import type { OverrideReason } from '@/api/overrides';

/** Why an override is made, and until when it counts. */
export interface Grounds {
  reason: OverrideReason;
  note: string;
  /** Last day on which it counts, in the reader's own time; empty for no end. */
  until: string;
}

const STORED = 'mlrf.override-grounds';
const NO_GROUNDS: Grounds = { reason: 'other', note: '', until: '' };

function storedGrounds(): Grounds {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(STORED) ?? 'null');
    return { ...NO_GROUNDS, ...(stored as Partial<Grounds> | null) };
  } catch {
    return NO_GROUNDS; // another version wrote it, or the browser stores nothing
  }
}

/**
 * The grounds of the override that is being written, which a reload keeps.
 *
 * They are kept for the tab alone and not in the address as the rest of the draft: a note is passed
 * on by saving, not by a link.
 */
export function useGrounds() {
  const [grounds, setState] = useState(storedGrounds);
  function setGrounds(next: Grounds): void {
    setState(next);
    try {
      sessionStorage.setItem(STORED, JSON.stringify(next));
    } catch {
      // a browser that stores nothing loses the draft on a reload, and works otherwise
    }
  }
  return { grounds, setGrounds, forget: () => setGrounds(NO_GROUNDS) };
}
