const SVG = 'http://www.w3.org/2000/svg';
const LINE_HEIGHT = 18;
const LEGEND_SWATCH = 26;

/** Style properties that a picture of a chart needs; outside of the page no style sheet gives them. */
const PROPERTIES = [
  'fill',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'stroke-linecap',
  'stroke-linejoin',
  'opacity',
  'font-size',
  'font-weight',
  'text-anchor',
] as const;

export interface Picture {
  svg: SVGSVGElement;
  width: number;
  height: number;
}

function create(name: string, attributes: Record<string, string | number>, text?: string) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Run something in the light colours, which paper and pictures have, before the page is painted. */
function inLight<T>(run: () => T): T {
  const { dataset } = document.documentElement;
  const theme = dataset.theme;
  dataset.theme = 'light';
  try {
    return run();
  } finally {
    if (theme === undefined) delete dataset.theme;
    else dataset.theme = theme;
  }
}

function inlineStyles(from: Element, to: Element): void {
  const computed = getComputedStyle(from);
  for (const property of PROPERTIES) {
    const value = computed.getPropertyValue(property);
    if (value) to.setAttribute(property, value);
  }
  to.removeAttribute('class');
  to.removeAttribute('style');
  [...from.children].forEach((child, at) => {
    inlineStyles(child, to.children[at] as Element);
  });
}

/** Return the opacity of so many layers upon each other. */
function opacityOf(layer: number, count: number): number {
  return 1 - (1 - layer) ** count;
}

/** Return a piece of a line or band as the chart draws it. */
function swatchOf(path: Element, x: number, y: number): Element {
  const width = LEGEND_SWATCH;
  const look = (name: string) => path.getAttribute(name) ?? '';
  return look('stroke') === 'none'
    ? create('rect', {
        ...{ x, y: y - 10, width, height: 10, fill: look('fill') },
        opacity: opacityOf(Number(look('opacity')), Number(look('data-layers'))),
      })
    : create('path', {
        d: `M${x} ${y - 4}H${x + width}`,
        stroke: look('stroke'),
        'stroke-width': 2,
        'stroke-dasharray': look('stroke-dasharray') || 'none',
      });
}

/** Draw the name of each line and band; return their elements and the height that they take. */
function legendOf(chart: SVGSVGElement, width: number, top: number): [Element[], number] {
  const elements: Element[] = [];
  let [x, y] = [0, top];
  for (const path of chart.querySelectorAll('path[data-label]')) {
    const label = path.getAttribute('data-label') as string;
    const needs = LEGEND_SWATCH + 8 + label.length * 7 + 16;
    if (x > 0 && x + needs > width) [x, y] = [0, y + LINE_HEIGHT];
    elements.push(
      swatchOf(path, x, y),
      create('text', { x: x + LEGEND_SWATCH + 6, y, 'font-size': '12px', fill: '#14242b' }, label),
    );
    x += needs;
  }
  return [elements, y - top + LINE_HEIGHT];
}

/**
 * Return a chart of the page as a picture of its own: styles inlined, in light colours, with a legend.
 *
 * A copy of the element alone would be black: style sheets and variables do not follow it. What is
 * only for the screen, such as the cursor, is left out.
 */
export function standalone(chart: SVGSVGElement, title?: string): Picture {
  const copy = chart.cloneNode(true) as SVGSVGElement;
  inLight(() => inlineStyles(chart, copy));
  for (const each of copy.querySelectorAll('[data-screen-only]')) each.remove();
  const width = chart.viewBox.baseVal?.width || chart.clientWidth || 720;
  const chartHeight = chart.viewBox.baseVal?.height || chart.clientHeight || 300;
  const top = title ? 24 : 0;
  const [legend, legendHeight] = legendOf(copy, width, top + 14);
  const height = top + legendHeight + 8 + chartHeight;
  const svg = create('svg', {
    xmlns: SVG,
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    'font-family': 'Helvetica, Arial, sans-serif',
  }) as SVGSVGElement;
  const body = create('g', { transform: `translate(0 ${height - chartHeight})` });
  body.append(...copy.children);
  if (title) {
    const look = { x: 0, y: 16, 'font-size': '15px', 'font-weight': 'bold', fill: '#14242b' };
    svg.append(create('text', look, title));
  }
  svg.append(...legend, body);
  return { svg, width, height };
}
