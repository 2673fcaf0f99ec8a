import type { TFunction } from 'i18next';
import { expect, test } from 'vitest';
import { forecastAnswer, historyAnswer, yearBeforeAnswer } from '@/test/answers';
import { exportTable } from './export-table';

const t = ((key: string) => key) as unknown as TFunction;
const forecast = forecastAnswer({ horizon: 7 });
const previous = historyAnswer({ from: '2023-07-03', to: '2023-07-09' });

function near(...values: number[]) {
  return values.map((each) => expect.closeTo(each, 6) as number);
}

test('a table has a row of the total, with the bounds of the sum and the year before', () => {
  const { rows, total } = exportTable(t, forecast, { previous, year: yearBeforeAnswer(7) });
  expect(rows).toHaveLength(7);
  expect(rows[0]).toEqual(['2024-07-01', ...near(100, 90, 110, 80, 120), null, 90]);
  expect(total).toEqual(['forecast.export.total', ...near(700, 630, 770, 560, 840), null, 630]);
});

test('a total has no year before where it is not that of all its days', () => {
  const { total } = exportTable(t, forecast, { previous, year: yearBeforeAnswer(6) });
  expect(total?.at(-1)).toBeNull();
});
