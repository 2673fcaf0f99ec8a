import { useState } from 'react';

const STORED = 'mlrf.scenarios';
const MOST_SAVED = 50;

/** Scenarios that were saved: the query of the page's address, by a name. */
export interface SavedScenarios {
  name: string;
  query: string;
}

function isSaved(value: unknown): value is SavedScenarios {
  if (typeof value !== 'object' || value === null) return false;
  const { name, query } = value as Partial<SavedScenarios>;
  return typeof name === 'string' && typeof query === 'string';
}

/** Return what is saved in this browser; what is no such thing is left out. */
function readSaved(): SavedScenarios[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED) ?? '[]');
    return Array.isArray(stored) ? stored.filter(isSaved) : [];
  } catch {
    return [];
  }
}

/** The saved scenarios, and how they change; `failed` where the browser keeps nothing. */
export function useSaved() {
  const [saved, setSaved] = useState(readSaved);
  const [failed, setFailed] = useState(false);

  function store(next: SavedScenarios[]): void {
    try {
      localStorage.setItem(STORED, JSON.stringify(next));
      setSaved(next);
      setFailed(false);
    } catch {
      setFailed(true); // storage is full or forbidden
    }
  }

  const others = (name: string) => readSaved().filter((each) => each.name !== name);
  return {
    saved,
    failed,
    /** Save under a name, in the place of what had it. */
    save: (name: string, query: string) =>
      store([{ name, query }, ...others(name)].slice(0, MOST_SAVED)),
    remove: (name: string) => store(others(name)),
  };
}
