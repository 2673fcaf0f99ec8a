import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Job, Jobs } from '@/api/jobs';
import { callerAnswer, problem } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import { endedJob, findingsOf, jobOf, jobsOf, sourceOf, sourcesOf, tablesOf } from './test-answers';
import { TrainingSection } from './training-section';
import { clearUpload } from './upload-store';
import type { Sources } from './use-training';

function answerWith(jobs: Jobs, sources: Sources = sourcesOf([sourceOf()])): void {
  server.use(
    http.get('*/admin/jobs', () => HttpResponse.json(jobs)),
    http.get('*/admin/data', () => HttpResponse.json(sources)),
  );
}

beforeEach(() => {
  clearUpload();
  server.use(http.get('*/caller', () => HttpResponse.json(callerAnswer())));
  answerWith(jobsOf([]));
});

function open() {
  renderAt('/models', <TrainingSection />);
  return userEvent.setup();
}

const csv = (name: string, size = 10) => new File(['x'.repeat(size)], name, { type: 'text/csv' });

async function choose(...files: File[]): Promise<void> {
  fireEvent.change(await screen.findByLabelText('Files', { selector: 'input' }), {
    target: { files },
  });
}

/** Record the files that are sent, and the checks that are asked for. */
function recordUpload(job: Job) {
  const calls: string[] = [];
  server.use(
    http.put('*/admin/data/:name/:file', async ({ params, request }) => {
      calls.push(`${params.name}/${params.file} ${(await request.text()).length}`);
      return HttpResponse.json(sourceOf());
    }),
    http.post('*/admin/data/:name', async ({ params, request }) => {
      calls.push(`check ${params.name} ${JSON.stringify(await request.json())}`);
      return HttpResponse.json(job, { status: 202 });
    }),
  );
  return calls;
}

