import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import { callerAnswer, problem } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import Models from './models';
import { historyOf, modelOf, rolloutOf } from './test-answers';
import type { Model } from './use-models';
import type { Report, Rollout } from './use-rollout';

const ACTIVE = modelOf({});
const CANDIDATE = modelOf({ bundle: '2026-05-01-c', state: 'candidate', activated: null });
const OTHER = modelOf({ bundle: '2026-03-01-a', state: 'retired' });
const REPORT: Report = {
  total: 1.021,
  moved: { total: 0.03, store: 0.08 },
  recent: {
    total: { active: 0.1, challenger: 0.11 },
    store: { active: 0.2, challenger: null },
  },
  incoherence: 0,
  slower: 0.1,
  larger: 0,
  live: null,
};

/** What the server knows; tests change it, and the page follows. */
let world: { candidate: Model; rollout: Rollout | null };

function inTrial(rollout: Rollout): void {
  world = { candidate: { ...CANDIDATE, state: rollout.stage }, rollout };
}

beforeEach(() => {
  world = { candidate: CANDIDATE, rollout: null };
  server.use(
    http.get('*/caller', () => HttpResponse.json(callerAnswer())),
    http.get('*/admin/rollout', () => HttpResponse.json({ rollout: world.rollout })),
    http.get('*/admin/models', () =>
      HttpResponse.json({ models: [ACTIVE, world.candidate, OTHER] }),
    ),
    http.get('*/admin/models/compare', () => problem(409, 'CONFLICT', 'no figures')),
    http.get('*/admin/models/:bundle', () => HttpResponse.json(historyOf(CANDIDATE))),
  );
});

function open() {
  renderAt('/models', <Models />);
  return userEvent.setup();
}

/** Answer a trial that begins or changes, and return what was sent. */
function record(stage: 'shadow' | 'canary', rollout: Rollout) {
  const bodies: unknown[] = [];
  server.use(
    http.post(`*/admin/models/:bundle/${stage}`, async ({ request }) => {
      bodies.push(await request.json());
      inTrial(rollout);
      return HttpResponse.json(rollout);
    }),
  );
  return bodies;
}

async function openForm(user: ReturnType<typeof userEvent.setup>, name: RegExp | string) {
  await user.click(await screen.findByRole('button', { name }));
  return within(await screen.findByRole('dialog', { name: /2026-05-01-c/ }));
}

const card = async () => within(await screen.findByRole('region', { name: /In trial/ }));

