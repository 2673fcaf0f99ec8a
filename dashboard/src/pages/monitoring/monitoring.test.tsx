import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Job } from '@/api/jobs';
import type { DriftEvent, LiveAccuracy, Outlier } from '@/api/monitoring';
import { BASIS, callerAnswer, healthAnswer, metaAnswer, problem } from '@/test/answers';
import { openTable, renderAt } from '@/test/render';
import { server } from '@/test/server';
import MonitoringPage from './monitoring';
import {
  daily,
  driftEvent,
  figures,
  liveAnswer,
  nodesAnswer,
  outlier,
  QUIET_API,
} from './test-answers';

let asked: string[];

function answerLive(live: Partial<LiveAccuracy>) {
  server.use(
    http.get('*/accuracy', ({ request }) => {
      const query = new URL(request.url).searchParams;
      asked.push(query.toString());
      const level = query.get('level');
      return HttpResponse.json(level ? nodesAnswer(level) : liveAnswer(live));
    }),
  );
}

function answerDrift(events: DriftEvent[]) {
  server.use(
    http.get('*/drift', ({ request }) => {
      const query = new URL(request.url).searchParams;
      asked.push(`drift ${query}`);
      const wanted = events.filter(
        ({ state }) => query.get('state') === 'all' || state === query.get('state'),
      );
      return HttpResponse.json({ events: wanted, next: null });
    }),
  );
}

function answerOutliers(outliers: Outlier[]) {
  server.use(
    http.get('*/outliers', ({ request }) => {
      const isOpen = new URL(request.url).searchParams.get('state') === 'open';
      const wanted = outliers.filter((each) => !isOpen || each.acknowledged_at === null);
      return HttpResponse.json({ outliers: wanted, next: null, snapshot: BASIS.snapshot });
    }),
  );
}

function cellsOf(row: HTMLElement | null): (string | null)[] {
  return [...(row?.querySelectorAll('td') ?? [])].map((each) => each.textContent);
}

async function cardOf(title: string): Promise<HTMLElement> {
  return screen.findByRole('region', { name: title });
}

beforeEach(() => {
  asked = [];
  server.use(...QUIET_API);
});