describe('the tables', () => {
  it('are listed with what may be done with each', async () => {
    answerWith(
      jobsOf([]),
      sourcesOf([sourceOf(), sourceOf({ name: 'put', by: null })], [sourceOf({ name: 'half' })]),
    );
    open();
    const row = async (name: RegExp) => within(await screen.findByRole('row', { name }));
    const names = (of: ReturnType<typeof within>) =>
      of.queryAllByRole('button').map((button: HTMLElement) => button.textContent);
    expect(names(await row(/half/))).toEqual(['Continue…', 'Delete…']);
    expect(names(await row(/shops/))).toEqual(['Delete…']);
    expect(names(await row(/put/))).toEqual([]);
    expect((await row(/shops/)).getByText('2 MB')).toBeVisible();
    expect((await row(/put/)).getByText('The operator')).toBeVisible();
  });

  it('are deleted after a question that names them', async () => {
    const deleted: unknown[] = [];
    server.use(
      http.delete('*/admin/data/:name', ({ params }) => {
        deleted.push(params.name);
        return HttpResponse.json(sourcesOf([]));
      }),
    );
    const user = open();
    await user.click(await screen.findByRole('button', { name: 'Delete shops' }));
    const dialog = await screen.findByRole('dialog', { name: 'Delete shops?' });
    expect(deleted).toEqual([]);
    await user.click(within(dialog).getByRole('button', { name: 'Delete these tables' }));
    expect(await screen.findByText('shops is deleted.')).toHaveFocus();
    expect(deleted).toEqual(['shops']);
  });

  it('are not offered where the server reads none, which is not asked for them', async () => {
    server.use(
      http.get('*/admin/jobs', () => HttpResponse.json(jobsOf([], { reads_tables: false }))),
      http.get('*/admin/data', () => HttpResponse.error()),
    );
    open();
    expect(await screen.findByText('This server reads no tables')).toBeVisible();
    expect(screen.getByText(/DATA_DIR set to a folder/)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Train' })).toBeNull();
  });

  it('say why their folder cannot be read', async () => {
    server.use(
      http.get('*/admin/data', () =>
        problem(503, 'UPLOADS_UNAVAILABLE', 'DATA_DIR cannot be read or written (denied).'),
      ),
    );
    open();
    expect(await screen.findByText(/DATA_DIR cannot be read or written \(denied\)/)).toBeVisible();
  });
});

describe('an upload', () => {
  it('sends each file, then asks for a check, and says that the tables can be trained on', async () => {
    const job = endedJob(
      { id: 'c1', kind: 'upload', subject: 'june' },
      { tables: tablesOf({ published: true, rows: null }) },
    );
    const calls = recordUpload(job);
    const user = open();
    const name = await screen.findByLabelText('Name of the tables');
    await user.clear(name);
    await user.type(name, 'june');
    await choose(csv('sales.csv'), csv('shops.csv', 5));
    answerWith(jobsOf([job]));
    await user.click(screen.getByRole('button', { name: 'Send and check' }));
    expect(await screen.findByText('“june” is right, and can be trained on now')).toBeVisible();
    expect(calls).toEqual([
      'june/sales.csv 10',
      'june/shops.csv 5',
      'check june {"delimiter":",","decimal":".","dates":"ymd"}',
    ]);
    await user.click(screen.getByRole('button', { name: 'Upload more tables' }));
    expect(screen.queryByText('sales.csv', { selector: 'li *' })).toBeNull();
  });

  it('shows all faults at once, and then sends only what was corrected', async () => {
    const errors = [findingsOf(), findingsOf({ code: 'number', count: 30 })];
    const job = endedJob(
      { id: 'c1', kind: 'upload', subject: 'june' },
      { tables: tablesOf({ usable: false, published: false, rows: null, errors }) },
    );
    const calls = recordUpload(job);
    const user = open();
    const name = await screen.findByLabelText('Name of the tables');
    await user.clear(name);
    await user.type(name, 'june');
    await choose(csv('sales.csv'), csv('shops.csv'));
    answerWith(jobsOf([job]));
    await user.click(screen.getByRole('button', { name: 'Send and check' }));
    expect(await screen.findByText('“june” has 31 errors')).toBeVisible();
    const form = within(screen.getByLabelText('Name of the tables').closest('form') as HTMLElement);
    expect(form.getAllByText('sales.csv, row 2, column Tag:')).toHaveLength(2);
    expect(form.getAllByText(/'yesterday' where a date/)).toHaveLength(2);
    expect(form.getAllByText('write YYYY-MM-DD')).toHaveLength(2);
    expect(form.getByText('And 29 more of this kind.')).toBeVisible();
    calls.length = 0;
    await choose(csv('sales.csv', 7));
    await user.click(screen.getByRole('button', { name: 'Send and check' }));
    await waitFor(() => expect(calls).toHaveLength(2));
    expect(calls[0]).toBe('june/sales.csv 7');
  });

  it.each([
    ['a file that is no table', [csv('sales.xlsx')], /“sales.xlsx” cannot be a table/],
    ['more bytes than there may be', [csv('sales.csv', 1500)], /1.5 kB together, and 1 kB/],
    ['more files than there may be', ['a', 'b', 'c', 'd'].map((it) => csv(`${it}.csv`)), /3 files/],
  ])('refuses %s before anything is sent', async (_, files, fault) => {
    const calls = recordUpload(jobOf());
    const user = open();
    await choose(...files);
    const alerts = await screen.findAllByRole('alert');
    expect(alerts.some(({ textContent }) => fault.test(textContent ?? ''))).toBe(true);
    await user.click(screen.getByRole('button', { name: 'Send and check' }));
    expect(calls).toEqual([]);
  });

  it('refuses the name of tables that there are', async () => {
    const user = open();
    const name = await screen.findByLabelText('Name of the tables');
    await user.clear(name);
    await user.type(name, 'shops');
    expect(await screen.findByText(/“shops” is taken/)).toBeVisible();
    expect(name).toBeInvalid();
  });

  it('that the server refuses says why, and is sent again from the file that failed', async () => {
    const calls = recordUpload(jobOf({ id: 'c1', kind: 'upload' }));
    server.use(
      http.put(
        '*/admin/data/:name/shops.csv',
        () => problem(507, 'STORAGE_FULL', 'The volume of DATA_DIR has no space for this.'),
        { once: true },
      ),
    );
    const user = open();
    await choose(csv('sales.csv'), csv('shops.csv'));
    await user.click(screen.getByRole('button', { name: 'Send and check' }));
    expect(await screen.findByText(/volume of DATA_DIR has no space/)).toBeVisible();
    expect(calls.map((call) => call.split('/')[1])).toEqual(['sales.csv 10']);
    await user.click(screen.getByRole('button', { name: 'Send and check' }));
    await waitFor(() => expect(calls).toHaveLength(3));
    expect(calls[1]).toMatch(/shops.csv 10/);
  });

  it('goes on while another page is looked at, and stops when it is told to', async () => {
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    server.use(
      http.put('*/admin/data/:name/:file', async () => {
        arrive();
        return new Promise(() => {}); // it never ends
      }),
    );
    const { unmount } = renderAt('/models', <TrainingSection />);
    await choose(csv('sales.csv'));
    await waitFor(() =>
      expect(screen.getByRole('button', { name: 'Send and check' })).toBeEnabled(),
    );
    fireEvent.click(screen.getByRole('button', { name: 'Send and check' }));
    await arrived;
    unmount();
    const user = open();
    await user.click(await screen.findByRole('button', { name: 'Stop' }));
    expect(await screen.findByRole('button', { name: 'Send and check' })).toBeEnabled();
    expect(screen.getByText('sales.csv', { selector: 'li *' })).toBeVisible();
    expect(screen.getByText('10 byte')).toBeVisible();
  });

  it('of a file that cannot be read any more says so, and sends nothing of it', async () => {
    const calls = recordUpload(jobOf());
    const moved = csv('sales.csv');
    moved.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('moved')) }) as never;
    const user = open();
    await choose(moved);
    await user.click(screen.getByRole('button', { name: 'Send and check' }));
    expect(await screen.findByText(/“sales.csv” cannot be read/)).toBeVisible();
    expect(calls).toEqual([]);
  });
});

