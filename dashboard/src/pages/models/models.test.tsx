import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import { callerAnswer, metaAnswer, problem } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import Models from './models';
import { figureOf, historyOf, modelOf, verdictOf } from './test-answers';
import type { Comparison, Model } from './use-models';

const ACTIVE = modelOf({});
const BEFORE = modelOf({ bundle: '2026-03-01-a', state: 'retired', reason: '' });
const CANDIDATE = modelOf({ bundle: '2026-05-01-c', state: 'candidate', activated: null });

function comparisonOf(more: Partial<Comparison> = {}): Comparison {
  const origins = { first: '2026-01-01', last: '2026-03-25', n: 12 };
  return {
    first: ACTIVE.bundle,
    second: BEFORE.bundle,
    origins: { first: origins, second: origins },
    same_days: true,
    levels: {
      total: {
        '1-7': {
          wape: { first: 0.05, second: 0.06 },
          bias: { first: -0.01, second: 0.02 },
          rmsle: { first: 0.2, second: 0.21 },
          coverage_80: { first: 0.8, second: null },
          coverage_95: { first: 0.95, second: 0.94 },
        },
      },
    },
    ...more,
  };
}

function answerWith(...models: Model[]) {
  server.use(http.get('*/admin/models', () => HttpResponse.json({ models })));
}

beforeEach(() => {
  server.use(
    http.get('*/caller', () => HttpResponse.json(callerAnswer())),
    http.get('*/admin/rollout', () => HttpResponse.json({ rollout: null })),
    http.get('*/admin/models/compare', () => HttpResponse.json(comparisonOf())),
    http.get('*/admin/models/:bundle', () => HttpResponse.json(historyOf(CANDIDATE))),
  );
  answerWith(ACTIVE, BEFORE, CANDIDATE);
});

function open() {
  renderAt('/models', <Models />);
  return userEvent.setup();
}

describe('the list of models', () => {
  it('says which model is served, and what may be done with each', async () => {
    open();
    expect(await screen.findByText(/2026-04-01-b is served; .* Apr 1, 2026/)).toBeVisible();
    const row = async (name: RegExp) => within(await screen.findByRole('row', { name }));
    const names = (of: ReturnType<typeof within>) =>
      of.queryAllByRole('button').map((button: HTMLElement) => button.textContent);
    expect(names(await row(/2026-04-01-b/))).toEqual(['Roll back…', 'Details…']);
    expect(names(await row(/2026-03-01-a/))).toEqual(['Serve…', 'Try…', 'Details…']);
    expect(names(await row(/2026-05-01-c/))).toEqual(['Serve…', 'Try…', 'Retire…', 'Details…']);
  });

  it('offers no rollback where nothing was active before', async () => {
    answerWith(ACTIVE, CANDIDATE);
    open();
    await screen.findByRole('row', { name: /2026-04-01-b/ });
    expect(screen.queryByRole('button', { name: /Roll back/ })).toBeNull();
  });

  it('says that there is none, and how to make one', async () => {
    answerWith();
    open();
    expect(await screen.findByText(/There is no model yet/)).toBeVisible();
  });

  it('asks nothing of the API for a caller who is no administrator', async () => {
    server.use(
      http.get('*/caller', () => HttpResponse.json(callerAnswer({ scopes: ['forecast'] }))),
      http.get('*/admin/*', () => HttpResponse.error()),
    );
    open();
    expect(await screen.findByText('Your key does not allow this')).toBeVisible();
  });
});

