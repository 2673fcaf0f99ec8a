import { fireEvent, render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { openTable } from '@/test/render';
import { type BandOfChart, type LineOfChart, TimeChart } from './time-chart';

const SOLD: LineOfChart = {
  id: 'actual',
  label: 'Sold',
  tone: 'actual',
  values: new Map([
    ['2024-06-01', 10],
    ['2024-06-02', 20],
    // the third is not known
    ['2024-06-04', 40],
  ]),
};
const FORECAST: LineOfChart = {
  id: 'forecast',
  label: 'Forecast',
  tone: 'forecast',
  values: new Map([
    ['2024-06-03', 31],
    ['2024-06-04', 41],
  ]),
};
const BAND: BandOfChart = {
  id: 'band-80',
  label: '80 % interval',
  tone: 'forecast',
  lower: new Map([['2024-06-04', 35]]),
  upper: new Map([['2024-06-04', 55]]),
};

function renderChart(origin?: string) {
  render(
    <TimeChart
      title="Forecast: Everything"
      summary="81 units in two days."
      lines={[SOLD, FORECAST]}
      bands={[BAND]}
      origin={origin}
    />,
  );
  return screen.getByRole<HTMLInputElement>('slider');
}

/** Return the cells of the table, row by row. */
function cells(): string[][] {
  return [...document.querySelectorAll('tbody tr')].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  );
}

test('has a name and says in a sentence what it shows', () => {
  renderChart();
  expect(screen.getByRole('figure')).toHaveAccessibleName(
    'Forecast: Everything. 81 units in two days.',
  );
});

test('has a table of the very values, with a dash where there is none', async () => {
  renderChart();
  expect(screen.queryByRole('table', { hidden: true })).not.toBeInTheDocument(); // until opened
  await openTable();
  expect(cells()).toEqual([
    ['Jun 1, 2024', '10', '–', '–'],
    ['Jun 2, 2024', '20', '–', '–'],
    ['Jun 3, 2024', '–', '31', '–'],
    ['Jun 4, 2024', '40', '41', '35 – 55'],
  ]);
});

test('leaves a gap in a line where a day is not known', () => {
  renderChart();
  const path = document.querySelector('path[data-label="Sold"]')?.getAttribute('d') ?? '';
  const parts = path.split('M').filter(Boolean);
  expect(parts).toHaveLength(2); // two days, and the one after the gap
  expect(parts[0]?.match(/L/g)).toHaveLength(1);
  expect(parts[1]).not.toMatch(/L\d/);
});

test('begins at the first day ahead, and the slider reads the values of each day', () => {
  const slider = renderChart('2024-06-02');
  expect(slider).toHaveAttribute('aria-valuetext', 'Jun 3, 2024: Forecast 31');
  fireEvent.change(slider, { target: { value: '3' } });
  expect(slider).toHaveAttribute(
    'aria-valuetext',
    'Jun 4, 2024: Sold 40, Forecast 41, 80 % interval 35 – 55',
  );
  fireEvent.change(slider, { target: { value: '0' } });
  expect(slider).toHaveAttribute('aria-valuetext', 'Jun 1, 2024: Sold 10');
});

test('names each line and band also on days on which it has no value', () => {
  renderChart('2024-06-02');
  const legend = [...document.querySelectorAll('.entry')].map((each) => each.textContent);
  expect(legend).toEqual(['Sold –', 'Forecast 31', '80 % interval –']);
});

test('tells bands apart in the legend as they are drawn: the inner one upon the outer one', () => {
  const outer = { ...BAND, id: 'band-95', label: '95 % interval' };
  render(<TimeChart title="Two" summary="" lines={[FORECAST]} bands={[outer, BAND]} />);
  const swatches = [...document.querySelectorAll('.entry svg')];
  expect(swatches.map((each) => each.querySelectorAll('path.band').length)).toEqual([0, 1, 2]);
});

test('begins at the day that it is asked to', () => {
  render(
    <TimeChart title="Two" summary="" lines={[SOLD]} origin="2024-06-01" start="2024-06-04" />,
  );
  expect(screen.getByRole('slider')).toHaveAttribute('aria-valuetext', 'Jun 4, 2024: Sold 40');
});

test('draws a day that stands alone as a dot, and its band as a bar', () => {
  const values = new Map([['2024-06-04', 41]]);
  render(
    <TimeChart title="One" summary="" lines={[SOLD, { ...FORECAST, values }]} bands={[BAND]} />,
  );
  const dots = document.querySelectorAll('svg.plot g:not([data-screen-only]) > circle');
  expect(dots).toHaveLength(1);
  expect(document.querySelector('path.band')?.getAttribute('d')).toMatch(/H[\d.]+V[\d.]+H/);
});

test('has a cursor that the keyboard moves', () => {
  const slider = renderChart();
  expect(slider).toHaveAttribute('min', '0');
  expect(slider).toHaveAttribute('max', '3');
  expect(slider.tabIndex).toBe(0);
});

/** Return the dates below the chart. */
function ticks(): (string | null)[] {
  const texts = [...document.querySelectorAll('svg text.tick')];
  return texts.map((each) => each.textContent).filter((each) => /[A-Z]/.test(each ?? ''));
}

test('names each day below it once, however few there are', () => {
  const values = new Map([
    ['2024-06-01', 10],
    ['2024-06-02', 20],
  ]);
  render(<TimeChart title="Two" summary="" lines={[{ ...SOLD, values }]} />);
  expect(ticks()).toEqual(['Jun 1', 'Jun 2']);
});

test('has the names of lines at their ends where they are wanted', () => {
  const lines = [
    { ...SOLD, label: 'Store 1' },
    { ...FORECAST, label: 'Store 2 · A very long name' },
  ];
  render(<TimeChart title="Two" summary="" lines={lines} named />);
  const names = [...document.querySelectorAll('svg text.end')].map((each) => each.textContent);
  expect(names).toEqual(['Store 2 · A very lo…', 'Store 1']); // 41 lies above 40
});

test('draws each series with a dash of its own', () => {
  const lines = [1, 2].map(
    (at): LineOfChart => ({
      ...SOLD,
      id: String(at),
      label: `S${at}`,
      tone: `series${at as 1 | 2}`,
    }),
  );
  render(<TimeChart title="Two" summary="" lines={lines} />);
  const looks = lines.map(({ label }) => document.querySelector(`[data-label="${label}"]`));
  expect(looks.map((each) => each?.getAttribute('class'))).toEqual([
    'line tone-series1',
    'line tone-series2',
  ]);
});

test('shows nothing where there are no days', () => {
  render(<TimeChart title="None" summary="" lines={[]} />);
  expect(screen.queryByRole('figure')).toBeNull();
});