describe('live accuracy', () => {
  it('says in words how right forecasts were, and what that means', async () => {
    renderAt('/monitoring', <MonitoringPage />);
    expect(
      await screen.findByText(/^Store, 1–7 days ahead: on 28 days, forecasts were 10% off/),
    ).toHaveTextContent(
      'on average (9% to 11%); the same weekday of the last known week would have been 17% off. As good as when the model was trained (10.5%).',
    );
  });

  it.each([
    ['better', { wape: { value: 0.08, low: 0.07, high: 0.09 } }, 'Better than when'],
    ['worse', { wape: { value: 0.14, low: 0.12, high: 0.16 } }, 'Worse than when'],
    ['too new to say', { wape: { value: 0.14, low: null, high: null } }, 'Too few days to'],
    ['beaten by a rule', { steps: { seasonal_naive: 0.05 } }, 'rule would have been better'],
  ])('says that forecasts are %s', async (_, changes, text) => {
    answerLive({ figures: [figures('store', '1-7', 0.1, changes)] });
    renderAt('/monitoring', <MonitoringPage />);
    expect(await screen.findByText(/^Store, 1–7 days ahead/)).toHaveTextContent(text);
  });

  it('has a table by days ahead, with those of the training and of the rule', async () => {
    renderAt('/monitoring', <MonitoringPage />);
    const table = await screen.findByRole('table', { name: /^By days ahead, Jun 3/ });
    const [, near, far] = within(table).getAllByRole('row');
    const rest = ['-2%', '82%', '94%', '28', '84'];
    expect(cellsOf(near as HTMLElement)).toEqual([' 10%', '9% to 11%', '10.5%', ' 17%', ...rest]);
    expect(cellsOf(far as HTMLElement)[0]).toBe('worse 14%');
  });

  it('draws errors beside the rule and coverage beside what is promised, day by day', async () => {
    renderAt('/monitoring', <MonitoringPage />);
    await openTable();
    const [errors] = await screen.findAllByRole('table', { name: 'Errors by day: Store' });
    const rows = within(errors as HTMLElement).getAllByRole('row');
    expect(rows).toHaveLength(29);
    expect(cellsOf(rows.at(-1) as HTMLElement)).toEqual(['10%', '17%']);
    const slider = screen.getByRole('slider', { name: /^Sales within intervals by day: Store/ });
    expect(slider).toHaveAttribute(
      'aria-valuetext',
      expect.stringMatching(/^Jun 30, 2024: .*82%, Promised 80%, .*94%, Promised 95%$/),
    );
  });

  it('is that of another level and of more days when these are chosen', async () => {
    answerLive({});
    renderAt('/monitoring', <MonitoringPage />);
    await userEvent.selectOptions(await screen.findByLabelText('Whose forecasts'), 'Series');
    expect(await screen.findByText(/^Series, 1–7 days ahead: .* 12% off/)).toBeVisible();
    await userEvent.click(screen.getByLabelText('90 days'));
    await waitFor(() => expect(asked).toContain('window=90&daily=true'));
    expect(window.location.search).toBe('?level=bottom&window=90');
  });

  it('of a node is its own, with that of its series in the table', async () => {
    answerLive({
      figures: [
        figures('bottom', '1-7', 0.3, { node: 'store:2', recorded: null }),
        figures('store', '1-7', 0.2, { node: 'store:2', recorded: null }),
      ],
      daily: [...daily('bottom', 'store:2'), ...daily('store', 'store:2')],
    });
    renderAt('/monitoring?node=store:2', <MonitoringPage />);
    expect(await screen.findByText(/^Store 2, 1–7 days ahead: .* 20% off/)).not.toHaveTextContent(
      'trained',
    );
    expect(asked).toContain('window=28&daily=true&node=store%3A2');
    const table = await screen.findByRole('table', { name: /^By days ahead/ });
    const names = within(table).getAllByRole('rowheader');
    expect(names.map((each) => each.textContent)).toEqual(['Store, 1–7', 'Its series, 1–7']);
  });

  it('says that intervals are adapted to what was missed', async () => {
    answerLive({ adaptation: { digest: 'ab', through: '2024-06-30', factors: [] } });
    renderAt('/monitoring', <MonitoringPage />);
    expect(
      await screen.findByText(/adapted to what was missed through Jun 30, 2024/),
    ).toBeVisible();
  });

  it('says why there is nothing yet, and what to do', async () => {
    answerLive({ first: null, last: null, figures: [], daily: [] });
    renderAt('/monitoring', <MonitoringPage />);
    expect(await screen.findByText('Nothing to compare yet')).toBeVisible();
    expect(
      await screen.findByText(/sales of a newer day than Jun 30, 2024 are known/),
    ).toBeVisible();
    expect(screen.getByText(/run “mlrf score”/)).toHaveTextContent('docs/how-to/accuracy.md');
    expect(screen.queryByRole('region', { name: 'Where it is worst' })).toBeNull();
  });

  it('that cannot be read says so, and the rest of the page is there', async () => {
    server.use(
      http.get('*/accuracy', () => problem(503, 'MONITORING_UNAVAILABLE', 'The database is away.')),
    );
    renderAt('/monitoring', <MonitoringPage />);
    const [notice] = await screen.findAllByRole('alert');
    expect(notice).toHaveTextContent('Records of monitoring cannot be used now');
    expect(await screen.findByText(/^Nothing drifts: errors/)).toBeVisible();
  });

  it('speaks of weeks where sales are weekly', async () => {
    answerLive({});
    server.use(http.get('*/meta', () => HttpResponse.json(metaAnswer({ step: 'week' }))));
    renderAt('/monitoring?window=90', <MonitoringPage />);
    expect(
      await screen.findByText(/^Store, 1–7 weeks ahead: in 28 weeks, .* the last known week/),
    ).toBeVisible();
    expect(screen.getByLabelText('13 weeks')).toBeChecked();
    expect(asked).toContain('window=91&daily=true');
  });
});

