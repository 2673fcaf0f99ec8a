import { useRef } from 'react';

/** Return a key that names one attempt of a call; `randomUUID` is missing on pages without TLS. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Return a key for what is sent: the same for the same content, so that a repetition makes nothing
 * twice.
 *
 * `forget` ends an attempt: after it, the same content is another one.
 */
export function useAttemptKey(): { keyOf: (content: unknown) => string; forget: () => void } {
  const last = useRef<{ content: string; key: string } | null>(null);
  return {
    keyOf: (content) => {
      const written = JSON.stringify(content);
      if (last.current?.content !== written)
        last.current = { content: written, key: newIdempotencyKey() };
      return last.current.key;
    },
    forget: () => {
      last.current = null;
    },
  };
}
