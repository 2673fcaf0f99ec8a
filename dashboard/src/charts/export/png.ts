import { type Picture, standalone } from './standalone';

const MARGIN = 16;
/** Pixels of the file for each of the page, so that it is sharp in a presentation. */
const SCALE = 2;

function load(source: string): Promise<HTMLImageElement> {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error('The chart cannot be drawn as a picture.'));
    image.src = source;
  });
}

async function draw({ svg, width, height }: Picture): Promise<HTMLCanvasElement> {
  const text = new XMLSerializer().serializeToString(svg);
  const url = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
  try {
    const image = await load(url);
    const canvas = document.createElement('canvas');
    canvas.width = (width + 2 * MARGIN) * SCALE;
    canvas.height = (height + 2 * MARGIN) * SCALE;
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    context.scale(SCALE, SCALE);
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, MARGIN, MARGIN, width, height);
    return canvas;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Return a chart of the page as a PNG file. */
export async function pngOf(chart: SVGSVGElement, title: string): Promise<Blob> {
  const canvas = await draw(standalone(chart, title));
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) =>
      blob ? resolve(blob) : reject(new Error('The browser wrote no picture.')),
    );
  });
}
