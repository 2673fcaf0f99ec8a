import { type RefObject, useEffect, useState } from 'react';

/** Return the width of an element in pixels, as it changes. */
export function useWidth(element: RefObject<HTMLElement | null>, initial = 720): number {
  const [width, setWidth] = useState(initial);
  useEffect(() => {
    const target = element.current;
    if (target === null || typeof ResizeObserver === 'undefined') return;
    const observer = new ResizeObserver(([entry]) => {
      const measured = entry?.contentRect.width ?? 0;
      if (measured > 0) setWidth(Math.round(measured));
    });
    observer.observe(target);
    return () => observer.disconnect();
  }, [element]);
  return width;
}
