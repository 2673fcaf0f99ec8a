import type { jsPDF } from 'jspdf';
import { standalone } from './standalone';

const MARGIN = 40;
const ROW = 14;
const SOFT = '#4c5d66';

/** Text that a PDF of this page cannot show: its fonts have the letters of Western Europe alone. */
export class UnprintableText extends Error {
  constructor(readonly text: string) {
    super(`The fonts of the PDF lack letters of “${text}”.`);
    this.name = 'UnprintableText';
  }
}

/** Spaces and signs of a locale that the fonts lack, by what they have instead. */
const REPLACED: readonly (readonly [RegExp, string])[] = [
  [/[\u00a0\u2009\u202f]/g, ' '],
  [/\u2212/g, '-'],
];
const PRINTABLE = /^[\u0020-\u007e\u00a1-\u00ff\u2013\u2014\u2018-\u201e\u2022\u2026\u20ac]*$/;

/**
 * Return a text as the fonts can show it.
 *
 * @throws UnprintableText rather than a file with wrong letters.
 */
export function printable(text: string): string {
  const written = REPLACED.reduce((each, [found, instead]) => each.replace(found, instead), text);
  if (!PRINTABLE.test(written)) throw new UnprintableText(text);
  return written;
}

export interface Document {
  title: string;
  /** Sentences below the title. */
  paragraphs: readonly string[];
  chart: SVGSVGElement;
  columns: readonly { label: string; numeric: boolean }[];
  /** Cells as they are read. */
  rows: readonly (readonly string[])[];
  /** The last row, which sums up. */
  total?: readonly string[] | undefined;
}

/** Writes from the top of a page to its bottom, and begins another where it is full. */
class Writer {
  y = MARGIN;

  constructor(readonly pdf: jsPDF) {}

  get width(): number {
    return this.pdf.internal.pageSize.getWidth() - 2 * MARGIN;
  }

  get bottom(): number {
    return this.pdf.internal.pageSize.getHeight() - MARGIN;
  }

  /** Begin a page if so much does not fit; return whether it was begun. */
  needs(height: number): boolean {
    if (this.y + height <= this.bottom) return false;
    this.pdf.addPage();
    this.y = MARGIN;
    return true;
  }

  paragraph(text: string, size: number, style: 'normal' | 'bold', colour: string): void {
    this.pdf.setFont('helvetica', style).setFontSize(size).setTextColor(colour);
    for (const line of this.pdf.splitTextToSize(printable(text), this.width) as string[]) {
      this.needs(size * 1.35);
      this.y += size;
      this.pdf.text(line, MARGIN, this.y);
      this.y += size * 0.35;
    }
  }

  row(cells: readonly string[], columns: Document['columns'], style: 'normal' | 'bold'): void {
    this.pdf.setFont('helvetica', style).setFontSize(8.5).setTextColor('#14242b');
    const step = this.width / columns.length;
    this.y += ROW;
    cells.forEach((cell, at) => {
      const numeric = columns[at]?.numeric ?? false;
      const x = MARGIN + step * (numeric ? at + 1 : at) - (numeric ? 4 : 0);
      this.pdf.text(printable(cell), x, this.y - 4, { align: numeric ? 'right' : 'left' });
    });
    this.pdf.setDrawColor('#d3dce0').line(MARGIN, this.y, MARGIN + this.width, this.y);
  }
}

async function drawChart(writer: Writer, chart: SVGSVGElement): Promise<void> {
  const { svg, width, height } = standalone(chart);
  for (const each of svg.querySelectorAll('text')) each.textContent = printable(each.textContent);
  const scale = writer.width / width;
  writer.needs(height * scale);
  const { svg2pdf } = await import('svg2pdf.js');
  await svg2pdf(svg, writer.pdf, {
    x: MARGIN,
    y: writer.y,
    width: writer.width,
    height: height * scale,
  });
  writer.y += height * scale + ROW;
}

/** Return a document with a title, what it says, a chart as vectors, and its table. */
export async function pdfOf({
  title,
  paragraphs,
  chart,
  columns,
  rows,
  total,
}: Document): Promise<Blob> {
  const { jsPDF } = await import('jspdf');
  const pdf = new jsPDF({ unit: 'pt', format: 'a4', orientation: 'landscape', compress: true });
  pdf.setProperties({ title });
  const writer = new Writer(pdf);
  writer.paragraph(title, 16, 'bold', '#14242b');
  for (const text of paragraphs) writer.paragraph(text, 10, 'normal', SOFT);
  writer.y += ROW;
  await drawChart(writer, chart);
  const head = columns.map((each) => each.label);
  writer.needs(3 * ROW);
  writer.row(head, columns, 'bold');
  for (const row of rows) {
    if (writer.needs(ROW)) writer.row(head, columns, 'bold');
    writer.row(row, columns, 'normal');
  }
  if (total) {
    if (writer.needs(ROW)) writer.row(head, columns, 'bold');
    writer.row(total, columns, 'bold');
  }
  return pdf.output('blob');
}
