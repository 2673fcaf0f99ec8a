import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, content, type Schemas } from '@/api/client';

export type Model = Schemas['ListedModelAnswer'];
export type ModelHistory = Schemas['ModelHistoryAnswer'];
export type Verdict = Schemas['VerdictAnswer'];
export type Comparison = Schemas['ComparisonAnswer'];
export type Promotion = Schemas['PromotionAnswer'];

const MODELS = ['admin', 'models'];

export function useModels() {
  return useQuery({
    queryKey: MODELS,
    queryFn: ({ signal }) => content<Schemas['ModelsAnswer']>(api.GET('/admin/models', { signal })),
  });
}

/** A model with the changes of its state and the verdict of its training. */
export function useModel(bundle: string) {
  return useQuery({
    queryKey: [...MODELS, bundle],
    queryFn: ({ signal }) =>
      content<ModelHistory>(
        api.GET('/admin/models/{bundle}', { params: { path: { bundle } }, signal }),
      ),
  });
}

export function useComparison(first: string, second: string) {
  return useQuery({
    queryKey: [...MODELS, 'compare', first, second],
    queryFn: ({ signal }) =>
      content<Comparison>(
        api.GET('/admin/models/compare', { params: { query: { first, second } }, signal }),
      ),
  });
}

export const ACTIONS = ['promote', 'rollback', 'retire', 'stop'] as const;
export type Action = (typeof ACTIONS)[number];

export interface Change {
  action: Action;
  bundle: string;
  reason: string;
  force: boolean;
}

/** Return whether a model is tried beside the active one. */
export function isInTrial({ state }: Model): boolean {
  return state === 'shadow' || state === 'canary';
}

/** Return why a model must be forced to serve or to be tried; null if it need not be. */
export function riskOf(model: Model, served: Model | null): 'rejected' | 'demo' | null {
  if (model.state === 'rejected') return 'rejected';
  return model.demo && served !== null && !served.demo ? 'demo' : null;
}

/** A change of a model, after which all that depends on what is served is read again. */
export function useChangeModel() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ action, bundle, reason, force }: Change): Promise<void> => {
      const params = { path: { bundle } };
      if (action === 'promote') {
        const body = { reason, force };
        await content(api.POST('/admin/models/{bundle}/promote', { params, body }));
      } else if (action === 'rollback') {
        await content(api.POST('/admin/models/{bundle}/rollback', { params, body: { reason } }));
      } else if (action === 'retire') {
        await content(api.POST('/admin/models/{bundle}/retire', { params, body: { reason } }));
      } else {
        await content(api.POST('/admin/rollout/stop', { body: { reason } }));
      }
    },
    onSuccess: () => queries.invalidateQueries(),
  });
}