describe('what drifts', () => {
  const OPEN = [
    driftEvent(3, {
      detector: 'features',
      subject: 'promotions',
      severity: 'info',
      bucket: null,
      figure: 0.41,
      reference: 0.1,
    }),
    driftEvent(2),
    driftEvent(1, {
      detector: 'silent_site',
      subject: 'store:2',
      severity: 'critical',
      bucket: null,
      figure: 5,
      reference: 0,
    }),
  ];

  it('is listed with the most urgent first, and counted above', async () => {
    answerDrift(OPEN);
    renderAt('/monitoring', <MonitoringPage />);
    const card = await cardOf('What drifts');
    const names = await within(card).findAllByRole('heading', { level: 3 });
    expect(names.map((each) => each.textContent)).toEqual([
      'A site stopped selling · Store 2',
      'Errors are larger · Store · 1–7 days ahead',
      'Inputs have other values · Promotions',
    ]);
    expect(asked).toContain(`drift state=open&model_version=${BASIS.model_version}`);
    const count = screen.getByText('Open drifts').closest('div');
    expect(count).toHaveTextContent('Open drifts31 critical');
  });

  const LOOKS: [DriftEvent | undefined, string | RegExp, string, string][] = [
    [OPEN[1], 'Now12%In training8%', 'Its errors over time', '/monitoring?level=store'],
    [OPEN[0], 'NowPSI 0.41In trainingPSI 0.1', 'What forecasts depend on', '/explain'],
    [
      OPEN[2],
      'Now5 days',
      'Forecast beside what was sold',
      '/forecasts?node=store%3A2&horizon=28&asOf=2024-06-09',
    ],
    [
      driftEvent(4, { detector: 'day_error', subject: 'store:2', figure: -0.4, reference: 0 }),
      'Now-40%',
      'Its errors over time',
      '/monitoring?node=store%3A2',
    ],
    [
      driftEvent(12, { detector: 'worse_than_naive', figure: 0.2, reference: 0.18 }),
      'Now20%Same weekday last week18%',
      'Its errors over time',
      '/monitoring?level=store',
    ],
    [
      driftEvent(5, { detector: 'unseen', subject: 'holiday', figure: 2 }),
      'Now2',
      'What stands out',
      '/',
    ],
    [
      driftEvent(6, { detector: 'unseen', subject: 'series', figure: 0.1 }),
      'Now10%',
      'All series',
      '/tree',
    ],
    [
      driftEvent(7, { detector: 'covariate_unused', subject: 'onpromotion', figure: 0 }),
      'Now0%',
      'Promotions that stand out',
      '/?kind=promotion',
    ],
    [
      driftEvent(8, { detector: 'covariate_missing', subject: 'price', figure: 0.5 }),
      'Now50%',
      'What stands out',
      '/',
    ],
    [
      driftEvent(9, { detector: 'new_series', subject: 'series', figure: 0.2 }),
      'Now20%',
      'New series',
      '/?kind=new-series',
    ],
    [
      driftEvent(10, { detector: 'silent_series', subject: 'series', figure: 7 }),
      'Now7',
      'Series without sales',
      '/?kind=stockout',
    ],
    [
      driftEvent(11, { detector: 'stale_data', subject: 'data', figure: 9, reference: 1 }),
      /Now9 days(?!In training)/,
      'What is served',
      '/status',
    ],
  ];

  it.each(
    LOOKS.map(
      ([event, ...rest]) => [`${event?.detector} of ${event?.subject}`, event, ...rest] as const,
    ),
  )('has figures and leads to where to look: %s', async (_, event, facts, label, href) => {
    answerDrift([event as DriftEvent]);
    renderAt('/monitoring', <MonitoringPage />);
    const card = await cardOf('What drifts');
    const item = await within(card).findByRole('listitem');
    expect(item).toHaveTextContent(facts);
    const link = within(item).getByRole('link', { name: new RegExp(`^${label}: `) });
    expect(link).toHaveAttribute('href', href);
  });

  it('does not lead to a page that the caller may not use', async () => {
    answerDrift([OPEN[0] as DriftEvent]);
    answerOutliers([outlier(1)]);
    server.use(
      http.get('*/caller', () => HttpResponse.json(callerAnswer({ scopes: ['forecast'] }))),
    );
    renderAt('/monitoring', <MonitoringPage />);
    const item = await within(await cardOf('What drifts')).findByRole('listitem');
    await screen.findByText(/needs the permission plan/); // now it is known who asks
    expect(within(item).queryByRole('link')).toBeNull();
  });

  it('is shown with what is over when that is wanted', async () => {
    const older = driftEvent(9, { state: 'open', model_version: 'older', subject: 'family' });
    const over = driftEvent(8, { state: 'closed', closed: '2024-06-28', subject: 'total' });
    answerDrift([older, over, driftEvent(2)]);
    renderAt('/monitoring', <MonitoringPage />);
    const card = await cardOf('What drifts');
    const toggle = within(card).getByRole('button', { name: 'Show what is over' });
    expect(toggle).toHaveAttribute('aria-expanded', 'false');
    await userEvent.click(toggle);
    const past = (await within(card).findByText('What is over')).parentElement as HTMLElement;
    const items = await within(past).findAllByRole('listitem');
    expect(items).toHaveLength(2);
    expect(items[0]).toHaveTextContent('of an earlier model');
    expect(items[1]).toHaveTextContent('Over sinceJun 28, 2024');
    expect(window.location.search).toBe('?past=1');
    await userEvent.click(within(card).getByRole('button', { name: 'Hide what is over' }));
    expect(screen.queryByText('What is over')).toBeNull();
  });
});

