import { errorOf, Offline } from '@/api/problems';
import { credential, dropRefused } from '@/session/session';
import { BASE } from '@/url/base';

export type SendFile = (
  source: string,
  file: File,
  onSent: (bytes: number) => void,
  signal: AbortSignal,
) => Promise<void>;

/**
 * Send a file of an upload, and say how many of its bytes have left.
 *
 * By XMLHttpRequest: `fetch` tells nothing of a body that is on its way, which may take minutes.
 */
export const sendFile: SendFile = (source, file, onSent, signal) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const path = `admin/data/${encodeURIComponent(source)}/${encodeURIComponent(file.name)}`;
    const secret = credential()?.secret;
    const authorization = secret === undefined ? null : `Bearer ${secret}`;
    const abort = () => {
      request.abort();
      reject(signal.reason);
    };
    const settle = (end: () => void) => {
      signal.removeEventListener('abort', abort);
      end();
    };
    request.open('PUT', new URL(path, BASE));
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    if (authorization !== null) request.setRequestHeader('Authorization', authorization);
    request.upload.onprogress = ({ loaded }) => onSent(Math.min(loaded, file.size));
    request.onerror = () => settle(() => reject(new Offline(null)));
    request.onload = () =>
      settle(() => {
        if (request.status >= 200 && request.status < 300) return resolve();
        if (request.status === 401) dropRefused(authorization);
        errorOf(responseOf(request)).then(reject, reject);
      });
    signal.addEventListener('abort', abort);
    request.send(file);
  });

/** Return the response of a request that has ended, as the other calls of the page have it. */
function responseOf(request: XMLHttpRequest): Response {
  const retryAfter = request.getResponseHeader('retry-after');
  return new Response(request.responseText, {
    status: request.status,
    headers: retryAfter === null ? {} : { 'retry-after': retryAfter },
  });
}