describe('a change', () => {
  function record(action: string) {
    const requests: { bundle: unknown; body: unknown }[] = [];
    server.use(
      http.post(`*/admin/models/:bundle/${action}`, async ({ request, params }) => {
        requests.push({ bundle: params.bundle, body: await request.json() });
        return HttpResponse.json({ before: null, after: { bundle: 'x', snapshot: 'y' } });
      }),
    );
    return requests;
  }

  it('serves a candidate after a question that shows how it compared', async () => {
    const verdict = verdictOf({ champion: ACTIVE.bundle, why: 'errors are 6 % lower' });
    server.use(
      http.get('*/admin/models/2026-05-01-c', () =>
        HttpResponse.json(historyOf(CANDIDATE, { verdict })),
      ),
    );
    const requests = record('promote');
    const user = open();
    await user.click(await screen.findByRole('button', { name: /Serve .*2026-05-01-c/ }));
    const dialog = await screen.findByRole('dialog', { name: 'Serve 2026-05-01-c?' });
    expect(await within(dialog).findByText('errors are 6 % lower.')).toBeVisible();
    expect(within(dialog).getByText(/it is better:/)).toBeVisible();
    await user.type(within(dialog).getByLabelText('Why'), 'new store');
    await user.click(within(dialog).getByRole('button', { name: 'Serve this model' }));
    expect(await screen.findByText('2026-05-01-c is served from now on')).toBeVisible();
    expect(requests).toEqual([
      { bundle: '2026-05-01-c', body: { reason: 'new store', force: false } },
    ]);
  });

  it('rolls back from the model that is named', async () => {
    const requests = record('rollback');
    const user = open();
    await user.click(await screen.findByRole('button', { name: /Roll back from/ }));
    await user.click(await screen.findByRole('button', { name: 'Roll back' }));
    expect(await screen.findByText('Rolled back from 2026-04-01-b')).toBeVisible();
    expect(requests).toEqual([{ bundle: '2026-04-01-b', body: { reason: '' } }]);
  });

  it('of a rejected model needs a reason and a second thought', async () => {
    answerWith(ACTIVE, modelOf({ bundle: '2026-03-01-a', state: 'rejected' }));
    const requests = record('promote');
    const user = open();
    await user.click(await screen.findByRole('button', { name: /Serve .*2026-03-01-a/ }));
    const submit = await screen.findByRole('button', { name: 'Serve this model' });
    expect(submit).toBeDisabled();
    await user.click(screen.getByLabelText('Do it all the same'));
    expect(submit).toBeDisabled();
    await user.type(screen.getByLabelText('Why'), 'the data were wrong');
    await user.click(submit);
    await waitFor(() =>
      expect(requests).toEqual([
        { bundle: '2026-03-01-a', body: { reason: 'the data were wrong', force: true } },
      ]),
    );
  });

  it('that is refused says why, and keeps what was written', async () => {
    server.use(
      http.post('*/admin/models/:bundle/retire', () =>
        problem(503, 'MODELS_UNAVAILABLE', 'This server cannot write the artifacts.'),
      ),
    );
    const user = open();
    await user.click(await screen.findByRole('button', { name: /Retire .*2026-05-01-c/ }));
    const dialog = await screen.findByRole('dialog', { name: 'Retire 2026-05-01-c?' });
    await user.type(within(dialog).getByLabelText('Why'), 'old');
    await user.click(within(dialog).getByRole('button', { name: 'Retire this model' }));
    expect(await within(dialog).findByText(/This server cannot write the artifacts/)).toBeVisible();
    expect(within(dialog).getByLabelText('Why')).toHaveValue('old');
  });
});

describe('the comparison', () => {
  it('shows the figures of both, and what one of them lacks', async () => {
    open();
    const row = await screen.findByRole('row', { name: /1–7/ });
    expect(row).toHaveTextContent('5% → 6%');
    expect(row).toHaveTextContent('0.2 → 0.21');
    expect(row).toHaveTextContent('80% → –');
  });

  it('asks for the models that are chosen', async () => {
    const asked: (string | null)[][] = [];
    server.use(
      http.get('*/admin/models/compare', ({ request }) => {
        const query = new URL(request.url).searchParams;
        asked.push([query.get('first'), query.get('second')]);
        return HttpResponse.json(comparisonOf());
      }),
    );
    const user = open();
    await user.selectOptions(await screen.findByLabelText('And this one'), '2026-05-01-c');
    await waitFor(() => expect(asked.at(-1)).toEqual(['2026-04-01-b', '2026-05-01-c']));
  });

  it('warns where the figures are of other days', async () => {
    server.use(
      http.get('*/admin/models/compare', () =>
        HttpResponse.json(comparisonOf({ same_days: false })),
      ),
    );
    open();
    expect(await screen.findByText(/not of the same days/)).toBeVisible();
  });
});

