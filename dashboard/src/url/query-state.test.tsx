import { act, fireEvent, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { FORECAST_API, META } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import { DayField } from '@/ui/day-field';
import { Segments, TextField } from '@/ui/field';
import { HorizonSelect } from '@/ui/horizon-select';
import { NodePicker } from '@/ui/node-picker';
import { day, list, oneOf, text, useQueryState, whole } from './query-state';

const HORIZON = whole(1, 90);

function Horizon() {
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, 30);
  return (
    <button type="button" onClick={() => setHorizon(horizon + 1)}>
      {horizon}
    </button>
  );
}

function Both() {
  const [node, setNode] = useQueryState('node', text, 'total');
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, 30);
  const change = () => {
    setNode('store:1');
    setHorizon(7);
  };
  return (
    <button type="button" onClick={change}>
      {node} {horizon}
    </button>
  );
}

function Node() {
  const [node, setNode] = useQueryState('node', text, 'total');
  return <NodePicker value={node} onChange={setNode} />;
}

function Days() {
  const [horizon, setHorizon] = useQueryState('horizon', HORIZON, 7);
  return <HorizonSelect meta={META} value={horizon} onChange={setHorizon} />;
}

function FirstDay() {
  const [date, setDate] = useQueryState('date', day, '2024-07-01');
  const range = { min: '2024-01-01', max: '2024-12-31' };
  return <DayField label="From" {...range} value={date} onChange={setDate} />;
}

const MODE = oneOf('units', 'index');

function Tab() {
  const [mode, setMode] = useQueryState('mode', MODE, 'units');
  const choices = [
    { value: 'units' as const, label: 'Units' },
    { value: 'index' as const, label: 'Index' },
  ];
  return <Segments label="As" value={mode} choices={choices} onChange={setMode} />;
}

function Find() {
  const [find, setFind] = useQueryState('find', text, '', 'replace');
  return <TextField label="Find" value={find} onChange={setFind} />;
}

/** Return the query of the address after one step back. */
async function stepBack(): Promise<string> {
  const arrived = new Promise((resolve) => {
    window.addEventListener('popstate', resolve, { once: true });
  });
  await act(async () => {
    window.history.back();
    await arrived;
  });
  return window.location.search;
}

describe('Back', () => {
  it('undoes the choice of a node', async () => {
    server.use(...FORECAST_API);
    renderAt('/forecasts?node=store%3A1&horizon=7', <Node />);
    await userEvent.click(screen.getByRole('combobox'));
    await userEvent.click(await screen.findByRole('option', { name: /Everything/ }));
    expect(window.location.search).toBe('?node=total&horizon=7');
    expect(await stepBack()).toBe('?node=store%3A1&horizon=7');
    expect(screen.getByRole('combobox')).toHaveValue('Store 1');
  });

  it('undoes the choice of a horizon', async () => {
    renderAt('/forecasts', <Days />);
    await userEvent.click(screen.getByLabelText('28 days'));
    await userEvent.click(screen.getByLabelText('56 days'));
    expect(await stepBack()).toBe('?horizon=28');
    expect(screen.getByLabelText('28 days')).toBeChecked();
  });

  it('undoes a horizon that was typed at once, not its digits', async () => {
    renderAt('/forecasts', <Days />);
    await userEvent.click(screen.getByLabelText('14 days'));
    await userEvent.click(screen.getByLabelText('Other…'));
    const field = screen.getByLabelText('Number of days, 1 to 90');
    await userEvent.clear(field);
    await userEvent.type(field, '45');
    expect(window.location.search).toBe('?horizon=45');
    expect(await stepBack()).toBe('?horizon=14');
  });

  it('undoes a date that was typed at once', async () => {
    renderAt('/forecasts?date=2024-02-01', <FirstDay />);
    const field = screen.getByLabelText('From');
    await userEvent.click(field);
    for (const value of ['2024-03-01', '2024-03-12'])
      fireEvent.change(field, { target: { value } });
    expect(window.location.search).toBe('?date=2024-03-12');
    expect(await stepBack()).toBe('?date=2024-02-01');
    expect(field).toHaveValue('2024-02-01');
  });

  it('undoes the choice of a tab', async () => {
    renderAt('/compare', <Tab />);
    await userEvent.click(screen.getByLabelText('Index'));
    expect(await stepBack()).toBe('');
    expect(screen.getByLabelText('Units')).toBeChecked();
  });

  it('undoes two changes of one choice together', async () => {
    renderAt('/forecasts', <Both />);
    await userEvent.click(screen.getByRole('button'));
    expect(await stepBack()).toBe('');
  });

  it('leaves out what was typed', async () => {
    renderAt('/tree', <Find />);
    const before = window.history.length;
    await userEvent.type(screen.getByLabelText('Find'), 'milk');
    expect(window.location.search).toBe('?find=milk');
    expect(window.history.length).toBe(before);
  });

  it('has no step for a choice that is made already', async () => {
    renderAt('/compare?mode=index', <Tab />);
    const before = window.history.length;
    await userEvent.click(screen.getByLabelText('Index'));
    expect(window.history.length).toBe(before);
  });
});

describe('a value in the address', () => {
  it('is kept when another one changes at the same time', async () => {
    renderAt('/forecasts', <Both />);
    await userEvent.click(screen.getByRole('button'));
    expect(screen.getByRole('button')).toHaveTextContent('store:1 7');
  });

  it('is read from the address', () => {
    renderAt('/forecasts?horizon=7', <Horizon />);
    expect(screen.getByRole('button')).toHaveTextContent('7');
  });

  it.each(['', '?horizon=', '?horizon=0', '?horizon=91', '?horizon=ten', '?horizon=1.5'])(
    'is the initial one where the address has none that is valid: %s',
    (search) => {
      renderAt(`/forecasts${search}`, <Horizon />);
      expect(screen.getByRole('button')).toHaveTextContent('30');
    },
  );

  it('changes alone and keeps what else is in the address', async () => {
    renderAt('/forecasts?node=store%3A1&horizon=7', <Horizon />);
    await userEvent.click(screen.getByRole('button'));
    expect(new URLSearchParams(window.location.search)).toEqual(
      new URLSearchParams({ node: 'store:1', horizon: '8' }),
    );
  });
});

describe('codecs', () => {
  it('refuse a date of another form', () => {
    expect(day.parse('2024-07-01')).toBe('2024-07-01');
    expect(day.parse('1.7.2024')).toBeUndefined();
  });

  it.each([
    ['of ids', ['store:1/family:BREAD, CAKES', 'store:2']],
    ['with bars in them', ['family:A|B', '|', 'family:C||']],
    ['with backslashes in them', ['family:A\\', 'family:\\|B', '\\\\']],
  ])('write lists %s that they read again', (_, items) => {
    expect(list.parse(list.format(items) as string)).toEqual(items);
  });

  it('read lists of older links, and leave out empty ones', () => {
    expect(list.parse('store:1|store:2||family:A\\B')).toEqual([
      'store:1',
      'store:2',
      'family:A\\B',
    ]);
    expect(list.format([])).toBeNull();
  });

  it('take one of the named values only', () => {
    const mode = oneOf('absolute', 'indexed');
    expect(mode.parse('indexed')).toBe('indexed');
    expect(mode.parse('other')).toBeUndefined();
  });
});