describe('the trial of a model', () => {
  it('begins as a shadow, with a reason', async () => {
    const bodies = record('shadow', rolloutOf());
    const user = open();
    const form = await openForm(user, /Try .*2026-05-01-c/);
    await user.type(form.getByLabelText('Why'), 'new features');
    await user.click(form.getByRole('button', { name: 'Begin the trial' }));
    expect(await screen.findByText('2026-05-01-c is in trial as a shadow')).toBeVisible();
    expect(bodies).toEqual([{ reason: 'new features', force: false }]);
    expect(screen.getByRole('row', { name: /2026-05-01-c/ })).toHaveTextContent('Shadow');
    expect((await card()).getByText(/answers nobody/)).toBeVisible();
  });

  it('begins as a canary by the plan', async () => {
    const bodies = record('canary', rolloutOf({ stage: 'canary', share: 0.01, automatic: true }));
    const user = open();
    const form = await openForm(user, /Try .*2026-05-01-c/);
    await user.click(form.getByLabelText('As a canary, by the plan'));
    await user.click(form.getByRole('button', { name: 'Begin the trial' }));
    expect(await screen.findByText('2026-05-01-c is in trial as a canary')).toBeVisible();
    expect(bodies).toEqual([{ reason: '', force: false }]);
    expect((await card()).getByText(/by itself/)).toBeVisible();
  });

  it('begins at a share that is written as percent, and refuses one that there is not', async () => {
    const bodies = record('canary', rolloutOf({ stage: 'canary', share: 0.125 }));
    const user = open();
    const form = await openForm(user, /Try .*2026-05-01-c/);
    await user.click(form.getByLabelText('As a canary, at a share'));
    const share = form.getByLabelText('Share of the callers, in percent');
    for (const wrong of ['', '0', '101', 'ten']) {
      await user.clear(share);
      if (wrong) await user.type(share, wrong);
      await user.click(form.getByRole('button', { name: 'Begin the trial' }));
      expect(form.getByRole('alert')).toHaveTextContent('Enter a number above 0');
    }
    expect(bodies).toEqual([]);
    await user.clear(share);
    await user.type(share, '12.5 %');
    await user.click(form.getByRole('button', { name: 'Begin the trial' }));
    await waitFor(() => expect(bodies).toEqual([{ reason: '', force: false, share: 0.125 }]));
    expect((await card()).getByText('12.5%')).toBeVisible();
  });

  it('of a rejected model needs a reason and a second thought', async () => {
    world.candidate = { ...CANDIDATE, state: 'rejected' };
    const bodies = record('shadow', rolloutOf());
    const user = open();
    const form = await openForm(user, /Try .*2026-05-01-c/);
    const submit = form.getByRole('button', { name: 'Begin the trial' });
    expect(submit).toBeDisabled();
    await user.click(form.getByLabelText('Do it all the same'));
    await user.type(form.getByLabelText('Why'), 'the data were wrong');
    await user.click(submit);
    await waitFor(() => expect(bodies).toEqual([{ reason: 'the data were wrong', force: true }]));
  });

  it('that is refused says why, and keeps what was written', async () => {
    server.use(
      http.post('*/admin/models/:bundle/shadow', () =>
        problem(409, 'CONFLICT', 'release x is in trial already'),
      ),
    );
    const user = open();
    const form = await openForm(user, /Try .*2026-05-01-c/);
    await user.type(form.getByLabelText('Why'), 'new');
    await user.click(form.getByRole('button', { name: 'Begin the trial' }));
    expect(await form.findByText(/is in trial already/)).toBeVisible();
    expect(form.getByLabelText('Why')).toHaveValue('new');
  });

  it('is offered for no other model meanwhile', async () => {
    inTrial(rolloutOf());
    open();
    await card();
    expect(screen.queryByRole('button', { name: /Try the model/ })).toBeNull();
  });
});

describe('the card of a trial', () => {
  it('says that nothing was compared yet, and shows it when it was', async () => {
    inTrial(rolloutOf());
    open();
    expect(await screen.findByText(/Not compared yet/)).toBeVisible();
    inTrial(rolloutOf({ report: REPORT, worse: 0.1 }));
    const row = await screen.findByRole('row', { name: /^Total/ });
    expect(row).toHaveTextContent('Total10%11%+10%3%');
    expect(screen.getByRole('row', { name: /^Store/ })).toHaveTextContent('Store20%––8%');
    expect(screen.getByText('+2.1%')).toBeVisible();
    expect(screen.queryByText(/Not compared yet/)).toBeNull();
  });

  it('has the answers and failures of both models', async () => {
    inTrial(rolloutOf());
    open();
    expect(await screen.findByRole('row', { name: /^Active model/ })).toHaveTextContent('1201–');
    expect(screen.queryByText('Answers at this share')).toBeNull();
    expect(screen.getByRole('row', { name: /repeated requests/ })).toHaveTextContent('1203.4%');
    expect(screen.getByText('49 MB')).toBeVisible();
  });

  it('serves the model after the question that serving takes', async () => {
    inTrial(rolloutOf());
    server.use(
      http.post('*/admin/models/2026-05-01-c/promote', () => {
        world = { candidate: { ...CANDIDATE, state: 'active' }, rollout: null };
        return HttpResponse.json({ before: null, after: { bundle: 'x', snapshot: 'y' } });
      }),
    );
    const user = open();
    await user.click((await card()).getByRole('button', { name: 'Serve…' }));
    await user.click(await screen.findByRole('button', { name: 'Serve this model' }));
    expect(await screen.findByText('2026-05-01-c is served from now on')).toBeVisible();
    expect(screen.queryByText(/The trial is over/)).toBeNull();
    expect(screen.queryByRole('region', { name: /In trial/ })).toBeNull();
  });

  it('turns a shadow into a canary by the plan unless a share is chosen', async () => {
    inTrial(rolloutOf());
    const bodies = record('canary', rolloutOf({ stage: 'canary', share: 0.01, automatic: true }));
    const user = open();
    const form = await openForm(user, 'As a canary…');
    await user.click(form.getByRole('button', { name: 'Change the trial' }));
    await waitFor(() => expect(bodies).toEqual([{ reason: '', force: false }]));
    expect((await card()).getByText('Canary')).toBeVisible();
  });

  it('changes the share of a canary from the one that it has', async () => {
    inTrial(rolloutOf({ stage: 'canary', share: 0.1 }));
    const bodies = record('canary', rolloutOf({ stage: 'canary', share: 0.5 }));
    const user = open();
    const form = await openForm(user, 'Change the share…');
    const share = form.getByLabelText('Share of the callers, in percent');
    expect(share).toHaveValue('10');
    await user.clear(share);
    await user.type(share, '50');
    await user.click(form.getByRole('button', { name: 'Change the trial' }));
    await waitFor(() => expect(bodies).toEqual([{ reason: '', force: false, share: 0.5 }]));
  });

  it('ends the trial with a reason, which is told once', async () => {
    inTrial(rolloutOf());
    const bodies: unknown[] = [];
    server.use(
      http.post('*/admin/rollout/stop', async ({ request }) => {
        bodies.push(await request.json());
        world = { candidate: CANDIDATE, rollout: null };
        return HttpResponse.json({ rollout: null });
      }),
    );
    const user = open();
    const form = await openForm(user, 'End the trial…');
    await user.type(form.getByLabelText('Why'), 'lunch');
    await user.click(form.getByRole('button', { name: 'End the trial' }));
    expect(await screen.findByText('The trial of 2026-05-01-c has ended')).toBeVisible();
    expect(bodies).toEqual([{ reason: 'lunch' }]);
    expect(screen.queryByText('The trial of 2026-05-01-c was ended')).toBeNull();
  });
});

