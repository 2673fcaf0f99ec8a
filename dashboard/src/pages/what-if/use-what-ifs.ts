import { type Query, useQuery } from '@tanstack/react-query';
import type { Schemas } from '@/api/client';
import { type WhatIf, whatIfQuery } from '@/api/queries';
import { EMPTY, requestOf, type Scenario, type Window } from './scenarios';

/** What is compared: a node on the days of a window, divided into its parts. */
export interface View {
  node: string;
  /** First day; empty for the day after the newest sales. */
  date: string;
  horizon: number;
  /** Levels of parts. */
  depth: number;
  /** How they are divided; empty as the API chooses. */
  by: string;
}

export type AdjustmentWarning = Schemas['WhatifWarning'];

type Request = Schemas['WhatifRequest'];

function requestFor(view: View, window: Window, scenario: Scenario): Request {
  const { node, date, horizon, depth, by } = view;
  return {
    node,
    horizon,
    depth,
    ...(date ? { date } : {}),
    ...(by ? { by } : {}),
    adjustments: requestOf(scenario, window),
  };
}

/** Whether two requests are about the same node and days, so that one's answer may await another. */
function sameView(a: Request, b: Request): boolean {
  return a.node === b.node && a.date === b.date && a.horizon === b.horizon;
}

function useScenarioAnswer(view: View, window: Window, scenario: Scenario | undefined) {
  const request = requestFor(view, window, scenario ?? EMPTY);
  return useQuery({
    ...whatIfQuery(request),
    enabled: scenario !== undefined,
    placeholderData: (previous: WhatIf | undefined, query: Query<WhatIf> | undefined) => {
      const asked = query?.queryKey[1] as Request | undefined;
      return asked && sameView(asked, request) ? previous : undefined;
    },
  });
}

export type ScenarioQuery = ReturnType<typeof useScenarioAnswer>;

/**
 * The answers of up to four scenarios, in their order.
 *
 * A request whose scenario has changed since is aborted; hooks allow no loop, so there are four.
 */
export function useWhatIfs(
  view: View,
  window: Window,
  scenarios: readonly Scenario[],
): ScenarioQuery[] {
  const slots = [
    useScenarioAnswer(view, window, scenarios[0]),
    useScenarioAnswer(view, window, scenarios[1]),
    useScenarioAnswer(view, window, scenarios[2]),
    useScenarioAnswer(view, window, scenarios[3]),
  ];
  return slots.slice(0, scenarios.length);
}