describe('a training', () => {
  function record(job: Job) {
    const bodies: unknown[] = [];
    server.use(
      http.post('*/admin/training', async ({ request }) => {
        bodies.push(await request.json());
        return HttpResponse.json(job, { status: 202 });
      }),
    );
    return bodies;
  }
  const layout = { delimiter: ',', decimal: '.', dates: 'ymd' };

  it('is asked for with the newest tables unless others are chosen', async () => {
    answerWith(
      jobsOf([]),
      sourcesOf([sourceOf({ name: 'july', modified: '2026-12-01T00:00:00+00:00' }), sourceOf()]),
    );
    const bodies = record(jobOf());
    const user = open();
    await user.click(await screen.findByRole('button', { name: 'Train' }));
    expect(await screen.findByText(/“shops” is in the list of jobs/)).toBeVisible();
    await user.selectOptions(screen.getByLabelText('Tables to train on'), 'shops');
    await user.click(screen.getByRole('radio', { name: 'Fast' }));
    await user.click(screen.getByRole('radio', { name: 'Leave it as a candidate' }));
    await user.click(
      screen.getByText('How the CSV files are written', {
        selector: 'form:has([type=radio]) summary',
      }),
    );
    const form = within(screen.getByRole('radio', { name: 'Fast' }).closest('form') as HTMLElement);
    await user.selectOptions(form.getByLabelText('Dates'), 'dmy');
    await user.click(screen.getByRole('button', { name: 'Train' }));
    await waitFor(() => expect(bodies).toHaveLength(2));
    expect(bodies).toEqual([
      { data: 'july', recipe: 'default', promote: 'if-better', ...layout },
      { data: 'shops', recipe: 'fast', promote: 'never', ...layout, dates: 'dmy' },
    ]);
  });

  it('on the demo data names no tables, and says what such a model never does', async () => {
    const bodies = record(jobOf());
    const user = open();
    await user.selectOptions(
      await screen.findByLabelText('Tables to train on'),
      'The built-in demo data',
    );
    expect(screen.getByText(/never takes the place/)).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Train' }));
    await waitFor(() => expect(bodies).toHaveLength(1));
    expect(bodies[0]).not.toHaveProperty('data');
  });

  it('can be checked first: what it would train on, and how long', async () => {
    const warnings = [findingsOf({ severity: 'warning', code: 'gap' })];
    const check = endedJob(
      { id: 'k1', kind: 'training-check' },
      { tables: tablesOf({ warnings }) },
    );
    const bodies = record(check);
    const user = open();
    await screen.findByRole('button', { name: 'Check first' });
    answerWith(jobsOf([check]));
    await user.click(screen.getByRole('button', { name: 'Check first' }));
    expect(await screen.findByText('“shops” can be used')).toBeVisible();
    expect(bodies).toEqual([{ data: 'shops', recipe: 'default', dry_run: true, ...layout }]);
    expect(screen.getByText('5,760')).toBeVisible();
    expect(screen.getByText('Apr 25, 2023')).toBeVisible();
    expect(screen.getByText('1 min 35 s')).toBeVisible();
    expect(screen.getByText('1 warning', { selector: 'summary' })).toBeVisible();
    // what was said is not of another recipe
    await user.click(screen.getByRole('radio', { name: 'Best' }));
    expect(screen.queryByText('5,760')).toBeNull();
  });

  it.each([
    ['there is no runner', null, /nothing executes them/],
    [
      'the runner has died',
      { host: 'box', seen_at: '2026-11-21T07:31:20+00:00', alive: false, trains: true },
      /The runner on box was last seen/,
    ],
    [
      'the runner cannot train',
      { host: 'box', seen_at: '2026-11-21T07:31:20+00:00', alive: true, trains: false },
      /because its image only serves/,
    ],
  ])('is not offered where %s, which is said', async (_, runner, text) => {
    answerWith(jobsOf([], { runner }));
    open();
    expect(await screen.findByText(text)).toBeVisible();
    expect(await screen.findByRole('button', { name: 'Train' })).toBeDisabled();
    expect(screen.getByRole('button', { name: 'Check first' })).toBeDisabled();
  });
});

