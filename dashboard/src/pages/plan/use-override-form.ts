import { useAttemptKey } from '@/api/idempotency';
import {
  type NewOverride,
  type OverrideRequest,
  useMakeOverride,
  useOverridePreview,
} from '@/api/overrides';
import type { Meta } from '@/api/queries';
import { endOfDay } from '@/format/dates';
import { useDebounced } from './use-debounced';
import { isFaulty, previewRequest, useDraft, useFaults } from './use-draft';
import { useGrounds } from './use-grounds';

/** Time without a keypress after which the preview is asked for. */
const PAUSE_MILLISECONDS = 400;

/** The override that is being written, its preview as it is typed, and its making. */
export function useOverrideForm(meta: Meta, onMade: (made: NewOverride) => void) {
  const state = useDraft(meta);
  const faults = useFaults(meta, state.draft);
  const { grounds, setGrounds, forget: forgetGrounds } = useGrounds();
  // as a text: it is compared by what it says
  const wanted = isFaulty(faults) ? null : JSON.stringify(previewRequest(state.draft));
  const asked = useDebounced(wanted, PAUSE_MILLISECONDS);
  const request = asked === null ? null : (JSON.parse(asked) as OverrideRequest);
  const preview = useOverridePreview(request);
  const making = useMakeOverride();
  const attempt = useAttemptKey();
  const seen = preview.data;
  /** The preview is of what stands in the form, and not of what stood there a moment ago. */
  const settled = wanted === asked && !preview.isFetching && !preview.isError;
  const ready = settled && seen !== undefined && request !== null && state.draft.value !== null;
  const make = () => {
    if (!ready || making.isPending) return;
    const body: OverrideRequest = {
      ...request,
      reason: grounds.reason,
      note: grounds.note.trim(),
      ...(grounds.until ? { expires_at: endOfDay(grounds.until) } : {}),
      revision: seen.revision,
    };
    making.mutate(
      { body, key: attempt.keyOf(body) },
      {
        onSuccess: (made) => {
          attempt.forget();
          state.setValue(null);
          forgetGrounds();
          onMade(made);
        },
      },
    );
  };
  return { state, faults, grounds, setGrounds, preview, settled, ready, making, make };
}