describe('odd values', () => {
  const SAID = outlier(2, {
    node: 'family:DAIRY',
    acknowledged_at: '2024-07-02T08:00:00+00:00',
    acknowledged_by: 'anna',
    real: true,
    note: 'Street festival',
  });

  it('are listed with their days, as a picture and as a table', async () => {
    answerOutliers([outlier(1, { severity: 'critical', replaced: true })]);
    renderAt('/monitoring', <MonitoringPage />);
    const item = await within(await cardOf('Odd values in the newest sales')).findByRole(
      'listitem',
    );
    expect(item).toHaveTextContent('SpikeCritical900 instead of 90 expected');
    expect(item).toHaveTextContent('Forecasts read an estimate in its place');
    expect(within(item).getByRole('link')).toHaveAttribute(
      'href',
      '/forecasts?node=store%3A1%2Ffamily%3ABOOKS&horizon=28&asOf=2024-06-19',
    );
    expect(item.querySelectorAll('circle')).toHaveLength(1);
    await userEvent.click(within(item).getByText('Show these days as a table'));
    const row = within(item).getByText('Jun 20, 2024').closest('tr');
    expect(cellsOf(row)).toEqual(['900', '900']);
    expect(screen.getByText('Outliers to look at').closest('div')).toHaveTextContent('11 critical');
  });

  it('that somebody has looked at are listed on request, with what was said', async () => {
    answerOutliers([outlier(1), SAID]);
    renderAt('/monitoring', <MonitoringPage />);
    const card = await cardOf('Odd values in the newest sales');
    expect(await within(card).findAllByRole('listitem')).toHaveLength(1);
    await userEvent.click(within(card).getByLabelText('All'));
    const said = (await within(card).findByText(/^It happened, says anna/)).closest('li');
    expect(said).toHaveTextContent('“Street festival”');
    expect(within(said as HTMLElement).queryByRole('button')).toBeNull();
    expect(window.location.search).toBe('?outliers=all');
  });

  it.each([
    ['It happened…', true],
    ['It is wrong…', false],
  ])('are acknowledged with a note: %s', async (action, real) => {
    const open = [outlier(1)];
    answerOutliers(open);
    const sent: unknown[] = [];
    server.use(
      http.post('*/outliers/1/acknowledge', async ({ request }) => {
        sent.push(await request.json());
        open.length = 0;
        return HttpResponse.json(SAID);
      }),
    );
    renderAt('/monitoring', <MonitoringPage />);
    await userEvent.click(
      await screen.findByRole('button', { name: `${action} Store 1 · BOOKS, Jun 20, 2024` }),
    );
    const dialog = screen.getByRole('dialog');
    await userEvent.type(within(dialog).getByLabelText('Note'), 'Street festival');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Record' }));
    const noted = await screen.findByText('Recorded: Store 1 · BOOKS, Jun 20, 2024');
    expect(sent).toEqual([{ real, note: 'Street festival' }]);
    expect(await screen.findByText('Nothing that nobody has looked at yet.')).toBeVisible();
    await waitFor(() => expect(noted.parentElement).toHaveFocus());
  });

  it('that cannot be recorded stay in the dialog, with the reason', async () => {
    answerOutliers([outlier(1)]);
    server.use(
      http.post('*/outliers/1/acknowledge', () => problem(404, 'NOT_FOUND', 'There is none.')),
    );
    renderAt('/monitoring', <MonitoringPage />);
    await userEvent.click(await screen.findByRole('button', { name: /^It happened…/ }));
    const dialog = screen.getByRole('dialog');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Record' }));
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('There is none.');
  });

  it('are only shown to who may not say what was real', async () => {
    answerOutliers([outlier(1)]);
    server.use(
      http.get('*/caller', () => HttpResponse.json(callerAnswer({ scopes: ['forecast'] }))),
    );
    renderAt('/monitoring', <MonitoringPage />);
    expect(await screen.findByText(/needs the permission plan/)).toBeVisible();
    expect(screen.queryByRole('button', { name: /^It happened/ })).toBeNull();
  });
});

