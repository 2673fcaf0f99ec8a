import { render } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { TimeChart } from '../time-chart';
import { excelOf } from './excel';
import { pdfOf, printable, UnprintableText } from './pdf';
import { standalone } from './standalone';

function drawnChart(label = 'Sold'): SVGSVGElement {
  const values = new Map([
    ['2024-06-01', 10],
    ['2024-06-02', 20],
  ]);
  render(
    <TimeChart
      title="Forecast"
      summary=""
      lines={[{ id: 'actual', label, tone: 'actual', values }]}
      bands={[{ id: 'band', label: '80 %', tone: 'forecast', lower: values, upper: values }]}
    />,
  );
  return document.querySelector('figure > svg') as SVGSVGElement;
}

describe('a chart as a picture of its own', () => {
  test('has a title and a legend, and no cursor, class or style', () => {
    const { svg, height } = standalone(drawnChart(), 'Forecast: Everything');
    const texts = [...svg.querySelectorAll('text')].map((each) => each.textContent);
    expect(texts).toEqual(expect.arrayContaining(['Forecast: Everything', 'Sold', '80 %']));
    expect(svg.querySelector('circle, [class], [style]')).toBeNull();
    expect(height).toBeGreaterThan(300);
  });

  test('leaves the page and its colours as they were', () => {
    document.documentElement.dataset.theme = 'dark';
    const chart = drawnChart();
    const before = chart.outerHTML;
    standalone(chart);
    expect(chart.outerHTML).toBe(before);
    expect(document.documentElement.dataset.theme).toBe('dark');
    delete document.documentElement.dataset.theme;
  });
});

describe('a document', () => {
  test.each([
    ['thin spaces', '1\u2009–\u200930 Jul', '1 – 30 Jul'],
    ['spaces that do not break', '80\u00a0% of 1\u202f000', '80 % of 1 000'],
    ['a minus', '\u22125', '-5'],
    ['Spanish', 'Pronóstico, año', 'Pronóstico, año'],
  ])('is written with %s', (_, text, written) => {
    expect(printable(text)).toBe(written);
  });

  test('is refused rather than written with wrong letters', async () => {
    expect(() => printable('Łódź')).toThrow(UnprintableText);
    const document = { paragraphs: [], chart: drawnChart(), columns: [], rows: [] };
    await expect(pdfOf({ ...document, title: '東京' })).rejects.toThrow(UnprintableText);
  });
});

test('a workbook has a cell for each value', async () => {
  const table = {
    columns: [
      { label: 'Day', kind: 'day' as const },
      { label: 'Forecast', kind: 'number' as const },
    ],
    rows: [['2024-07-01', 12.5] as const, ['2024-07-02', null] as const],
  };
  const file = await excelOf('Forecast', table, { name: 'About', rows: [['Model', 'model-7']] });
  expect(file.size).toBeGreaterThan(1000);
});
