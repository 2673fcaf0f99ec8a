import { useEffect, useState } from 'react';
import { useQueryState } from '@/url/query-state';
import { NO_SCENARIOS, type Scenario, scenariosCodec } from './scenarios';

/** Long enough for a slider to come to rest: an answer costs more than an event. */
const SETTLED_AFTER_MILLISECONDS = 350;

export interface Scenarios {
  /** As they are being edited. */
  list: readonly Scenario[];
  /** As the address has them: these are computed. */
  settled: readonly Scenario[];
  /** Whether the address had scenarios that cannot be read. */
  broken: boolean;
  edit: (list: readonly Scenario[]) => void;
}

/**
 * Scenarios that live in the address.
 *
 * Edits are seen at once, and written to the address when they settle: browsers refuse an address
 * that changes with every pixel of a slider, and each change of it asks the API.
 */
export function useScenarios(): Scenarios {
  const [written, write] = useQueryState('scenarios', scenariosCodec, NO_SCENARIOS, 'replace');
  const [draft, setDraft] = useState<readonly Scenario[] | null>(null);
  useEffect(() => {
    if (draft === null) return;
    const timer = setTimeout(() => {
      write({ list: draft, broken: false });
      setDraft(null);
    }, SETTLED_AFTER_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [draft, write]);
  return {
    list: draft ?? written.list,
    settled: written.list,
    broken: written.broken && draft === null,
    edit: setDraft,
  };
}