describe('the jobs', () => {
  it('that run say how far they are', async () => {
    answerWith(jobsOf([jobOf()]));
    open();
    const job = within(await screen.findByRole('listitem', { name: 'Training on shops' }));
    expect(
      job.getByText(/Step 3 of 9: fitting · 50% of this step · about 2 min 20 s left/),
    ).toBeVisible();
    expect(job.getByRole('progressbar')).toHaveAttribute('value', String(2.5 / 9));
    expect(job.getByText(/Asked for by anna/)).toBeVisible();
  });

  it('name a step that the page does not know as the API does', async () => {
    const progress = { ...(jobOf().progress as NonNullable<Job['progress']>), phase: 'new step' };
    answerWith(jobsOf([jobOf({ progress })]));
    open();
    expect(await screen.findByText(/Step 3 of 9: new step/)).toBeVisible();
  });

  it('are read again while one runs; its end is announced, and its result shown', async () => {
    const verdict = { champion: '2026-03-01-a', outcome: 'better', why: 'errors are 6 % lower' };
    const done = endedJob(
      {},
      {
        bundle: '2026-05-01-c',
        served: true,
        verdict: verdict as NonNullable<Job['result']>['verdict'],
      },
    );
    answerWith(jobsOf([jobOf()]));
    open();
    await screen.findByRole('progressbar');
    answerWith(jobsOf([done]));
    expect(
      await screen.findByText('Training on shops: Done', { selector: '[role=status]' }),
    ).toBeInTheDocument();
    const job = within(screen.getByRole('listitem', { name: 'Training on shops' }));
    expect(job.getByText(/The model serves/)).toHaveTextContent(
      'The model serves. Compared with 2026-03-01-a: better, errors are 6 % lower.',
    );
    expect(job.getByText(/took 2 min 5 s/)).toBeVisible();
    expect(job.getByRole('button', { name: 'Show the model 2026-05-01-c' })).toBeVisible();
    expect(job.queryByRole('progressbar')).toBeNull();
  });

  it('that failed say why, and show their log when it is asked for', async () => {
    const detail = 'The job was interrupted: its process ended with signal 9.';
    answerWith(jobsOf([jobOf({ state: 'failed', progress: null, detail })]));
    let reads = 0;
    server.use(
      http.get('*/admin/jobs/:id/log', () => {
        reads += 1;
        return HttpResponse.text('out of memory');
      }),
    );
    const user = open();
    expect(await screen.findByText(detail)).toBeVisible();
    expect(reads).toBe(0);
    await user.click(screen.getByText('Log'));
    expect(await screen.findByText('out of memory')).toBeVisible();
  });

  it('that have written nothing yet say so', async () => {
    answerWith(jobsOf([jobOf()]));
    server.use(
      http.get('*/admin/jobs/:id/log', () =>
        HttpResponse.text('', { headers: { 'Content-Length': '0' } }),
      ),
    );
    const user = open();
    await user.click(await screen.findByText('Log'));
    expect(await screen.findByText('Nothing was written.')).toBeVisible();
  });

  it('are cancelled after a question, and say who asked', async () => {
    const cancelled: unknown[] = [];
    answerWith(jobsOf([jobOf()]));
    server.use(
      http.post('*/admin/jobs/:id/cancel', ({ params }) => {
        cancelled.push(params.id);
        answerWith(jobsOf([jobOf({ cancelled_by: 'ben' })]));
        return HttpResponse.json(jobOf({ cancelled_by: 'ben' }));
      }),
    );
    const user = open();
    await user.click(await screen.findByRole('button', { name: 'Cancel: Training on shops' }));
    const dialog = await screen.findByRole('dialog', { name: 'Cancel: Training on shops?' });
    await user.click(within(dialog).getByRole('button', { name: 'Cancel the job' }));
    expect(await screen.findByText(/ben has asked to cancel it/)).toBeVisible();
    expect(cancelled).toEqual([jobOf().id]);
    expect(screen.queryByRole('button', { name: /^Cancel: / })).toBeNull();
  });

  it('are listed in full when it is asked for', async () => {
    answerWith(jobsOf(Array.from({ length: 8 }, (_, at) => endedJob({ id: `j${at}` }))));
    const user = open();
    const items = () => screen.getAllByRole('listitem', { name: /Training/ });
    await user.click(await screen.findByRole('button', { name: 'Show all 8' }));
    expect(items()).toHaveLength(8);
  });
});
