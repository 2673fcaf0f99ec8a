import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { renderAt } from '@/test/render';
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

  it('changes the address in place and keeps what else is in it', async () => {
    renderAt('/forecasts?node=store%3A1&horizon=7', <Horizon />);
    const before = window.history.length;
    await userEvent.click(screen.getByRole('button'));
    expect(new URLSearchParams(window.location.search)).toEqual(
      new URLSearchParams({ node: 'store:1', horizon: '8' }),
    );
    expect(window.history.length).toBe(before);
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
