import { useQuery } from '@tanstack/react-query';
import type { ComponentType } from 'react';
import { Offline } from '@/api/problems';
import { QueryView } from '@/ui/query-view';
import { BASE } from '@/url/base';
import type { PageName } from '@/url/links';

interface PageModule {
  default: ComponentType;
}

/** The code of a page, which is loaded when the page is opened. */
export type LoadPage = () => Promise<PageModule>;

/** What was loaded stays when the answers of the API are forgotten. */
const loaded = new Map<PageName, PageModule>();

/**
 * Fail while the server is away.
 *
 * A browser does not repeat an import that has failed, however often it is asked for (HTML, module
 * map), so nothing is imported before something answers. What it is does not matter.
 */
async function reachServer(): Promise<void> {
  const answer = await fetch(new URL('livez', BASE), { cache: 'no-store' });
  await answer.text(); // a body that is not read keeps the request open
}

async function codeOf(name: PageName, load: LoadPage): Promise<PageModule> {
  try {
    // the first page follows the document, which has just come from the server
    if (loaded.size > 0) await reachServer();
    const code = await load();
    loaded.set(name, code);
    return code;
  } catch (error) {
    throw new Offline(error);
  }
}

/**
 * A page whose code is loaded when it is opened.
 *
 * The server may be away just then: the page says so and can be tried again, as with any answer. A
 * lazy component of React would keep its failure until everything is loaded anew, and a key that is
 * in memory would be lost with it.
 */
export function OnDemand({ name, load }: { name: PageName; load: LoadPage }) {
  const query = useQuery({
    queryKey: ['code', name],
    queryFn: () => codeOf(name, load),
    initialData: () => loaded.get(name),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <QueryView query={query} height="24rem">
      {({ default: Page }) => <Page />}
    </QueryView>
  );
}