describe('where it is worst', () => {
  it('lists the nodes of a level by their errors, or by units wrong', async () => {
    renderAt('/monitoring', <MonitoringPage />);
    const card = await cardOf('Where it is worst');
    const names = async () =>
      (await within(card).findAllByRole('rowheader')).map((each) => each.textContent);
    expect(await names()).toEqual(['Store 2', 'Store 10', 'Store 1']);
    const link = within(card).getByRole('link', { name: 'Store 2' });
    expect(link).toHaveAttribute('href', '/forecasts?node=store%3A2&horizon=28&asOf=2024-06-02');
    expect(cellsOf(link.closest('tr'))[2]).toBe('better 17%');
    expect(within(card).getByRole('link', { name: 'Over time: Store 2' })).toHaveAttribute(
      'href',
      '/monitoring?node=store%3A2&window=28',
    );
    await userEvent.click(within(card).getByLabelText('Most units wrong'));
    expect(await names()).toEqual(['Store 1', 'Store 10', 'Store 2']);
    expect(within(card).getByRole('link', { name: 'Which series are worst?' })).toHaveAttribute(
      'href',
      '/quality',
    );
  });

  it('lists another level when it is chosen', async () => {
    answerLive({});
    renderAt('/monitoring', <MonitoringPage />);
    const card = await cardOf('Where it is worst');
    await userEvent.selectOptions(within(card).getByLabelText('Level'), 'Family');
    await waitFor(() => expect(asked).toContain('window=28&level=family'));
    expect(window.location.search).toBe('?worst=family');
  });
});

describe('data and jobs', () => {
  const JOB: Job = {
    id: 'job-1',
    kind: 'scoring',
    subject: 'served forecasts',
    by: 'runner',
    state: 'failed',
    queued_at: '2024-07-01T06:00:00+00:00',
    started_at: '2024-07-01T06:00:01+00:00',
    finished_at: '2024-07-01T06:00:31+00:00',
    progress: null,
    cancelled_by: null,
    detail: 'The disk is full.',
    result: null,
  };

  it('say how new the sales are, and what is wrong with them', async () => {
    const reasons = [{ name: 'data', detail: 'The newest sales are of 2024-06-30.' }];
    server.use(
      http.get('*/health', () => HttpResponse.json(healthAnswer({ degraded: true, reasons }))),
    );
    renderAt('/monitoring', <MonitoringPage />);
    const card = await cardOf('Data and jobs');
    expect(await within(card).findByText('The newest sales are of 2024-06-30.')).toBeVisible();
    expect(within(card).getByText('Could be known').parentElement).toHaveTextContent('Jul 2, 2024');
    expect(await screen.findByText('2 days behind')).toBeVisible();
  });

  it('list what served, trained and compared, for who may see jobs', async () => {
    const runner = { host: 'here', seen_at: JOB.queued_at, alive: true, trains: true };
    const jobs = [JOB, { ...JOB, id: 'job-2', kind: 'upload' }];
    server.use(
      http.get('*/admin/jobs', () => HttpResponse.json({ jobs, runner, reads_tables: true })),
    );
    renderAt('/monitoring', <MonitoringPage />);
    const table = await screen.findByRole('table', { name: 'Newest jobs' });
    expect(within(table).getAllByRole('row')).toHaveLength(2);
    const row = within(table).getByText('Comparison of forecasts with the sales').closest('tr');
    expect(cellsOf(row)).toEqual(['Failed', expect.any(String), '30 s', 'The disk is full.']);
    expect(screen.queryByText(/Nothing executes jobs now/)).toBeNull();
  });

  it('warn where no runner compares forecasts with the sales', async () => {
    renderAt('/monitoring', <MonitoringPage />);
    expect(await screen.findByText(/Nothing executes jobs now/)).toBeVisible();
    expect(screen.getByText(/^No data were reloaded/)).toBeVisible();
  });

  it('leave jobs out for who may not see them', async () => {
    server.use(
      http.get('*/caller', () => HttpResponse.json(callerAnswer({ scopes: ['forecast'] }))),
      http.get('*/admin/*', () => HttpResponse.error()),
    );
    renderAt('/monitoring', <MonitoringPage />);
    expect(await screen.findByText('Could be known')).toBeVisible();
    expect(screen.queryByText('Newest jobs')).toBeNull();
  });
});