describe('the card of a canary', () => {
  it('says how many answers it made at its share, and how their times compare', async () => {
    inTrial(rolloutOf({ stage: 'canary', share: 0.1, at_share: 1234, slower: 0.12 }));
    open();
    const figures = (await screen.findByText('Answers at this share')).closest('dl');
    expect(figures).toHaveTextContent('Answers at this share1,234');
    expect(figures).toHaveTextContent('Time of its answers+12%Beside the active model');
  });

  it('says so where too few answers are known', async () => {
    inTrial(rolloutOf({ stage: 'canary', share: 0.1 }));
    open();
    expect(await screen.findByText(/Too few answers/)).toBeVisible();
  });
});

describe('a trial that ends by itself', () => {
  it.each([
    ['rejected', 'The trial is over: 2026-05-01-c was rejected'],
    ['active', 'The trial is over: 2026-05-01-c is served'],
    ['candidate', 'The trial of 2026-05-01-c was ended'],
  ] as const)('is told with its reason where the model is then %s', async (state, title) => {
    inTrial(rolloutOf());
    open();
    await card();
    const candidate = { ...CANDIDATE, state, by: 'rollout', reason: '3 of its 40 answers failed' };
    world = { candidate, rollout: null };
    expect(await screen.findByText(title)).toBeVisible();
    expect(screen.getByText(/^rollout:/)).toHaveTextContent('rollout: 3 of its 40 answers failed');
    expect(screen.queryByRole('region', { name: /In trial/ })).toBeNull();
  });
});

it('a trial that ends before it is read is told like any other', async () => {
  server.use(
    http.post('*/admin/models/:bundle/shadow', () => {
      world.candidate = { ...CANDIDATE, state: 'rejected', by: 'rollout', reason: 'far worse' };
      return HttpResponse.json(rolloutOf());
    }),
  );
  const user = open();
  const form = await openForm(user, /Try .*2026-05-01-c/);
  await user.click(form.getByRole('button', { name: 'Begin the trial' }));
  expect(await screen.findByText('The trial is over: 2026-05-01-c was rejected')).toBeVisible();
  expect(screen.getByText(/^rollout:/)).toHaveTextContent('rollout: far worse');
  expect(screen.queryByText(/is in trial as a shadow/)).toBeNull();
});

it('a list that does not know of the trial yet is read again', async () => {
  inTrial(rolloutOf());
  const candidates = [CANDIDATE, world.candidate];
  server.use(
    http.get('*/admin/models', () => {
      const candidate = candidates.length > 1 ? candidates.shift() : candidates[0];
      return HttpResponse.json({ models: [ACTIVE, candidate, OTHER] });
    }),
  );
  open();
  await card();
  await waitFor(() =>
    expect(screen.getByRole('row', { name: /2026-05-01-c/ })).toHaveTextContent('Shadow'),
  );
});