describe('the picture of the comparison', () => {
  it('names both models, and has a mark for each figure', async () => {
    open();
    const figure = await screen.findByRole('figure', { name: '' });
    expect(within(figure).getByText('2026-04-01-b')).toBeVisible();
    expect(within(figure).getByText('2026-03-01-a')).toBeVisible();
    const drawing = figure.querySelector('svg[viewBox]') as Element;
    expect(drawing.querySelectorAll('circle, rect')).toHaveLength(2);
    expect(within(figure).getByText(/WAPE by days ahead/)).toBeVisible();
  });

  it('counts weeks where sales are weekly, as the table does', async () => {
    server.use(http.get('*/meta', () => HttpResponse.json(metaAnswer({ step: 'week' }))));
    open();
    expect(await screen.findByText(/WAPE by weeks ahead/)).toBeVisible();
    expect(screen.getByRole('columnheader', { name: 'Weeks ahead' })).toBeVisible();
  });

  it('has no mark where a model has no figure', async () => {
    const comparison = comparisonOf();
    const { total } = comparison.levels;
    (total?.['1-7'] as Record<string, unknown>).wape = { first: 0.05, second: null };
    server.use(http.get('*/admin/models/compare', () => HttpResponse.json(comparison)));
    open();
    const figure = await screen.findByRole('figure', { name: '' });
    expect(figure.querySelectorAll('svg[viewBox] :is(circle, rect)')).toHaveLength(1);
  });
});

describe('the details of a model', () => {
  const levels = {
    total: {
      figures: { wape: figureOf(0.2, 0.18), bias: figureOf(0.01, 0.03) },
      buckets: { '1-7': { wape: figureOf(0.1, 0.15) } },
    },
    store_nbr: { figures: { wape: figureOf(0.3, 0.33) }, buckets: {} },
  };

  async function openDetails(verdict: ReturnType<typeof verdictOf> | null) {
    server.use(
      http.get('*/admin/models/2026-05-01-c', () =>
        HttpResponse.json(
          historyOf(CANDIDATE, {
            verdict,
            changes: [
              {
                at: '2026-05-01T03:00:00+00:00',
                state: 'candidate',
                snapshot: '2026-05-01-s',
                actor: 'registry',
                reason: 'a training',
              },
            ],
          }),
        ),
      ),
    );
    const user = open();
    await user.click(await screen.findByRole('button', { name: /Details .*2026-05-01-c/ }));
    return { user, dialog: within(await screen.findByRole('dialog', { name: '2026-05-01-c' })) };
  }

  it('show the figures of the verdict by level, with the change and its interval', async () => {
    const { user, dialog } = await openDetails(verdictOf({ levels }));
    await user.click(await dialog.findByText('Figures of both models'));
    const row = dialog.getByRole('row', { name: /Total/ });
    expect(row).toHaveTextContent('20%18%-10%-15% to -5%');
    expect(dialog.getByRole('row', { name: /Store nbr/ })).toHaveTextContent('30%33%');
    await user.selectOptions(dialog.getByLabelText('Measure'), 'Bias');
    expect(dialog.getByRole('row', { name: /Total/ })).toHaveTextContent('1%3%');
    await user.selectOptions(dialog.getByLabelText('Days ahead'), '1–7');
    expect(dialog.getByLabelText('Measure')).toHaveDisplayValue('WAPE');
    expect(dialog.getByRole('row', { name: /Total/ })).toHaveTextContent('10%15%');
  });

  it('count weeks ahead in the verdict where sales are weekly', async () => {
    server.use(http.get('*/meta', () => HttpResponse.json(metaAnswer({ step: 'week' }))));
    const { user, dialog } = await openDetails(verdictOf({ levels }));
    await user.click(await dialog.findByText('Figures of both models'));
    expect(await dialog.findByLabelText('Weeks ahead')).toBeVisible();
  });

  it('list what was worse by more than is allowed', async () => {
    const faults = ['the bias of the level total is 0.04 further from 0'];
    const { user, dialog } = await openDetails(verdictOf({ outcome: 'worse', faults }));
    await user.click(await dialog.findByText('1 figure is worse by more than is allowed'));
    expect(await dialog.findByRole('listitem')).toHaveTextContent(faults[0] as string);
  });

  it('show what an older record has, and how the model came to its state', async () => {
    const { dialog } = await openDetails(verdictOf({ why: 'errors differ by -2 %' }));
    expect(await dialog.findByText('errors differ by -2 %.')).toBeVisible();
    expect(dialog.queryByText('Figures of both models')).toBeNull();
    expect(dialog.getByRole('row', { name: /a training/ })).toHaveTextContent('registry');
  });

  it('say so where the model was not compared', async () => {
    const { dialog } = await openDetails(null);
    expect(await dialog.findByText(/It was not compared/)).toBeVisible();
  });
});
